"""With `phi: true` no other task reads a task's files, and its folders are closed, however the run starts."""

import os
import stat
from pathlib import Path

import pytest
import yaml
from openpyxl import load_workbook

from clinical_dpo.script import PRIVATE
from clinical_dpo.config.loading import load_study
from clinical_dpo.config.privacy import check_options, check_private, close_folders
from clinical_dpo.config.study import Study, merge
from clinical_dpo.errors import UserError
from tests.conftest import ROOT
from tests.helpers.configs import PUBLISHED
from tests.helpers.workflow import Project

RESULTS = {"notes": "results/notes", "other": "results/other", "third": "results/third"}


def reads(path, **more):
    """Settings of a task that reads a file."""
    return {"source": {"kind": "file", "path": str(path)}} | more


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def rows(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rows.csv").write_text("note\nPatient 7\n")
    return tmp_path / "rows.csv"


HUB = {"kind": "hub", "id": "a/b", "revision": "a" * 40, "splits": ["train"]}


def test_a_private_task_that_reads_a_hub_data_set_is_refused():
    change = {"overrides": {"tasks": {"reasoning": {"phi": True}}}}
    with pytest.raises(UserError, match=r"config/tasks/reasoning\.yaml: key 'source': .*phi: true.*`kind: file`"):
        load_study(merge(PUBLISHED, change), ROOT)


def test_a_private_task_with_a_hub_data_set_as_stand_in_is_refused():
    with pytest.raises(UserError, match="key 'stand_in'"):
        check_private({"notes": reads("rows.csv", phi=True, stand_in=HUB)}, RESULTS)


def test_a_task_that_is_not_private_may_read_a_hub_data_set():
    check_private({"notes": {"source": HUB}}, RESULTS)


NAMES = {  # ways to name the file in another task
    "the same path": lambda rows: "rows.csv",
    "an absolute path": lambda rows: rows,
    "a path with detours": lambda rows: "../" + rows.parent.name + "/./rows.csv",
    "an environment variable": lambda rows: "$CLINIC/rows.csv",
    "a symbolic link": lambda rows: Path("soft.csv").symlink_to(rows) or "soft.csv",
    "a hard link": lambda rows: os.link(rows, "hard.csv") or "hard.csv",
    "a link to its folder": lambda rows: Path("folder").symlink_to(rows.parent) or "folder/rows.csv",
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("key", ["source", "stand_in", "external_predictions"])
def test_only_a_private_task_may_read_a_private_file(rows, monkeypatch, name, key):
    monkeypatch.setenv("CLINIC", str(rows.parent))
    path = str(NAMES[name](rows))
    other = (
        {"external_predictions": {"gpt4": {"path": path}}}
        if key == "external_predictions"
        else {key: {"kind": "file", "path": path}}
    )
    tasks = {"notes": reads("rows.csv", phi=True), "other": {"source": {"kind": "synthetic"}} | other}
    with pytest.raises(UserError, match=rf"tasks/other\.yaml: key '{key}.*a file of task 'notes'.*Set phi: true"):
        check_private(tasks, RESULTS)
    check_private(tasks | {"other": tasks["other"] | {"phi": True}}, RESULTS)


def test_only_a_private_task_may_read_the_results_of_a_private_task(rows):
    tasks = {"notes": reads("rows.csv", phi=True), "other": reads("results/notes/data/source.jsonl")}
    with pytest.raises(UserError, match="a file of task 'notes'"):
        check_private(tasks, RESULTS)
    check_private(tasks | {"other": reads("results/third/data/source.jsonl")}, RESULTS)


def test_a_private_file_that_does_not_exist_yet_is_protected(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="a file of task 'notes'"):
        check_private({"notes": reads("a.csv", phi=True), "other": reads("./a.csv")}, RESULTS)


def test_tasks_may_share_a_file_if_all_are_private_or_none_is(rows):
    check_private({"notes": reads(rows, phi=True), "other": reads(rows, phi=True)}, RESULTS)
    check_private({"notes": reads(rows), "other": reads(rows)}, RESULTS)


def test_open_folders_of_private_text_are_closed(rows):
    for folder in ("results/notes", "results/other", "logs"):
        (rows.parent / folder).mkdir(parents=True, mode=0o755)
    close_folders(Study({"run_name": None}, {"notes": reads(rows, phi=True), "other": reads("b.csv")}, {}, {}))
    assert mode(rows.parent / "results/notes") == mode(rows.parent / "logs") == 0o700
    assert mode(rows.parent / "results/other") & 0o077
    assert (rows.parent / "logs" / PRIVATE).exists()


def test_a_folder_that_cannot_be_closed_is_refused(rows):
    (rows.parent / "results").write_text("in the way")
    with pytest.raises(UserError, match=r"results/notes: cannot be closed.*phi: true.*own clone of the repository"):
        close_folders(Study({"run_name": None}, {"notes": reads(rows, phi=True)}, {}, {}))


SHEETS = {"raters": ["anna", "ben"], "preference_grader": "raters", "tables": ["win_rate"]}


PLAIN = reads("b.csv", answer_type="answer", grader="exact")
CLOSED = ({"phi": True}, reads("a.csv", answer_type="answer", grader="exact", raters=["anna"]))


@pytest.mark.parametrize("task", CLOSED)
@pytest.mark.parametrize("rules", [[], ["write_blinding_key"]])
def test_snakemakes_cache_is_refused_for_a_task_with_closed_files(task, rules):
    with pytest.raises(UserError, match=r"'notes' has private text .* or raters' sheets.*Run without `--cache`"):
        check_options({"other": PLAIN, "notes": task}, rules, False)


@pytest.mark.parametrize("task", CLOSED)
def test_a_task_with_closed_files_runs_without_the_options(task):
    check_options({"notes": task, "other": PLAIN}, None, False)


def test_tasks_without_closed_files_may_use_the_options():
    check_options({"other": PLAIN}, [], True)


def test_showing_logs_of_private_text_is_refused():
    with pytest.raises(UserError, match=r"'notes' has private text .*`--show-failed-logs`"):
        check_options({"notes": {"phi": True}}, None, True)


@pytest.mark.parametrize("option", ["--cache", "--show-failed-logs"])
def test_snakemakes_option_is_refused(tmp_path, option):
    done = closed_project(tmp_path / "project", phi=True).snakemake("--dry-run", option)
    assert done.returncode and f"`{option}`" in done.stdout + done.stderr


def test_files_of_a_run_with_sheets_are_closed(tmp_path, open_umask):
    """So are copies that Snakemake makes of them."""
    project = closed_project(tmp_path / "project", **SHEETS)
    project.run(TARGET)
    project.run("--generate-unit-tests", "tests-of-rules", TARGET)
    assert mode(project.folder / TARGET) == 0o600
    assert mode(project.folder / "tests-of-rules") == 0o700


def closed_project(folder, **settings):
    """A copy of the project with the task of the example `visits` alone, and changed settings of this task."""
    project = Project.copy(folder, "mine.yaml")
    run = yaml.safe_load((folder / "examples/visits/config.yaml").read_text()) | {"run_name": "closed"}
    run["overrides"] = {"tasks": {"admit": settings}}
    (folder / "mine.yaml").write_text(yaml.safe_dump(run))
    (folder / "config/tasks/admit.yaml").write_text((folder / "examples/visits/admit.yaml").read_text())
    return project


@pytest.fixture
def open_umask():
    """A umask that leaves files open to other users."""
    before = os.umask(0o022)
    yield
    os.umask(before)


TARGET = "results/closed/admit/data/source.jsonl"


def test_a_private_run_without_hooks_is_closed(tmp_path, open_umask):
    """Snakemake's own logs are closed too."""
    project = closed_project(tmp_path / "project", phi=True)
    project.run("--no-hooks", TARGET)
    closed = ("results/closed/admit", "logs/closed", ".snakemake/log")
    assert {mode(project.folder / folder) for folder in closed} == {0o700}
    assert (project.folder / TARGET).exists() and open_to_others(project.folder) == []


def test_an_error_of_a_private_run_is_in_its_closed_log_alone(tmp_path, open_umask):
    project = closed_project(tmp_path / "project", phi=True)
    path = project.folder / "examples/visits/visits.xlsx"
    book = load_workbook(path)
    book["Visits"]["G2"] = "Jane Doe"
    book.save(path)
    done = project.snakemake("--no-hooks", TARGET.replace("source", "train"))
    assert done.returncode and open_to_others(project.folder) == []
    assert "Jane Doe" in (project.folder / "logs/closed/split_dataset/admit.log").read_text()
    assert "Jane Doe" not in done.stdout + done.stderr and "Read it in logs/closed" in done.stderr


def open_to_others(folder):
    """Files of a run that other users could read."""
    paths = [path for top in ("results", "logs") for path in (folder / top).rglob("*")]  # a failed job has no results
    assert any(path.suffix == ".log" for path in paths)
    return [str(path) for path in paths if mode(path) & 0o077]
