"""The package's folders are in the order of the data's path, import only from earlier folders, and have equal tests."""

import ast
import re
from pathlib import Path

import pytest

from clinical_dpo.code_digest import imported_modules
from tests.conftest import ROOT

PACKAGE = ROOT / "clinical_dpo"
TESTS = ROOT / "tests"
ARCHITECTURE = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
TESTS_ALONE = ("helpers", "workflow", "grading/answers")  # folders of tests without a folder of the package
ORDER = (
    *("config", "data", "tokenization", "data_checks", "models", "training", "inference", "endpoints", "grading"),
    *("sweep", "statistics", "papers", "report", "cluster", "terminal"),
)
FLOOR = {
    "checksums",
    "errors",
    "escaping",
    "io",
    "paths",
    "records",
    "script",
    "variants",
}  # used by every script of a table
PANELS = ("report/figures/panels", "report/figures/style", "report/figures/text")
COUNTED = {  # script of a figure or table -> the modules in its digest besides FLOOR
    "plot_sweep": {*PANELS, "report/figures/sweep"},
    "plot_training_curves": {*PANELS, "report/figures/training_curves", "training/plateau"},
    "plot_cost": {
        *PANELS,
        *("papers/published", "report/cost_table", "report/figures/cost", "schemas"),
        *("training/run_record", "yaml_files"),
    },
    "plot_figure2": {
        *("config/metrics", "config/trivial", "report/figures/figure2", "report/figures/figure2_brackets"),
        *("report/figures/figure2_footnote", "report/figures/figure2_rows", "report/figures/style"),
        *("report/figures/text", "report/figures/trivial_lines", "report/p_values", "report/trivial_words"),
    },
    "compute_metrics": {
        *("config/graders", "config/metrics", "grading/answers", "grading/grade", "grading/scale", "thoughts"),
        *("statistics/clustered", "statistics/estimate", "statistics/grouped_grades", "statistics/groups"),
        *("statistics/intervals", "statistics/metrics"),
    },
}


def imports(file: Path, package: str = "clinical_dpo") -> list[str]:
    """Modules of a package that a file imports, at its start or within functions."""
    names = []
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return [name for name in names if name.startswith(f"{package}.") and _file(name)]


def _file(name: str) -> Path | None:
    path = ROOT / name.replace(".", "/")
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.exists()), None)


def folder_index(file: Path) -> int:
    """Index of a file's folder in ORDER; -1 for a file of the ground floor."""
    folder, *rest = file.relative_to(PACKAGE).parts
    return ORDER.index(folder) if rest else -1


def backward(files: list[Path]) -> list[str]:
    """Imports from a later folder, as texts that name both files."""
    pairs = ((file, _file(name)) for file in files for name in imports(file))
    return [
        f"{file.relative_to(ROOT)} imports {imported.relative_to(ROOT)}"
        for file, imported in dict.fromkeys(pairs)
        if imported and folder_index(imported) > folder_index(file)
    ]


def test_every_folder_is_in_the_order():
    assert sorted(path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()) == sorted(ORDER)


def test_no_folder_imports_from_a_later_one():
    assert backward(sorted(PACKAGE.rglob("*.py"))) == []


def test_a_backward_import_within_a_function_is_an_error(tmp_path, monkeypatch):
    file = PACKAGE / "config" / "made_up.py"
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: "def f():\n    from clinical_dpo.report import latex\n")
    assert backward([file]) == [
        "clinical_dpo/config/made_up.py imports clinical_dpo/report/__init__.py",
        "clinical_dpo/config/made_up.py imports clinical_dpo/report/latex.py",
    ]


def test_no_imports_are_circular():
    """This includes files of one folder."""
    imported = {file: {_file(name) for name in imports(file)} for file in PACKAGE.rglob("*.py")}
    for file in imported:
        reached, queue = set(), list(imported[file])
        while queue:
            module = queue.pop()
            if module not in reached:
                reached.add(module)
                queue += imported.get(module, ())
        assert file not in reached, f"{file.relative_to(ROOT)} imports itself"


@pytest.mark.parametrize("file", sorted(PACKAGE.rglob("__init__.py")), ids=lambda file: file.parent.name)
def test_init_files_contain_only_a_docstring(file):
    [docstring] = ast.parse(file.read_text()).body
    assert isinstance(docstring, ast.Expr)


@pytest.mark.parametrize("script", COUNTED)
def test_the_digest_of_a_figure_or_table_counts_only_the_modules_it_uses(script):
    """An edit of any other module does not make it again."""
    modules = imported_modules([ROOT / f"workflow/scripts/{script}.py"])
    counted = {module.relative_to(PACKAGE).with_suffix("").as_posix() for module in modules}
    assert counted - FLOOR == COUNTED[script]


@pytest.mark.parametrize("script", ["probe", "train", "train_extra_seed", "predict", "compute_reference_logps"])
def test_the_digest_of_a_gpu_job_does_not_count_the_paths(script):
    """A renamed table trains nothing again and answers nothing again."""
    modules = imported_modules([ROOT / f"workflow/scripts/{script}.py"])
    assert PACKAGE / "paths.py" not in modules


def test_the_architecture_lists_the_folders_in_order():
    folders = re.findall(r"^\| `(\w+)/` \|", ARCHITECTURE, re.MULTILINE)
    assert tuple(folders) == ORDER


def test_the_architecture_names_only_files_that_exist():
    names = set(re.findall(rf"`((?:{'|'.join(ORDER)})/[\w/]+(?:\.py|/))`", ARCHITECTURE))
    assert len(names) > 20 and [name for name in names if not (ROOT / "clinical_dpo" / name).exists()] == []


def test_the_architecture_names_only_rules_that_exist():
    texts = "".join(map(Path.read_text, ROOT.glob("workflow/rules/*.smk")))
    rules = set(re.findall(r"^rule (\w+):", texts, re.MULTILINE))
    walk = ARCHITECTURE.split("## The walk")[1].split("## ")[0]
    steps = [line.split("|")[2] for line in walk.splitlines() if line[:1] == "|"]
    names = {rule for step in steps for rule in re.findall(r"`(\w+)`", step)}
    assert len(names) > 10 and names <= rules


def imported_tests(files: list[Path]) -> list[str]:
    """Imports of test modules, as texts that name file and module."""
    pairs = ((file, name) for file in files for name in imports(file, "tests"))
    return [
        f"{file.relative_to(ROOT)} imports {name}"
        for file, name in dict.fromkeys(pairs)
        if name.rpartition(".")[2].startswith("test_")
    ]


def test_no_test_module_is_imported():
    """Code that several test modules use is in tests/helpers."""
    assert imported_tests(sorted(TESTS.rglob("*.py"))) == []


@pytest.mark.parametrize(
    "line", ["from tests.workflow import test_order", "from tests.workflow.test_order import ORDER"]
)
def test_an_import_of_a_test_module_within_a_function_is_an_error(monkeypatch, line):
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: f"def f():\n    {line}\n")
    file = TESTS / "config" / "test_made_up.py"
    assert imported_tests([file]) == ["tests/config/test_made_up.py imports tests.workflow.test_order"]


def test_tests_have_the_folders_of_the_package():
    files = [file.relative_to(TESTS) for file in TESTS.rglob("*") if file.is_file() and "__pycache__" not in file.parts]
    assert {file.parts[0] for file in files if len(file.parts) > 1} == {*ORDER, "helpers", "workflow"}
    exceptions = {TESTS / folder for folder in TESTS_ALONE}
    folders = {file.parent for file in files if exceptions.isdisjoint((TESTS / file).parents)}
    assert [folder.as_posix() for folder in sorted(folders) if not (PACKAGE / folder).is_dir()] == []


def test_no_helper_is_a_test_module():
    assert list((TESTS / "helpers").rglob("test_*")) == []
