"""The profile as users type it, on a real Slurm: what is submitted, what it asks for, what comes out."""

import json

import pytest

from clinical_dpo.cluster.job_environment import ELSEWHERE
from tests.helpers.workflow import Project
from tests.workflow.slurm.cluster import can_isolate
from tests.workflow.slurm.runs import BEST, CONFIG, DPO, LLAMA, PROFILE

# What a job sees of the network, written down beside its outputs where it runs.
SITECUSTOMIZE = """\
import json
import os
import socket
import sys

for rule in ("compute_reference_logps", "train"):
    if any(f".{rule}.py" in word for word in sys.orig_argv):
        with open(f"{rule}.network", "w") as file:
            print(*(name for _, name in socket.if_nameindex()), file=file)
        with open(f"{rule}.environment", "w") as file:
            json.dump(dict(os.environ), file)
        if os.path.exists("logs/slurm"):  # Snakemake removes it after a good end
            with open(f"{rule}.mode", "w") as file:
                print(oct(os.stat("logs/slurm").st_mode & 0o777), file=file)
"""
SECRETS = {
    **{"HF_TOKEN": "hf_secret", "HUGGING_FACE_HUB_TOKEN": "hf_secret", "OPENAI_API_KEY": "sk-secret"},
    **{"OPENAI_CUSTOM_HEADERS": "Authorization: Bearer secret", "HTTPS_PROXY": "http://me:secret@127.0.0.1:9"},
    "A_SITES_OWN_PASSWORD": "site-secret",
}


@pytest.fixture(scope="module")
def finished(running_cluster, tmp_path_factory):
    """A base model made on the cluster, whose jobs have no network, the SFT model here, the DPO trial there again."""
    folder = tmp_path_factory.mktemp("project")
    environment = {**running_cluster.environment, "HF_HUB_OFFLINE": "0", "TEST_SITE": "this one", **SECRETS}
    project = Project.copy(folder, CONFIG, **environment)
    (folder / "sitecustomize.py").write_text(SITECUSTOMIZE)
    there = project.run(LLAMA, *PROFILE)
    here = project.run(BEST)
    there += project.run(f"{DPO}/run.json", *PROFILE)
    jobs = [job for job in running_cluster.jobs() if job["WorkDir"] == str(folder)]
    return project, here, there, {job["Comment"].split("_wildcards_")[0].removeprefix("rule_"): job for job in jobs}


def test_what_computes_with_a_model_runs_as_a_slurm_job_and_nothing_else(finished):
    project, _, printed, jobs = finished
    assert set(jobs) == {"build_base_model", "compute_reference_logps", "train"}
    assert {job["JobState"] for job in jobs.values()} == {"COMPLETED"}
    assert printed.count("has been submitted with SLURM jobid") == 3
    assert json.loads((project.folder / DPO / "run.json").read_text())["steps"] == 12
    assert project.planned(f"{DPO}/run.json") == set()


def test_jobs_that_use_a_gpu_were_given_one(finished):
    *_, jobs = finished
    given = {rule: job["JOB_GRES"] for rule, job in jobs.items()}
    assert given == {"build_base_model": "(null)", "compute_reference_logps": "gpu:a100:1", "train": "gpu:a100:1"}
    assert {job["Partition"] for job in jobs.values()} == {"gpu"}


def test_time_and_memory_are_the_rules_own(finished):
    *_, jobs = finished
    limits = {rule: job["TimeLimit"] for rule, job in jobs.items()}
    assert limits == {"build_base_model": "01:00:00", "compute_reference_logps": "00:30:00", "train": "00:30:00"}
    assert all("mem=8" in job["TRES"] for job in jobs.values())


def test_jobs_on_the_cluster_ran_without_a_network(finished):
    """And were not told to be offline."""
    if not can_isolate():
        pytest.skip("processes cannot be given a network of their own here")
    project, *_ = finished
    seen = {path.stem: path.read_text().split() for path in project.folder.glob("*.network")}
    assert seen == {"compute_reference_logps": ["lo"], "train": ["lo"]}


def test_jobs_on_the_cluster_got_no_key_and_what_the_config_names(finished):
    project, *_ = finished
    seen = [json.loads(path.read_text()) for path in project.folder.glob("*.environment")]
    assert len(seen) == 2
    for environment in seen:
        assert "secret" not in str(environment) and environment["OPENAI_API_KEY"] == ELSEWHERE
        assert environment["TEST_SITE"] == "this one" and environment["HF_HUB_OFFLINE"] == "0"


def test_slurm_s_logs_of_private_text_are_their_owner_s(finished):
    project, *_ = finished
    assert {path.stem: path.read_text().strip() for path in project.folder.glob("*.mode")} == {
        "compute_reference_logps": "0o700",
        "train": "0o700",
    }


def test_without_the_profile_one_gpu_job_runs_at_a_time(finished):
    _, printed, *_ = finished
    assert 'Provided resources: gpu=Resource("gpu", 1)' in printed


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (
            ["--default-resources", "slurm_partition=nosuch"],
            ["partition 'nosuch' is not known to Slurm", "gpu, urgent"],
        ),
        (
            # All that is wrong at once.
            ["--default-resources", "slurm_partition=brief", "--config", "compute={gpu_model: h100}"],
            ["partition brief lets a job run 20 minutes", "has 1 h100 GPU", "There: a100"],
        ),
        (
            ["--default-resources", "slurm_partition=private", "slurm_account=other"],
            ["does not take jobs of account 'other'", "It allows: study"],
        ),
    ],
)
def test_what_slurm_could_not_run_is_told_before_anything_is_submitted(cluster, tmp_path, arguments, told):
    project = Project.copy(tmp_path, CONFIG, **cluster.environment)
    done = project.snakemake(f"{DPO}/run.json", *PROFILE, *arguments)
    printed = done.stdout + done.stderr
    assert done.returncode and all(part in printed for part in told), printed
    assert all(printed.count(part) == 1 for part in told)
    assert not (tmp_path / "results").exists()
    assert not [job for job in cluster.jobs() if job["WorkDir"] == str(tmp_path)]
