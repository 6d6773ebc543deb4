"""A sheet's secret in a run: drawn once, closed, and kept whatever Snakemake deletes before it runs a job again."""

import json
import os
import shutil
import stat
import subprocess
import sys

import pytest

from clinical_dpo.io import write_json, write_jsonl
from tests.helpers.rating import rate, study
from tests.helpers.workflow import Project, describe_answers, rows

MODEL = "tiny-biomistral"
RULES = ("write_blinding_key", "write_sheet", "compute_win_rate", "summarize_ratings")  # answers are there already
CONFIG = {
    "run_name": "blind",
    "tasks": ["pubmedqa"],
    "figure2": {"a": "pubmedqa"},
    "recipes": {"murphy2024": {"models": [MODEL]}},
    "overrides": {"tasks": {"pubmedqa": {"raters": ["anna", "ben"], "preference_grader": "raters"}}},
}
SHEETS = [f"preference.{rater}.{ending}" for rater in ("anna", "ben") for ending in ("html", "csv", "xlsx", "json")]


def run(project, *arguments, good=True):
    """The sheets and the win rate of the run."""
    folder = f"results/blind/pubmedqa/{MODEL}/grading"
    targets = [*(f"{folder}/{name}" for name in SHEETS), "results/blind/pubmedqa/win_rate.csv"]
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--configfile", project.config, *arguments]
    done = subprocess.run(
        [*command, "--allowed-rules", *RULES, "--", *targets],
        cwd=project.folder,
        capture_output=True,
        text=True,
        env=os.environ | {"HF_HUB_OFFLINE": "1"},
    )
    assert (done.returncode == 0) == good, done.stderr[-5000:]
    return done.stdout + done.stderr


@pytest.fixture
def project(tmp_path):
    write_json(tmp_path / "blind.json", CONFIG)
    made = Project.copy(tmp_path / "project", str(tmp_path / "blind.json"))
    folder = made.folder / "results/blind/pubmedqa"
    test, answers = study()
    write_jsonl(folder / "data/test.jsonl", test)
    for variant, texts in answers.items():
        write_jsonl(folder / MODEL / f"predictions/{variant}.jsonl", texts)
    describe_answers(made, "pubmedqa", MODEL, folder / MODEL / "predictions")
    return made


@pytest.mark.slow
def test_sheets_that_raters_hold_stay_as_they_are(project):
    grading = project.folder / f"results/blind/pubmedqa/{MODEL}/grading"

    def files():
        return {name: (grading / name).read_bytes() for name in (*SHEETS, "keys/preference.csv")}

    run(project)
    first, secret = files(), (grading / "keys/preference.secret").read_bytes()
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (grading / "keys").iterdir()}
    assert modes == {"preference.csv": 0o600, "preference.secret": 0o600}
    assert stat.S_IMODE((grading / "keys").stat().st_mode) == 0o700

    key = rows(grading / "keys/preference.csv")
    ratings = project.folder / f"ratings/blind/pubmedqa/{MODEL}"
    for rater in ("anna", "ben"):
        shown = [row for row in key if row["rater"] == rater and row["shown"] == "true"]
        rate(ratings / f"preference.{rater}.csv", key, rater, ["A" if row["A"] == "dpo" else "B" for row in shown])

    (grading / "keys").chmod(0o755)  # as in a copy that did not keep modes
    run(project, "--forcerun", "compute_win_rate")
    assert stat.S_IMODE((grading / "keys").stat().st_mode) == 0o700
    run(project, "--forcerun", "write_blinding_key", "write_sheet")
    assert files() == first
    won = rows(project.folder / "results/blind/pubmedqa/win_rate.csv")
    assert {row["rate"] for row in won} == {"1.0"} and {row["status"] for row in won} == {"complete"}

    shutil.rmtree(project.folder / ".snakemake")
    shutil.rmtree(ratings)
    run(project)
    assert files() == first
    assert "Nothing to be done" in run(project)

    predictions = grading.parent / "predictions/dpo.jsonl"
    answers = [json.loads(line) for line in predictions.read_text().splitlines()]
    write_jsonl(predictions, [*answers[:-1], answers[-1] | {"id": "another"}])
    run(project, good=False)  # the key's job fails, and Snakemake deletes its outputs
    assert not (grading / "keys/preference.csv").exists()
    answers[1]["text"] = "Another answer."
    write_jsonl(predictions, answers)
    run(project)
    assert (grading / "keys/preference.secret").read_bytes() == secret
    old, new = (
        {row["data"]["question"]: row for row in json.loads(text)}
        for text in (first["preference.anna.json"], (grading / "preference.anna.json").read_bytes())
    )
    assert {question for question in old if old[question] != new[question]} == {"Question 1?"}

    ratings.mkdir(parents=True)
    os.mkfifo(ratings / "preference.anna.csv")  # nobody will ever write into it
    assert "preference.anna.csv: a pipe, socket or device" in run(project, good=False)
    shutil.rmtree(ratings)

    shutil.rmtree(grading)  # another secret, and so other sheets
    run(project)
    assert (grading / "keys/preference.secret").read_bytes() != secret and files() != first
