"""The secret of a sheet in a run: drawn once, closed to other users, and kept when Snakemake deletes outputs."""

import json
import os
import shutil
import stat

import pytest

from clinical_dpo.io import write_json, write_jsonl
from tests.helpers.rating import rate
from tests.helpers.workflow import Project, rows, write_study_answers

pytestmark = pytest.mark.slow
MODEL = "tiny-biomistral"
# These rules need only answers, which the tests write.
RULES = ("write_blinding_key", "write_sheet", "compute_win_rate", "summarize_ratings")
CONFIG = {
    "run_name": "blind",
    "tasks": ["pubmedqa"],
    "figure2": {"a": "pubmedqa"},
    "recipes": {"murphy2024": {"models": [MODEL]}},
    "overrides": {"tasks": {"pubmedqa": {"raters": ["anna", "ben"], "preference_grader": "raters"}}},
}
SHEETS = [f"preference.{rater}.{suffix}" for rater in ("anna", "ben") for suffix in ("html", "csv", "xlsx", "json")]
TABLE = "results/blind/pubmedqa/win_rate.csv"
GRADING = f"results/blind/pubmedqa/{MODEL}/grading"
RATINGS = f"ratings/blind/pubmedqa/{MODEL}"
TARGETS = (*(f"{GRADING}/{name}" for name in SHEETS), TABLE)


def run(project, *arguments):
    """Make the sheets and the win rate."""
    return project.run(*arguments, cores=1, rules=RULES, targets=TARGETS)


def files(project):
    """Bytes of the sheets and of their key."""
    return {name: (project.folder / GRADING / name).read_bytes() for name in (*SHEETS, "keys/preference.csv")}


def secret(project):
    return (project.folder / GRADING / "keys/preference.secret").read_bytes()


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(scope="module")
def with_sheets(tmp_path_factory):
    """A project whose sheets are written."""
    folder = tmp_path_factory.mktemp("blind")
    write_json(folder / "blind.json", CONFIG)
    project = Project.copy(folder / "project", str(folder / "blind.json"))
    write_study_answers(project, "blind", "pubmedqa", MODEL)
    run(project)
    return project


@pytest.fixture
def project(with_sheets, tmp_path):
    """A copy of that project for one test."""
    shutil.copytree(with_sheets.folder, tmp_path / "project", symlinks=True)
    return Project(tmp_path / "project", with_sheets.config, {})


def test_a_key_and_its_secret_are_closed_to_other_users(with_sheets):
    keys = with_sheets.folder / GRADING / "keys"
    modes = {path.name: mode(path) for path in keys.iterdir()}
    assert modes == {"preference.csv": 0o600, "preference.secret": 0o600}
    assert mode(keys) == 0o700


def test_a_run_closes_a_folder_of_keys_that_a_copy_opened(project):
    keys = project.folder / GRADING / "keys"
    keys.chmod(0o755)
    run(project)
    assert mode(keys) == 0o700


def test_sheets_that_are_written_again_are_the_same(project):
    before = files(project)
    run(project, "--forcerun", "write_blinding_key", "write_sheet")
    assert files(project) == before


def test_ratings_of_sheets_that_are_written_again_count(project):
    key = rows(project.folder / GRADING / "keys/preference.csv")
    for rater in ("anna", "ben"):
        words = {row["item_id"]: "A" if row["A"] == "dpo" else "B" for row in key if row["rater"] == rater}
        rate(project.folder / RATINGS / f"preference.{rater}.csv", key, rater, words)
    run(project, "--forcerun", "write_blinding_key", "write_sheet")
    table = rows(project.folder / TABLE)
    assert {row["rate"] for row in table} == {"1.0"} and {row["status"] for row in table} == {"complete"}


def test_sheets_stay_the_same_without_snakemakes_records(project):
    before = files(project)
    shutil.rmtree(project.folder / ".snakemake")
    run(project)
    assert files(project) == before
    assert "Nothing to be done" in run(project)


def test_a_failed_job_loses_the_key_and_keeps_the_secret(project):
    """Snakemake deletes the outputs of a failed job. The next key changes only the item whose answer changed."""
    before = (secret(project), json.loads(files(project)["preference.anna.json"]))
    predictions = project.folder / GRADING / "../predictions/dpo.jsonl"
    answers = rows(predictions)
    write_jsonl(predictions, [*answers[:-1], answers[-1] | {"id": "another"}])
    assert project.snakemake(cores=1, rules=RULES, targets=TARGETS).returncode != 0
    assert not (project.folder / GRADING / "keys/preference.csv").exists()
    answers[1]["text"] = "Another answer."
    write_jsonl(predictions, answers)
    run(project)
    assert secret(project) == before[0]
    old, new = (
        {item["data"]["question"]: item for item in sheet}
        for sheet in (before[1], json.loads(files(project)["preference.anna.json"]))
    )
    assert {question for question in old if old[question] != new[question]} == {"Question 1?"}


def test_a_pipe_among_the_ratings_is_refused(project):
    """Nobody writes into it, so that reading it would never end."""
    ratings = project.folder / RATINGS
    ratings.mkdir(parents=True)
    os.mkfifo(ratings / "preference.anna.csv")
    done = project.snakemake(cores=1, rules=RULES, targets=TARGETS)
    assert done.returncode != 0
    assert "preference.anna.csv" in done.stdout + done.stderr and "pipe" in done.stdout + done.stderr


def test_another_secret_gives_other_sheets(project):
    before = (secret(project), files(project))
    shutil.rmtree(project.folder / GRADING)
    run(project)
    assert secret(project) != before[0] and files(project) != before[1]
