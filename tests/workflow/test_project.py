"""Pins of packages, imports of a start, and the plan of the published study."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import distributions, packages_distributions, requires, version
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from clinical_dpo.code_digest import PACKAGE, imported_modules
from envs.locks import CUDA_LOCK, DEV_LOCK, LOCK, entries
from tests.conftest import ROOT

IMPORTED_BY_NAME = {  # module -> the modules that it imports by a name in a job's settings
    "grading/grade.py": "grading/graders/*.py",
    "statistics/metrics.py": "statistics/metric_kinds/*.py",
    "training/job.py": "training/[sd][fp][to].py",
}
DISTRIBUTIONS = packages_distributions()  # module -> the packages that install it
CPU_LOCK = ROOT / "requirements-cpu.lock"


def canonical(package):
    return re.sub("[-_.]+", "-", package).lower()


INSTALLED = {canonical(each.name) for each in distributions()}


def flat(entry):
    """An entry of a lock as one line."""
    return " ".join(entry.replace("\\\n", " ").split())


def locked(*locks):
    return {name: flat(entry) for lock in locks for name, entry in entries(lock.read_text()).items()}


def declared(group):
    """Packages of a group of pyproject.toml; for None the dependencies of a run."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    names = project["dependency-groups"][group] if group else project["project"]["dependencies"]
    return {canonical(name) for name in names}


def installed_requirements(names):
    """Some packages and all that they require on this platform, by the metadata of installed packages."""
    required, queue = set(), list(names)
    while queue:
        if (name := queue.pop()) not in required:
            required.add(name)
            requirements = [Requirement(line) for line in (name in INSTALLED and requires(name)) or ()]
            applicable = [each for each in requirements if not each.marker or each.marker.evaluate({"extra": ""})]
            queue += [canonical(each.name) for each in applicable]
    return required


@pytest.mark.parametrize("group", ["training", "analysis"])
def test_conda_environments_have_the_pins_and_hashes_of_the_lock(group):
    environment = yaml.safe_load((ROOT / f"envs/{group}.yaml").read_text())
    lines = {line.split("==")[0]: line for line in environment["dependencies"][-1]["pip"]}
    pins = locked(LOCK, CUDA_LOCK)
    assert {name: pins.get(name) for name in lines} == lines
    assert installed_requirements(declared(group)) <= set(lines)


@pytest.mark.parametrize(
    "path", [*ROOT.glob("*.lock"), ROOT / "tests/tokenization/vocabularies.lock"], ids=lambda path: path.name
)
def test_every_line_of_a_lock_is_a_pin_with_hashes(path):
    text = path.read_text()
    rest = text
    for entry in entries(text).values():
        assert re.search(r"^[\w.-]+==\S+( ; [^\\]+)?( --hash=sha256:[0-9a-f]{64})+$", flat(entry)), entry
        rest = rest.replace(f"{entry}\n", "", 1)
    assert [line for line in rest.splitlines() if not line.startswith("#")] == []


def test_the_locks_contain_all_that_pyproject_requires():
    assert installed_requirements(declared(None)) <= set(locked(LOCK))
    assert installed_requirements(declared("dev")) <= set(locked(LOCK, DEV_LOCK))


def test_no_package_is_in_two_locks():
    assert not set(locked(LOCK)) & set(locked(DEV_LOCK, CUDA_LOCK))


def test_packages_of_the_conda_environments_are_dependencies_of_a_run():
    assert declared("training") | declared("analysis") <= declared(None)


def test_installed_versions_are_those_of_the_locks():
    pinned = {name: line.split()[0].split("==")[1] for name, line in locked(LOCK, DEV_LOCK).items()}
    installed = {name: version(name).split("+")[0] for name in pinned if name in INSTALLED}
    assert len(installed) > 100 and installed == {name: pinned[name] for name in installed}


def test_pyproject_names_all_imported_packages():
    run = {file for folder in ("clinical_dpo", "workflow") for file in (ROOT / folder).rglob("*.py")}
    tools = {file for folder in ("tests", "benchmarks", "examples") for file in (ROOT / folder).rglob("*.py")}
    assert outside(run) <= declared(None)
    tools.remove(ROOT / "tests/helpers/vendor_ids.py")  # runs in an environment of its own
    assert outside(tools) <= declared(None) | declared("dev")


def test_torch_without_cuda_has_the_version_of_the_lock():
    cpu = locked(CPU_LOCK)["torch"]
    assert cpu.startswith(locked(LOCK)["torch"].split()[0] + "+cpu ")


def test_make_installs_only_from_locks_with_hashes():
    text = (ROOT / "Makefile").read_text()
    installs = re.findall(r"^.*\bpip install\b.*$", text, re.MULTILINE)
    assert len(installs) == 1 and installs[0].startswith("INSTALL :=")
    assert {"--require-hashes", "--no-deps", "--no-build-isolation"} <= set(installs[0].split())
    assert re.findall(r"\$\(INSTALL\) .*?(requirements\S*\.lock)", text) == [
        *("requirements.lock", "requirements-cpu.lock", "requirements.lock", "requirements-cuda.lock"),
        "requirements-dev.lock",
    ]


def outside(files):
    """Packages that some files import, without the standard library and this project."""
    nodes = [node for file in files for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))]
    names = {each.name for node in nodes if isinstance(node, ast.Import) for each in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
    tops = {name.split(".")[0] for name in names} - {PACKAGE.name}
    return {canonical(DISTRIBUTIONS[top][0]) for top in tops if top in DISTRIBUTIONS}


def imported_packages(script):
    """Packages that a script imports, at its start or later, without the standard library and this project."""
    files = {script} | imported_modules([script])
    for module, pattern in IMPORTED_BY_NAME.items():
        if PACKAGE / module in files:
            modules = set(PACKAGE.glob(pattern))
            files |= modules | imported_modules(modules)
    return outside(files)


def test_a_rules_conda_environment_has_all_packages_of_its_script():
    rules = [body for file in (ROOT / "workflow/rules").glob("*.smk") for body in file.read_text().split("\nrule ")[1:]]
    matches = [re.search(r'"../../envs/(\w+).yaml".*"../(scripts/\w+.py)"', body, re.DOTALL) for body in rules]
    lacking = {
        match[2]: missing
        for match in filter(None, matches)
        if (missing := imported_packages(ROOT / "workflow" / match[2]) - declared(match[1]))
    }
    assert sum(map(bool, matches)) > 40 and lacking == {}


def test_a_start_imports_neither_torch_nor_pandas_nor_scipy():
    """Every job starts a process that parses the Snakefile."""
    files = [ROOT / "Snakefile", *(ROOT / "workflow").glob("*/*.smk")]
    imports = (re.findall(r"^(?:from|import) (clinical_dpo[.\w]*)", file.read_text(), re.MULTILINE) for file in files)
    modules = sorted(set().union(*imports))
    code = f"import sys, {', '.join(modules)}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert len(modules) > 30
    assert {"torch", "pandas", "scipy", "datasketch", "transformers"}.isdisjoint(done.stdout.split())


@pytest.mark.parametrize("arguments", [[], ["--profile", "slurm"]])
def test_the_published_study_plans_the_jobs_that_docs_state(arguments):
    """1,099 jobs, of which 684 use a GPU."""
    command = [sys.executable, "-m", "snakemake", "--dry-run", *arguments, "all"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    counts = dict(re.findall(r"^(\w+) +(\d+)$", done.stdout.split("Job stats:")[1], re.MULTILINE))
    assert counts["total"] == "1099"
    gpu = [body for body in re.split(r"\n(?:local)?rule ", done.stdout) if re.search(r"resources: .*gpu=1", body)]
    assert len(gpu) == 684
    assert (counts["probe"], counts["train"]) == ("210", "214")


def test_every_place_names_the_same_version():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"]
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest and project == citation == newest[1]


def test_continuous_integration_runs_targets_of_the_makefile():
    jobs = yaml.safe_load((ROOT / ".github/workflows/tests.yml").read_text())["jobs"]
    commands = [step["run"] for job in jobs.values() for step in job["steps"] if "run" in step]
    makefile = (ROOT / "Makefile").read_text()
    assert "make test" in commands
    assert all(re.search(rf"^{command.removeprefix('make ')}:", makefile, re.MULTILINE) for command in commands)


def test_hooks_before_a_commit_run_tools_of_the_locks():
    (local,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    lock = (ROOT / "requirements-dev.lock").read_text()
    tools = {Path(hook["entry"].split()[0]).name for hook in local["hooks"]}
    assert tools and all(re.search(rf"^{tool}==", lock, re.MULTILINE) for tool in tools)
