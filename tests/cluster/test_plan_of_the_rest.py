"""Finished jobs replace what the plan assumes: the plan of the rest of their kind is then near its time."""

import re
import shutil

import pytest

from clinical_dpo.cluster.disk_plan import disk_rows
from clinical_dpo.cluster.job_times import peak_seconds, plan_errors, planned_card
from clinical_dpo.cluster.plan import cost_rows, finished_jobs
from clinical_dpo.cluster.plan_text import plan_text
from clinical_dpo.cluster.planned_jobs import planned_work
from clinical_dpo.config.loading import load_study
from clinical_dpo.config.study import merge
from clinical_dpo.io import write_json
from clinical_dpo.yaml_files import read_yaml
from tests.conftest import ROOT
from tests.helpers.configs import PUBLISHED
from tests.helpers.plans import by

MODEL, NEAR = "smollm2-135m-instruct", 0.25
SHARE, LOADING = 0.12, 6.0  # of the machine in these tests; the plan assumes .35 and 20 seconds
LOAD = (1.0, 1.12, 0.9, 1.06, 0.94, 1.1, 0.92, 1.04)  # how much longer each job takes: other work on the machine
RATES = [1e-3, 7e-4, 5e-4, 3e-4, 2e-4, 1e-4, 7e-5, 5e-5]


@pytest.fixture
def study(tmp_path, monkeypatch):
    """The example with visits on the small real model, with eight SFT trials."""
    shutil.copytree(ROOT / "config", tmp_path / "config")
    shutil.copy(ROOT / "examples/visits/admit.yaml", tmp_path / "config/tasks")
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    sweep = {"recipes": {"small": {"sft": {"learning_rate": RATES}}}}
    return load_study(merge(merge(PUBLISHED, read_yaml(ROOT / "examples/visits/config.yaml")), sweep), tmp_path)


def work_of(study, rule, stage=""):
    """The jobs of a rule, and the seconds that each takes without loading."""
    work = next(each for each in planned_work(study) if (each.rule, each.stage) == (rule, stage) and each.jobs)
    card = planned_card(study, MODEL)
    peaks = [peak_seconds(job.parts, study.models[MODEL], card) for job in work.jobs]
    return work.jobs, [peak / SHARE * load for peak, load in zip(peaks, LOAD, strict=False)]


def planned_seconds(study, rule, stage=""):
    """Planned seconds of all jobs of a rule."""
    return by(cost_rows(study), "task", "model", "rule", "stage")["admit", MODEL, rule, stage]["hours"] * 3600


def finish_training(jobs, seconds):
    for job, wall, load in zip(jobs, seconds, LOAD, strict=False):
        run = {"steps": 20, "resumed_from_step": 0, "device": "cpu (x86_64)"}
        write_json(job.record, run | {"wall_seconds": wall, "loading_seconds": LOADING * load})


def finish_answers(jobs, seconds):
    for job, wall in zip(jobs, seconds, strict=True):
        job.record.parent.mkdir(parents=True, exist_ok=True)
        job.record.write_text(f"s\th:m:s\tmax_rss\n{LOADING + wall}\t0:00:00\t900\n")


def test_five_training_runs_foretell_the_rest(study):
    jobs, seconds = work_of(study, "train", "sft")
    assert len(jobs) == 8
    rest = [LOADING * load + wall for load, wall in zip(LOAD[5:], seconds[5:], strict=True)]
    assert all(abs(planned_seconds(study, "train", "sft") / 8 / took - 1) > NEAR for took in rest)
    finish_training(jobs[:5], seconds[:5])
    assert all(abs(planned_seconds(study, "train", "sft") / 8 / took - 1) < NEAR for took in rest)
    (sft,) = plan_errors(finished_jobs(study))
    assert (sft["kind"], sft["jobs"]) == ("SFT", 5) and sft["error"] < NEAR
    printed = plan_text(cost_rows(study), disk_rows(study), {}, [sft])
    assert re.search(rf"^SFT +5 .* {sft['error']:.0%}$", printed, re.MULTILINE)


def test_five_answers_on_dev_foretell_the_answers_on_test(study):
    """Loading is measured by training runs alone, since answers do not record it."""
    finish_training(*work_of(study, "train", "sft"))
    jobs, seconds = work_of(study, "answer_dev")
    expected, took = work_of(study, "predict")
    whole = sum(took) + LOADING * len(expected)
    assert abs(planned_seconds(study, "predict") / whole - 1) > NEAR
    finish_answers(jobs[:5], seconds[:5])
    assert abs(planned_seconds(study, "predict") / whole - 1) < NEAR
    answers = next(row for row in plan_errors(finished_jobs(study)) if row["kind"] == "answers")
    assert answers["jobs"] == 5 and answers["error"] < NEAR


def test_loading_that_was_measured_changes_no_request(study):
    """A job that has been requested again after others have finished asks for the same time."""
    key = ("admit", MODEL, "train", "sft")
    before = by(cost_rows(study), "task", "model", "rule", "stage")[key]["asked_hours"]
    finish_training(*work_of(study, "train", "sft"))
    assert by(cost_rows(study), "task", "model", "rule", "stage")[key]["asked_hours"] == before
