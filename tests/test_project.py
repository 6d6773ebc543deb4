"""The project holds together: pins, the published study as typed, what a start may import."""

import ast
import re
import subprocess
import sys
from importlib.metadata import packages_distributions

import pytest

from clinical_dpo.code_digest import PACKAGE, imported_modules
from tests.conftest import ROOT

PIN = re.compile(r"^\s*(?:- )?([A-Za-z0-9_.-]+)==([^\s;]+)$", re.MULTILINE)
NAMED = {  # module -> those that it imports by a name in a job's settings
    "grading/grade.py": "grading/graders/*.py",
    "statistics/metrics.py": "statistics/metric_kinds/*.py",
    "training/job.py": "training/[sd][fp][to].py",
}
DISTRIBUTIONS = packages_distributions()  # module -> the packages that bring it


def canonical(package):
    return re.sub("[-_.]+", "-", package).lower()


def pins(name):
    return {canonical(package): version for package, version in PIN.findall((ROOT / name).read_text())}


@pytest.mark.parametrize("name", ["envs/training.yaml", "envs/analysis.yaml"])
def test_conda_environments_pin_what_the_lock_pins(name):
    lock = pins("requirements.lock")
    found = pins(name)
    assert found and {package: lock.get(package) for package in found} == found


def imported_packages(script):
    """What a script imports from outside the standard library and this package, at its start or later."""
    files = {script} | imported_modules([script])
    for module, pattern in NAMED.items():
        if PACKAGE / module in files:
            named = set(PACKAGE.glob(pattern))
            files |= named | imported_modules(named)
    nodes = [node for file in files for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))]
    names = {each.name for node in nodes if isinstance(node, ast.Import) for each in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
    tops = {name.split(".")[0] for name in names} - {PACKAGE.name}
    return {canonical(DISTRIBUTIONS[top][0]) for top in tops if top in DISTRIBUTIONS}


def test_what_a_rule_imports_is_in_its_conda_environment():
    rules = [body for file in (ROOT / "workflow/rules").glob("*.smk") for body in file.read_text().split("\nrule ")[1:]]
    found = [re.search(r'"../../(envs/\w+.yaml)".*"../(scripts/\w+.py)"', body, re.DOTALL) for body in rules]
    lacking = {
        match[2]: missing
        for match in filter(None, found)
        if (missing := imported_packages(ROOT / "workflow" / match[2]) - set(pins(match[1])))
    }
    assert sum(map(bool, found)) > 40 and lacking == {}


def test_the_lock_names_no_build_of_torch():
    assert re.search(r"^torch==[0-9.]+$", (ROOT / "requirements.lock").read_text(), re.MULTILINE)


def test_starting_imports_neither_torch_nor_pandas():
    """Every job on a cluster parses the Snakefile twice."""
    code = "import sys, clinical_dpo.config.loading, clinical_dpo.code_digest, clinical_dpo.sweep.selection"
    code += "; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert {"torch", "pandas", "numpy", "transformers"}.isdisjoint(done.stdout.split())


@pytest.mark.parametrize("arguments", [[], ["--profile", "slurm"]])
def test_the_published_study_is_complete_as_typed(arguments):
    """1,074 jobs, 684 of them on a GPU: the numbers the README gives."""
    command = [sys.executable, "-m", "snakemake", "--dry-run", *arguments, "all"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    counts = dict(re.findall(r"^(\w+) +(\d+)$", done.stdout.split("Job stats:")[1], re.MULTILINE))
    assert counts["total"] == "1074"
    gpu = [body for body in re.split(r"\n(?:local)?rule ", done.stdout) if re.search(r"resources: .*gpu=1", body)]
    assert len(gpu) == 684
    assert (counts["probe"], counts["train"]) == ("210", "214")
