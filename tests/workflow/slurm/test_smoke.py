"""The Slurm profile as users type it, on a real Slurm: submitted jobs, their requests and their outputs."""

import dataclasses
import json
import re

import pytest

from clinical_dpo.cluster.job_environment import KEY_PLACEHOLDER
from clinical_dpo.line_length import LONGEST
from tests.helpers.terminal import in_terminal
from tests.helpers.workflow import Project
from tests.workflow.slurm.cluster import can_isolate
from tests.workflow.slurm.runs import BEST, CONFIG, DPO, LLAMA, OUTSIDE_SLURM, PROFILE

# It writes the network interfaces and the environment of a job into the job's working folder.
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
    """A project with a base model and a DPO trial made on the cluster, and an SFT model made without it.

    Returns:
        The project, the outputs without and with the cluster, and rule -> job of the controller.
    """
    folder = tmp_path_factory.mktemp("project")
    environment = {**running_cluster.environment, "HF_HUB_OFFLINE": "0", "TEST_SITE": "this one", **SECRETS}
    project = Project.copy(folder, CONFIG, **environment)
    (folder / "sitecustomize.py").write_text(SITECUSTOMIZE)
    on_cluster = project.run(LLAMA, *PROFILE)
    local = dataclasses.replace(project, environment={**project.environment, **OUTSIDE_SLURM}).run(BEST)
    on_cluster += project.run(f"{DPO}/run.json", *PROFILE)
    jobs = [job for job in running_cluster.jobs() if job["WorkDir"] == str(folder)]
    by_rule = {job["Comment"].split("_wildcards_")[0].removeprefix("rule_"): job for job in jobs}
    return project, local, on_cluster, by_rule


def test_only_jobs_that_compute_with_a_model_are_slurm_jobs(finished):
    project, _, printed, jobs = finished
    assert set(jobs) == {"build_base_model", "compute_reference_logps", "train"}
    assert {job["JobState"] for job in jobs.values()} == {"COMPLETED"}
    assert printed.count("has been submitted with SLURM jobid") == 3
    assert json.loads((project.folder / DPO / "run.json").read_text())["steps"] == 12
    assert project.planned(f"{DPO}/run.json") == set()


def test_jobs_that_use_a_gpu_have_a_gpu(finished):
    *_, jobs = finished
    gpus = {rule: job["JOB_GRES"] for rule, job in jobs.items()}
    assert gpus == {"build_base_model": "(null)", "compute_reference_logps": "gpu:a100:1", "train": "gpu:a100:1"}
    assert {job["Partition"] for job in jobs.values()} == {"gpu"}


def test_jobs_have_the_time_and_memory_of_their_rules(finished):
    *_, jobs = finished
    limits = {rule: job["TimeLimit"] for rule, job in jobs.items()}
    assert limits == {"build_base_model": "01:00:00", "compute_reference_logps": "00:31:00", "train": "00:31:00"}
    assert all("mem=8" in job["TRES"] for job in jobs.values())


def test_jobs_on_the_cluster_run_without_a_network(finished):
    """HF_HUB_OFFLINE is not set for them."""
    if not can_isolate():
        pytest.skip("a process may not run in its own network namespace here")
    project, *_ = finished
    interfaces = {path.stem: path.read_text().split() for path in project.folder.glob("*.network")}
    assert interfaces == {"compute_reference_logps": ["lo"], "train": ["lo"]}


def test_jobs_on_the_cluster_have_no_key_and_the_variables_that_the_config_names(finished):
    project, *_ = finished
    environments = [json.loads(path.read_text()) for path in project.folder.glob("*.environment")]
    assert len(environments) == 2
    for environment in environments:
        assert "secret" not in str(environment) and environment["OPENAI_API_KEY"] == KEY_PLACEHOLDER
        assert environment["TEST_SITE"] == "this one" and environment["HF_HUB_OFFLINE"] == "0"


def test_slurms_logs_of_private_text_are_closed_to_other_users(finished):
    project, *_ = finished
    modes = {path.stem: path.read_text().strip() for path in project.folder.glob("*.mode")}
    assert modes == {"compute_reference_logps": "0o700", "train": "0o700"}


def test_without_the_profile_one_gpu_job_runs_at_a_time(finished):
    _, printed, *_ = finished
    assert 'Provided resources: gpu=Resource("gpu", 1)' in printed


def test_a_terminal_shows_submitted_jobs_in_the_bar_and_their_ids_above_it(finished):
    project, *_ = finished
    command = [*project.command(), LLAMA, *PROFILE, "--forcerun", "build_base_model", "--configfile", project.config]
    seen = in_terminal(command, project.folder, project.environment)
    assert seen.status == 0, seen.text
    assert any(re.search(r"0 of 1 jobs(?s:.*)submitted 0:\d\d:\d\d  build_base_model  model=", s) for s in seen.screens)
    assert seen.text.count("has been submitted with SLURM jobid") == 1 and "of 1 jobs" not in seen.text
    assert max(map(len, seen.text.splitlines())) <= LONGEST


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "patterns"),
    [
        (["--default-resources", "slurm_partition=nosuch"], ["partition '?nosuch'?.*gpu, urgent"]),
        (
            # One message names both errors.
            ["--default-resources", "slurm_partition=brief", "--config", "compute={gpu_model: h100}"],
            ["partition '?brief'?.*20 minutes", "h100.*a100"],
        ),
        (["--default-resources", "slurm_partition=private", "slurm_account=other"], ["account 'other'.*study"]),
    ],
)
def test_jobs_that_slurm_cannot_run_are_an_error_before_any_is_submitted(cluster, tmp_path, arguments, patterns):
    project = Project.copy(tmp_path, CONFIG, **cluster.environment)
    done = project.snakemake(f"{DPO}/run.json", *PROFILE, *arguments)
    printed = done.stdout + done.stderr
    assert done.returncode and [len(re.findall(pattern, printed)) for pattern in patterns] == [1] * len(patterns), (
        printed
    )
    assert not [path for path in (tmp_path / "results").rglob("*") if path.is_file()]  # a closed folder alone
    assert not [job for job in cluster.jobs() if job["WorkDir"] == str(tmp_path)]
