"""Faults of a cluster during a training job on a real Slurm: each run ends in the expected files.

The weights equal those of an undisturbed run, except after running out of memory, when batches have fewer rows.
"""

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.workflow.slurm.cluster import wait_for
from tests.workflow.slurm.runs import MODEL, SFT, Template

pytestmark = pytest.mark.slow
SLOW = {"TEST_STEP_SECONDS": "1.5"}  # training has 12 steps and saves every second step


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    return Template.prepare(tmp_path_factory.mktemp("template") / "project")


@pytest.fixture
def start(cluster, template, tmp_path):
    """Function that starts training on the cluster, in this test's copy of the project."""

    def start_attempt(*arguments, **environment):
        return template.start(cluster, tmp_path / "project", *arguments, **environment)

    yield start_attempt
    template.stop_all()


def resumed(template, attempt):
    """Check the files of a finished run and return the step that it resumed from."""
    return template.check(attempt)["resumed_from_step"]


def processes_of(job):
    """Ids of a job's slurmstepd processes and of all their descendants."""
    listed = subprocess.run(["ps", "-eo", "pid=,ppid=,args="], capture_output=True, text=True, check=True).stdout
    rows = [line.split(None, 2) for line in listed.splitlines()]
    processes = {pid for pid, _, command in rows if command.startswith(f"slurmstepd: [{job}.")}
    while children := {pid for pid, parent, _ in rows if parent in processes} - processes:
        processes |= children
    return sorted(map(int, processes))


def kill_processes(job):
    for pid in processes_of(job):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def test_a_run_without_a_fault_ends_in_the_weights_of_a_run_without_slurm(start, template):
    """Compare the other tests' times (`--durations=0`) with this one's."""
    attempt = start(**SLOW)
    attempt.end()
    assert attempt.states() == ["COMPLETED"]
    assert resumed(template, attempt) == 0


def test_a_cancelled_job_resumes_from_its_checkpoint(start, template, cluster):
    attempt = start(**SLOW)
    attempt.until_checkpoint()
    cluster.run("scancel", attempt.jobs()[0]["JobId"])
    attempt.end()
    assert attempt.states() == ["CANCELLED", "COMPLETED"]
    assert resumed(template, attempt) >= 2


def test_a_job_out_of_time_resumes_with_more_time(start, template):
    """Slurm counts in minutes; 12 steps of 15 seconds take longer than one, also where a job starts slowly."""
    # A busy machine needs several minutes before the first step.
    attempt = start("--set-resources", "train:runtime=attempt", "--retries", "6", TEST_STEP_SECONDS="15")
    attempt.end()
    *timeouts, last = attempt.states()
    assert last == "COMPLETED" and set(timeouts) == {"TIMEOUT"}
    limits = [job["TimeLimit"] for job in attempt.jobs()]
    assert limits == [f"00:0{attempts}:00" for attempts in range(1, len(limits) + 1)]
    assert resumed(template, attempt) >= 2


def test_a_job_survives_the_death_of_slurmd(start, template, cluster):
    attempt = start(**SLOW)
    attempt.until_checkpoint()
    cluster.kill("slurmd")
    time.sleep(3)
    cluster.start_node()
    attempt.end()
    assert attempt.states() == ["COMPLETED"]
    assert resumed(template, attempt) == 0


def test_a_job_whose_processes_are_killed_resumes(start, template):
    attempt = start(**SLOW)
    attempt.until_checkpoint()
    kill_processes(attempt.jobs()[0]["JobId"])
    attempt.end()
    assert attempt.states()[-1] == "COMPLETED"
    assert resumed(template, attempt) >= 2


def test_a_dead_node_costs_no_retry(start, template, cluster):
    attempt = start(**SLOW)
    attempt.until_checkpoint()
    job = attempt.jobs()[0]["JobId"]
    cluster.kill("slurmd")
    kill_processes(job)
    wait_for(lambda: "down" in cluster.node_state(), "the controller misses the node")
    cluster.start_node()
    text = attempt.end()
    assert "Trying to restart" not in text
    assert [(job["JobId"], job["JobState"], job["Restarts"]) for job in attempt.jobs()] == [(job, "COMPLETED", "1")]
    assert resumed(template, attempt) >= 2


def test_a_killed_snakemake_is_not_started_beside_its_own_jobs(start, template, cluster):
    attempt = start(TEST_STEP_SECONDS="8")  # so that it still runs after Snakemake has started three times
    attempt.until_checkpoint()
    attempt.process.kill()
    attempt.process.wait()
    assert attempt.states() == ["RUNNING"]
    status, text = start(**SLOW).outcome()
    assert status and "--unlock" in text
    start("--unlock").end()
    status, text = start(**SLOW).outcome()
    run = attempt.jobs()[0]["JobName"]
    line = f"scancel --me --name={run}"
    assert status and line in text and "submitted with SLURM" not in text
    cluster.run(*line.split())
    wait_for(lambda: attempt.states() == ["CANCELLED"], "the job is cancelled")
    again = start(**SLOW)
    again.end()
    assert again.states() == ["CANCELLED", "COMPLETED"]
    assert resumed(template, again) >= 2


def test_outputs_of_a_job_that_outlives_its_snakemake_are_kept(start, template):
    attempt = start(**SLOW)
    attempt.until_checkpoint()
    attempt.process.kill()
    attempt.process.wait()
    wait_for(lambda: attempt.states() == ["COMPLETED"], "the job ends")
    start("--unlock").end()
    assert "Nothing to be done" in start().end()
    assert attempt.states() == ["COMPLETED"]
    assert resumed(template, attempt) == 0


def test_a_controller_that_is_down_for_45_seconds_costs_no_work(start, template, cluster):
    """Without an accounting database Snakemake loses its jobs then, and waits until it is killed."""
    attempt = start(**SLOW)
    attempt.until_checkpoint()
    cluster.kill("slurmctld")
    time.sleep(45)
    cluster.start_controller()
    wait_for(lambda: attempt.states() == ["COMPLETED"], "the job ends")
    time.sleep(45)
    if attempt.process.poll() is None:
        attempt.process.kill()
        attempt.process.wait()
        start("--unlock").end()
    again = start()
    again.end()
    assert again.states() == ["COMPLETED"]
    assert resumed(template, again) == 0


def test_a_job_waits_for_a_drained_node(start, template, cluster):
    cluster.run("scontrol", "update", f"NodeName={cluster.host}", "State=DRAIN", "Reason=test")
    try:
        attempt = start()
        wait_for(lambda: attempt.states() == ["PENDING"], "the job waits")
        time.sleep(10)
        assert attempt.states() == ["PENDING"] and attempt.process.poll() is None
    finally:
        cluster.run("scontrol", "update", f"NodeName={cluster.host}", "State=RESUME")
    attempt.end()
    assert resumed(template, attempt) == 0


def test_a_preempted_job_is_queued_again_and_resumes(start, template, cluster):
    attempt = start(**SLOW)
    attempt.until_checkpoint()
    cluster.run("sbatch", "--partition=urgent", "--gpus=1", "--time=1", "--output=/dev/null", "--wrap=sleep 5")
    text = attempt.end()
    assert "Trying to restart" not in text
    assert [(job["JobState"], job["Restarts"]) for job in attempt.jobs()] == [("COMPLETED", "1")]
    assert resumed(template, attempt) >= 2


def test_a_job_out_of_memory_resumes_with_smaller_batches(start, template):
    attempt = start(TEST_MEMORY="5:2")
    attempt.end()
    assert attempt.states() == ["FAILED", "COMPLETED"]
    record = template.check(attempt, same_weights=False)
    assert (record["micro_batch_size"], record["resumed_from_step"]) == (2, 4)


def test_checkpoints_that_cannot_be_written_are_an_error_before_training(start, template, tmp_path):
    checkpoints = tmp_path / "project" / f"{SFT}.checkpoints"
    template.copy(tmp_path / "project")
    checkpoints.parent.mkdir(parents=True)
    checkpoints.write_text("a file where the folder should be")
    refused = start("--retries", "0")
    status, text = refused.outcome()
    assert status and refused.states() == ["FAILED"], text[-6000:]
    log = next((refused.project.folder / "logs/cluster/train").rglob("*.log")).read_text()
    assert re.search(r"adapter\.checkpoints: .*\bNot a directory\b", log)
    assert "Traceback" not in log and not (refused.project.folder / SFT / "run.json").exists()
    checkpoints.unlink()
    again = start()
    again.end()
    assert resumed(template, again) == 0 and Path(again.project.folder / MODEL).exists()
