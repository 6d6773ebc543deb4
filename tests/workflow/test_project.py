"""The project holds together: pins, the published study as typed, what a start may import."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import distributions, packages_distributions, requires, version

import pytest
import yaml
from packaging.requirements import Requirement

from clinical_dpo.code_digest import PACKAGE, imported_modules
from envs.locks import CUDA_LOCK, DEV_LOCK, LOCK, entries
from tests.conftest import ROOT

NAMED = {  # module -> those that it imports by a name in a job's settings
    "grading/grade.py": "grading/graders/*.py",
    "statistics/metrics.py": "statistics/metric_kinds/*.py",
    "training/job.py": "training/[sd][fp][to].py",
}
DISTRIBUTIONS = packages_distributions()  # module -> the packages that bring it
CPU_LOCK = ROOT / "requirements-cpu.lock"


def canonical(package):
    return re.sub("[-_.]+", "-", package).lower()


HERE = {canonical(each.name) for each in distributions()}


def flat(entry):
    """An entry of a lock as one line."""
    return " ".join(entry.replace("\\\n", " ").split())


def locked(*locks):
    return {name: flat(entry) for lock in locks for name, entry in entries(lock.read_text()).items()}


def declared(group):
    """What pyproject.toml names: a group, or the dependencies of a run."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    names = project["dependency-groups"][group] if group else project["project"]["dependencies"]
    return {canonical(name) for name in names}


def installed_needs(names):
    """All packages that some need here, themselves among them, as those that are installed say."""
    needs, queue = set(), list(names)
    while queue:
        if (name := queue.pop()) not in needs:
            needs.add(name)
            wanted = [Requirement(line) for line in (name in HERE and requires(name)) or ()]
            here = [each for each in wanted if not each.marker or each.marker.evaluate({"extra": ""})]
            queue += [canonical(each.name) for each in here]
    return needs


@pytest.mark.parametrize("group", ["training", "analysis"])
def test_conda_environments_pin_what_the_lock_pins_with_its_hashes(group):
    environment = yaml.safe_load((ROOT / f"envs/{group}.yaml").read_text())
    lines = {line.split("==")[0]: line for line in environment["dependencies"][-1]["pip"]}
    known = locked(LOCK, CUDA_LOCK)
    assert {name: known.get(name) for name in lines} == lines
    assert installed_needs(declared(group)) <= set(lines)


@pytest.mark.parametrize(
    "path", [LOCK, CUDA_LOCK, DEV_LOCK, ROOT / "requirements-cpu.lock"], ids=lambda path: path.name
)
def test_every_line_of_a_lock_is_a_pin_with_hashes(path):
    text = path.read_text()
    rest = text
    for entry in entries(text).values():
        assert re.search(r"^[\w.-]+==\S+( ; [^\\]+)?( --hash=sha256:[0-9a-f]{64})+$", flat(entry)), entry
        rest = rest.replace(f"{entry}\n", "", 1)
    assert [line for line in rest.splitlines() if not line.startswith("#")] == []


def test_the_locks_hold_what_pyproject_names_and_all_that_this_needs():
    assert installed_needs(declared(None)) <= set(locked(LOCK))
    assert installed_needs(declared("dev")) <= set(locked(LOCK, DEV_LOCK))
    assert not set(locked(LOCK)) & set(locked(DEV_LOCK, CUDA_LOCK))
    assert declared("training") | declared("analysis") <= declared(None)


def test_what_is_installed_is_what_the_locks_pin():
    pinned = {name: line.split()[0].split("==")[1] for name, line in locked(LOCK, DEV_LOCK).items()}
    here = {name: version(name).split("+")[0] for name in pinned if name in HERE}
    assert len(here) > 100 and here == {name: pinned[name] for name in here}


def test_what_the_code_imports_is_named_in_pyproject():
    run = {file for folder in ("clinical_dpo", "workflow") for file in (ROOT / folder).rglob("*.py")}
    tools = {file for folder in ("tests", "benchmarks") for file in (ROOT / folder).rglob("*.py")}
    assert outside(run) <= declared(None)
    assert outside(tools) <= declared(None) | declared("dev")


def test_the_build_of_torch_without_cuda_has_the_version_of_the_lock():
    cpu = locked(CPU_LOCK)["torch"]
    assert cpu.startswith(locked(LOCK)["torch"].split()[0] + "+cpu ")


def test_make_installs_nothing_unchecked():
    text = (ROOT / "Makefile").read_text()
    installs = re.findall(r"^.*\bpip install\b.*$", text, re.MULTILINE)
    assert len(installs) == 1 and installs[0].startswith("INSTALL :=")
    assert {"--require-hashes", "--no-deps", "--no-build-isolation"} <= set(installs[0].split())
    assert re.findall(r"\$\(INSTALL\) .*?(requirements\S*\.lock)", text) == [
        *("requirements.lock", "requirements-cpu.lock", "requirements.lock", "requirements-cuda.lock"),
        "requirements-dev.lock",
    ]


def outside(files):
    """The packages that some files import from outside the standard library and this project."""
    nodes = [node for file in files for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))]
    names = {each.name for node in nodes if isinstance(node, ast.Import) for each in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
    tops = {name.split(".")[0] for name in names} - {PACKAGE.name}
    return {canonical(DISTRIBUTIONS[top][0]) for top in tops if top in DISTRIBUTIONS}


def imported_packages(script):
    """What a script imports from outside the standard library and this package, at its start or later."""
    files = {script} | imported_modules([script])
    for module, pattern in NAMED.items():
        if PACKAGE / module in files:
            named = set(PACKAGE.glob(pattern))
            files |= named | imported_modules(named)
    return outside(files)


def test_what_a_rule_imports_is_in_its_conda_environment():
    rules = [body for file in (ROOT / "workflow/rules").glob("*.smk") for body in file.read_text().split("\nrule ")[1:]]
    found = [re.search(r'"../../envs/(\w+).yaml".*"../(scripts/\w+.py)"', body, re.DOTALL) for body in rules]
    lacking = {
        match[2]: missing
        for match in filter(None, found)
        if (missing := imported_packages(ROOT / "workflow" / match[2]) - declared(match[1]))
    }
    assert sum(map(bool, found)) > 40 and lacking == {}


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
