"""The package's folders follow the data's path, each imports only from those before it, and tests lie in the same."""

import ast
import re
from pathlib import Path

import pytest

from clinical_dpo.code_digest import imported_modules
from tests.conftest import ROOT

PACKAGE = ROOT / "clinical_dpo"
TESTS = ROOT / "tests"
TESTS_ALONE = ("helpers", "workflow", "grading/answers")  # folders of tests that the package has not
ORDER = (
    *("config", "data", "tokenization", "data_checks", "models", "training", "inference", "endpoints", "grading"),
    *("sweep", "statistics", "papers", "report", "cluster"),
)


FLOOR = {
    "checksums",
    "errors",
    "escaping",
    "io",
    "paths",
    "script",
    "variants",
}  # what reads files of results and writes tables
COUNTED = {  # script of a figure or table -> the modules that its digest counts beside those
    "plot_sweep": {"report/figures/style", "report/figures/sweep"},
    "plot_training_curves": {"report/figures/style", "report/figures/training_curves", "training/plateau"},
    "plot_cost": {
        *("papers/published", "report/figures/cost", "report/figures/style", "schemas", "training/run_record"),
    },
    "plot_figure2": {"config/metrics", "report/figures/figure2", "report/figures/style", "report/p_values"},
    "compute_metrics": {
        *("config/graders", "config/metrics", "grading/answers", "grading/grade", "grading/scale", "thoughts"),
        *("statistics/intervals", "statistics/metrics"),
    },
}


def imports(file: Path, package: str = "clinical_dpo") -> list[str]:
    """Modules of a package that a file imports, late imports included."""
    found = []
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return [name for name in found if name.startswith(f"{package}.") and _file(name)]


def _file(name: str) -> Path | None:
    path = ROOT / name.replace(".", "/")
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.exists()), None)


def place(file: Path) -> int:
    """Where a file's folder stands; the ground floor, before all of them, is -1."""
    folder, *rest = file.relative_to(PACKAGE).parts
    return ORDER.index(folder) if rest else -1


def backward(files: list[Path]) -> list[str]:
    """The imports from a later folder, both files named."""
    pairs = ((file, _file(name)) for file in files for name in imports(file))
    return [
        f"{file.relative_to(ROOT)} imports {other.relative_to(ROOT)}"
        for file, other in dict.fromkeys(pairs)
        if other and place(other) > place(file)
    ]


def test_every_folder_has_its_place():
    assert sorted(path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()) == sorted(ORDER)


def test_no_folder_imports_from_a_later_one():
    assert backward(sorted(PACKAGE.rglob("*.py"))) == []


def test_a_backward_import_is_found_wherever_it_stands(tmp_path, monkeypatch):
    file = PACKAGE / "config" / "made_up.py"
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: "def f():\n    from clinical_dpo.report import latex\n")
    assert backward([file]) == [
        "clinical_dpo/config/made_up.py imports clinical_dpo/report/__init__.py",
        "clinical_dpo/config/made_up.py imports clinical_dpo/report/latex.py",
    ]


def test_no_module_imports_itself_by_a_detour():
    """Nor do files of one folder import each other in a circle."""
    reached = {file: {_file(name) for name in imports(file)} for file in PACKAGE.rglob("*.py")}
    for file in reached:
        seen, queue = set(), list(reached[file])
        while queue:
            other = queue.pop()
            if other not in seen:
                seen.add(other)
                queue += reached.get(other, ())
        assert file not in seen, f"{file.relative_to(ROOT)} imports itself"


@pytest.mark.parametrize("file", sorted(PACKAGE.rglob("__init__.py")), ids=lambda file: file.parent.name)
def test_init_files_hold_a_docstring_alone(file):
    [docstring] = ast.parse(file.read_text()).body
    assert isinstance(docstring, ast.Expr)


@pytest.mark.parametrize("script", COUNTED)
def test_what_may_redraw_a_figure_or_a_table(script):
    """An edit of any other module leaves it as it is."""
    modules = imported_modules([ROOT / f"workflow/scripts/{script}.py"])
    counted = {module.relative_to(PACKAGE).with_suffix("").as_posix() for module in modules}
    assert counted - FLOOR == COUNTED[script]


@pytest.mark.parametrize("script", ["probe", "train", "train_extra_seed", "predict", "compute_reference_logps"])
def test_no_gpu_job_counts_how_paths_are_spelled(script):
    """Another name of a table trains nothing and answers nothing."""
    modules = imported_modules([ROOT / f"workflow/scripts/{script}.py"])
    assert PACKAGE / "paths.py" not in modules


def test_the_architecture_names_what_is_there_in_the_packages_order():
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    folders = re.findall(r"^\| `(\w+)/` \|", text, re.MULTILINE)
    assert tuple(folders) == ORDER
    named = set(re.findall(rf"`((?:{'|'.join(ORDER)})/[\w/]+(?:\.py|/))`", text))
    assert len(named) > 20 and [name for name in named if not (ROOT / "clinical_dpo" / name).exists()] == []
    rules = set(
        re.findall(r"^rule (\w+):", "".join(map(Path.read_text, ROOT.glob("workflow/rules/*.smk"))), re.MULTILINE)
    )
    steps = [
        line.split("|")[2] for line in text.split("## The walk")[1].split("## ")[0].splitlines() if line[:1] == "|"
    ]
    walked = {rule for step in steps for rule in re.findall(r"`(\w+)`", step)}
    assert len(walked) > 10 and walked <= rules


def imported_tests(files: list[Path]) -> list[str]:
    """The imports of a test module, file and module named."""
    pairs = ((file, name) for file in files for name in imports(file, "tests"))
    return [
        f"{file.relative_to(ROOT)} imports {name}"
        for file, name in dict.fromkeys(pairs)
        if name.rpartition(".")[2].startswith("test_")
    ]


def test_no_test_module_is_imported():
    """What several test modules use is in tests/helpers."""
    assert imported_tests(sorted(TESTS.rglob("*.py"))) == []


@pytest.mark.parametrize(
    "line", ["from tests.workflow import test_order", "from tests.workflow.test_order import ORDER"]
)
def test_an_import_of_a_test_module_is_named_wherever_it_is(monkeypatch, line):
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: f"def f():\n    {line}\n")
    file = TESTS / "config" / "test_made_up.py"
    assert imported_tests([file]) == ["tests/config/test_made_up.py imports tests.workflow.test_order"]


def test_folders_of_tests_are_those_of_the_package():
    files = [file.relative_to(TESTS) for file in TESTS.rglob("*") if file.is_file() and "__pycache__" not in file.parts]
    assert {file.parts[0] for file in files if len(file.parts) > 1} == {*ORDER, "helpers", "workflow"}
    named = {TESTS / folder for folder in TESTS_ALONE}
    alone = {file.parent for file in files if named.isdisjoint((TESTS / file).parents)}
    assert [folder.as_posix() for folder in sorted(alone) if not (PACKAGE / folder).is_dir()] == []
    assert [file for file in files if file.parts[0] == "helpers" and file.name.startswith("test_")] == []
