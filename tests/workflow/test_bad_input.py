"""A user's mistakes: one message with file, row and correction, an exit status that is not 0, no output."""

import json
import re

import pytest

from tests.helpers.own_rows import CONFIG, ROWS, lines
from tests.helpers.workflow import Project

TARGET = "results/mine/uti/data/manifest.json"


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    project = Project.copy(tmp_path_factory.mktemp("project"), "mine.yaml")
    (project.folder / "mine.yaml").write_text(CONFIG)
    (project.folder / "data").mkdir()
    return project


@pytest.mark.parametrize(
    ("raw", "messages"),
    [
        (lines(*ROWS[:9]), ["need 10 different rows", "only 9 are available", "on_shortfall: shrink"]),
        (lines(*ROWS)[:-20], ["data/mine.jsonl, line 10", "not valid JSON", "cut off"]),
        (lines(*ROWS).replace(b"Note 3", b"Note \xff"), ["data/mine.jsonl, line 4", "not UTF-8"]),
        (lines(*ROWS[:5], {"id": "r5", "label": "UTI"}), ["data/mine.jsonl, row 6", "column 'text'", "is missing"]),
        (lines(*ROWS[:5], ROWS[5] | {"text": "  "}), ["data/mine.jsonl, row 6", "'note' is empty"]),
        (lines(*ROWS[:5], ROWS[5] | {"label": "UTl"}), ["row 6", "'UTl'", "UTI, No UTI"]),
        (lines(*ROWS[:9], ROWS[2]), ["row 10", "'r2'", "row 3"]),
    ],
)
def test_an_error_of_a_data_file_is_one_message_and_leaves_no_split(project, raw, messages):
    (project.folder / "data/mine.jsonl").write_bytes(raw)
    done = project.snakemake(TARGET)
    assert done.returncode != 0
    lines_with_words = [line for line in done.stderr.splitlines() if all(word in line for word in messages)]
    assert len(lines_with_words) == 1, done.stderr
    assert "Traceback" not in done.stderr
    last = done.stdout.splitlines()[-1]
    assert last.startswith(("retrieve_source (task=uti) failed: ", "split_dataset (task=uti) failed: "))
    assert all(word in last for word in messages)
    files = {path.name for path in (project.folder / "results/mine/uti/data").glob("*")}
    assert files <= {"source.jsonl", "source.json"}


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (lines(*ROWS[:9]), ["need 10 different rows", "only 9 are available"]),
        (lines(*ROWS[:5], ROWS[5] | {"text": "  "}), ["row 6", "'note' is empty"]),
    ],
)
def test_the_terminal_shows_an_error_that_quotes_no_private_row(project, raw, words):
    printed, logs = run_privately(project, raw)
    assert all(word in printed and word in logs for word in words)


@pytest.mark.parametrize(
    "raw",
    [lines(*ROWS[:5], ROWS[5] | {"label": "Jane Doe"}), lines(*ROWS[:5], {"Jane Doe": 1, "label": "UTI"})],
)
def test_the_terminal_names_the_log_of_an_error_that_quotes_a_private_row(project, raw):
    printed, logs = run_privately(project, raw)
    assert "logs/private/" in printed and "row " in logs


def run_privately(project, raw):
    """Run the project as a private task on a data file.

    Returns:
        The terminal's output, which must quote no row, and the text of all logs.
    """
    (project.folder / "data/mine.jsonl").write_bytes(raw)
    private = Project(project.folder, "private.yaml", {})
    renamed = CONFIG.replace("run_name: mine", "run_name: private")
    (project.folder / private.config).write_text(renamed + "      phi: true\n")
    done = private.snakemake(TARGET.replace("mine", "private"))
    printed = done.stdout + done.stderr
    assert done.returncode != 0
    assert "Jane Doe" not in printed and not re.search(r"\br[25]\b", printed)
    logs = "".join(path.read_text() for path in (project.folder / "logs/private").rglob("*.log"))
    return printed, logs


def test_a_missing_file_is_an_error_if_the_task_says_so(project):
    (project.folder / "data/mine.jsonl").unlink(missing_ok=True)
    done = project.snakemake(TARGET)
    assert done.returncode != 0
    assert all(word in done.stderr for word in ("config/tasks/uti.yaml", "data/mine.jsonl", "source.path"))
    assert "Traceback" not in done.stderr


def test_a_key_twice_in_a_config_file_stops_a_run_with_both_lines_and_little_else(project):
    twice = Project(project.folder, "twice.yaml", {})
    (project.folder / twice.config).write_text(CONFIG + "tasks: [triage]\n")
    done = twice.snakemake("--dry-run")
    lines_ = (done.stdout + done.stderr).splitlines()
    assert done.returncode != 0
    assert any("twice.yaml, lines 4 and 14: key 'tasks' comes twice" in line for line in lines_) and len(lines_) <= 3


@pytest.mark.parametrize("name", ["final {v2}.jsonl", "{task}.jsonl", "cost$ 5.jsonl"])
def test_a_file_name_may_have_braces_dollar_signs_and_blanks(project, name):
    (project.folder / "data" / name).write_bytes(lines(*ROWS))
    named = Project(project.folder, "named.yaml", {})
    (project.folder / named.config).write_text(CONFIG.replace("path: data/mine.jsonl", f"path: 'data/{name}'"))
    named.run(TARGET)
    assert json.loads((project.folder / TARGET).read_text())["source"]["path"] == f"data/{name}"


def test_missing_data_stop_a_run_before_its_first_job_until_generated_text_is_allowed_once(project):
    target = "results/unasked/uti/data/source.jsonl"
    unasked = Project(project.folder, "unasked.yaml", {})
    renamed = CONFIG.replace("run_name: mine", "run_name: unasked").replace(
        "when_missing: error", "when_missing: synthetic"
    )
    (project.folder / unasked.config).write_text(renamed.replace("data/mine.jsonl", "data/absent.jsonl"))
    refused = unasked.snakemake(target)
    assert refused.returncode != 0 and not (project.folder / "results/unasked").exists()
    assert all(word in refused.stderr for word in ("uti: data/absent.jsonl does not exist", "allow_generated=true"))
    unasked.run(target, "--config", "allow_generated=true")
    assert unasked.snakemake(target).returncode == 0


def test_valid_rows_are_split(project):
    (project.folder / "data/mine.jsonl").write_bytes(lines(*ROWS))
    project.run(TARGET)
    assert json.loads((project.folder / TARGET).read_text())["counts"] == {"train": 4, "eval": 2, "dev": 2, "test": 2}


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("alpah=0.1", ["'alpah'", "Did you mean 'alpha'?"]),
        ("tasks=[utii]", ["config/tasks/utii.yaml", "Did you mean 'uti'?"]),
        ("recipes={savage2025: {sft: {max_step: 3}}}", ["max_step'", "Did you mean 'max_steps'?"]),
    ],
)
def test_an_error_of_the_config_stops_a_dry_run(project, option, words):
    done = project.snakemake("--dry-run", "--config", option)
    assert done.returncode != 0
    assert all(word in done.stdout + done.stderr for word in words)
    assert "Traceback" not in done.stdout + done.stderr
