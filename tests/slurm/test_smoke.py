"""The profile as users type it, on a real Slurm: what is submitted, what it asks for, what comes out."""

import json

import pytest

from tests.slurm.runs import BEST, CONFIG, DPO, LLAMA, PROFILE
from tests.workflow import Project

NO_NETWORK = {"HF_HUB_OFFLINE": "0"} | dict.fromkeys(("http_proxy", "https_proxy"), "http://127.0.0.1:9")  # refused


@pytest.fixture(scope="module")
def finished(running_cluster, tmp_path_factory):
    """The SFT model made here, the DPO trial and another base model on the cluster, where every way out is refused."""
    folder = tmp_path_factory.mktemp("project")
    project = Project.copy(folder, CONFIG, **{**running_cluster.environment, **NO_NETWORK})
    here = project.run(BEST)
    there = project.run(DPO, LLAMA, *PROFILE)
    jobs = [job for job in running_cluster.jobs() if job["WorkDir"] == str(folder)]
    return project, here, there, {job["Comment"].split("_wildcards_")[0].removeprefix("rule_"): job for job in jobs}


def test_what_computes_with_a_model_runs_as_a_slurm_job_and_nothing_else(finished):
    project, _, printed, jobs = finished
    assert set(jobs) == {"build_base_model", "score_reference", "train_dpo"}
    assert {job["JobState"] for job in jobs.values()} == {"COMPLETED"}
    assert printed.count("has been submitted with SLURM jobid") == 3
    assert json.loads((project.folder / DPO / "run.json").read_text())["steps"] == 12
    assert project.planned(DPO) == set()


def test_jobs_that_use_a_gpu_were_given_one(finished):
    *_, jobs = finished
    given = {rule: job["JOB_GRES"] for rule, job in jobs.items()}
    assert given == {"build_base_model": "(null)", "score_reference": "gpu:a100:1", "train_dpo": "gpu:a100:1"}
    assert {job["Partition"] for job in jobs.values()} == {"gpu"}


def test_time_and_memory_are_the_rules_own(finished):
    *_, jobs = finished
    limits = {rule: job["TimeLimit"] for rule, job in jobs.items()}
    assert limits == {"build_base_model": "01:00:00", "score_reference": "00:30:00", "train_dpo": "00:30:00"}
    assert all("mem=8" in job["TRES"] for job in jobs.values())


def test_without_the_profile_one_gpu_job_runs_at_a_time(finished):
    _, printed, *_ = finished
    assert 'Provided resources: gpu=Resource("gpu", 1)' in printed
