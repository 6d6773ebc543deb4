"""Tasks with `phi: true`: their files are no other task's, and folders are closed however a run is started."""

import os
import stat
from pathlib import Path

import pytest
import yaml

from clinical_dpo.script import PRIVATE
from clinical_dpo.config.loading import load_study
from clinical_dpo.config.privacy import check_options, check_private, close_folders
from clinical_dpo.config.study import Study, merge
from clinical_dpo.errors import UserError
from tests.conftest import ROOT
from tests.helpers.workflow import Project

PUBLISHED = yaml.safe_load((ROOT / "config/config.yaml").read_text())
RESULTS = {"notes": "results/notes", "other": "results/other", "third": "results/third"}


def reads(path, **more):
    """A task that is read from a file."""
    return {"source": {"kind": "file", "path": str(path)}} | more


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def rows(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rows.csv").write_text("note\nPatient 7\n")
    return tmp_path / "rows.csv"


def test_a_private_task_takes_no_data_set_of_the_hub():
    change = {"overrides": {"tasks": {"reasoning": {"phi": True}}}}
    with pytest.raises(UserError, match=r"config/tasks/reasoning\.yaml: key 'source': .*phi: true.*`kind: file`"):
        load_study(merge(PUBLISHED, change), ROOT)
    hub = {"kind": "hub", "id": "a/b", "revision": "a" * 40, "splits": ["train"]}
    with pytest.raises(UserError, match="key 'stand_in'"):
        check_private({"notes": reads("rows.csv", phi=True, stand_in=hub)}, RESULTS)
    check_private({"notes": {"source": hub}}, RESULTS)


NAMES = {  # how another task may come by the file
    "the same path": lambda rows: "rows.csv",
    "an absolute path": lambda rows: rows,
    "a detour": lambda rows: "../" + rows.parent.name + "/./rows.csv",
    "an environment variable": lambda rows: "$CLINIC/rows.csv",
    "a symbolic link": lambda rows: Path("soft.csv").symlink_to(rows) or "soft.csv",
    "a hard link": lambda rows: os.link(rows, "hard.csv") or "hard.csv",
    "a link of its folder": lambda rows: Path("folder").symlink_to(rows.parent) or "folder/rows.csv",
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("key", ["source", "stand_in", "external_predictions"])
def test_a_private_file_is_read_by_no_task_that_is_not_private(rows, monkeypatch, name, key):
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


def test_nor_are_the_results_of_a_private_task(rows):
    tasks = {"notes": reads("rows.csv", phi=True), "other": reads("results/notes/data/source.jsonl")}
    with pytest.raises(UserError, match="a file of task 'notes'"):
        check_private(tasks, RESULTS)
    check_private(tasks | {"other": reads("results/third/data/source.jsonl")}, RESULTS)


def test_a_file_that_is_not_there_yet_counts_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="a file of task 'notes'"):
        check_private({"notes": reads("a.csv", phi=True), "other": reads("./a.csv")}, RESULTS)


def test_tasks_that_are_all_private_or_none_share_what_they_like(rows):
    check_private({"notes": reads(rows, phi=True), "other": reads(rows, phi=True)}, RESULTS)
    check_private({"notes": reads(rows), "other": reads(rows)}, RESULTS)


def test_folders_that_were_open_are_closed(rows):
    for folder in ("results/notes", "results/other", "logs"):
        (rows.parent / folder).mkdir(parents=True, mode=0o755)
    close_folders(Study({"run_name": None}, {"notes": reads(rows, phi=True), "other": reads("b.csv")}, {}, {}))
    assert mode(rows.parent / "results/notes") == mode(rows.parent / "logs") == 0o700
    assert mode(rows.parent / "results/other") & 0o077
    assert (rows.parent / "logs" / PRIVATE).exists()


def test_nothing_runs_where_a_folder_cannot_be_closed(rows):
    (rows.parent / "results").write_text("in the way")
    with pytest.raises(UserError, match=r"results/notes: cannot be closed to other users.*phi: true"):
        close_folders(Study({"run_name": None}, {"notes": reads(rows, phi=True)}, {}, {}))


SHEETS = {"raters": ["anna", "ben"], "preference_grader": "raters", "tables": ["win_rate"]}


@pytest.mark.parametrize("task", [{"phi": True}, reads("a.csv", answer_type="answer", grader="exact", raters=["anna"])])
def test_no_file_goes_into_a_cache_that_others_write_to(task):
    plain = reads("b.csv", answer_type="answer", grader="exact")
    check_options({"notes": task, "other": plain}, None, False)
    check_options({"other": plain}, [], True)
    for rules in ([], ["write_blinding_key"]):
        with pytest.raises(UserError, match=r"'notes' has private text .* or raters' sheets, and .*`--cache`"):
            check_options({"other": plain, "notes": task}, rules, False)


def test_no_log_of_private_text_is_shown():
    with pytest.raises(UserError, match=r"'notes' has private text .*`--show-failed-logs`"):
        check_options({"notes": {"phi": True}}, None, True)


@pytest.mark.parametrize("option", ["--cache", "--show-failed-logs"])
def test_snakemakes_option_is_refused(tmp_path, option):
    done = closed_project(tmp_path / "project", phi=True).snakemake("--dry-run", option)
    assert done.returncode and f"`{option}`" in done.stdout + done.stderr


def test_what_a_run_with_sheets_writes_is_closed(tmp_path):
    """A copy of a key that Snakemake makes too."""
    project = closed_project(tmp_path / "project", **SHEETS)
    before = os.umask(0o022)
    try:
        project.run("results/closed/call_today/data/source.jsonl")
        project.run("--generate-unit-tests", "tests-of-rules", "results/closed/call_today/data/source.jsonl")
    finally:
        os.umask(before)
    assert mode(project.folder / "results/closed/call_today/data/source.jsonl") == 0o600
    assert mode(project.folder / "tests-of-rules") == 0o700


def closed_project(folder, **settings):
    """A copy of the project with the example's task alone, and these settings of it."""
    project = Project.copy(folder, "mine.yaml")
    run = yaml.safe_load((folder / "docs/example/run.yaml").read_text()) | {"run_name": "closed"}
    run["overrides"] = {"tasks": {"call_today": settings}}
    (folder / "mine.yaml").write_text(yaml.safe_dump(run))
    (folder / "config/tasks/call_today.yaml").write_text((folder / "docs/example/call_today.yaml").read_text())
    return project


def test_a_run_without_its_handlers_is_closed_too(tmp_path):
    """What a run writes, Snakemake's part of it too, and what an error says on the terminal."""
    project = closed_project(tmp_path / "project", phi=True)
    folder = project.folder
    target = folder / "results/closed/call_today/data/source.jsonl"
    before = os.umask(0o022)
    try:
        project.run("--no-hooks", str(target.relative_to(folder)))
        assert mode(folder / "results/closed/call_today") == mode(folder / "logs/closed") == 0o700
        assert mode(folder / ".snakemake/log") == 0o700
        assert target.exists() and open_to_others(folder) == []
        csv = folder / "docs/example/call_today.csv"
        csv.write_text("Message,Call today?,\nIt hurts.,yes,Jane Doe\n")
        done = project.snakemake("--no-hooks", str(target.relative_to(folder)))
    finally:
        os.umask(before)
    assert done.returncode and open_to_others(folder) == []
    assert "Jane Doe" in (folder / "logs/closed/retrieve_source/call_today.log").read_text()
    assert "Jane Doe" not in done.stdout + done.stderr and "stands in logs/closed" in done.stderr


def open_to_others(folder):
    """What a run wrote that other users could read."""
    found = [path for top in ("results", "logs") for path in (folder / top).rglob("*")]  # a failed job leaves none
    assert any(path.suffix == ".log" for path in found)
    return [str(path) for path in found if mode(path) & 0o077]
