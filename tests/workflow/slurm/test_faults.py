"""What goes wrong on a cluster, done to a training job on a real Slurm: each run ends in the right files.

The weights are those of an unbroken run, but for out of memory, after which fewer rows are computed at once.
"""

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.workflow.slurm.cluster import wait_for
from tests.workflow.slurm.runs import MODEL, SFT, Ground

pytestmark = pytest.mark.slow
SLOW = {"TEST_STEP_SECONDS": "1.5"}  # of 12 steps, saved every second one


@pytest.fixture(scope="module")
def ground(tmp_path_factory):
    return Ground.prepare(tmp_path_factory.mktemp("ground") / "project")


@pytest.fixture
def start(cluster, ground, tmp_path):
    """Start training on the cluster, in a copy of the project that is this test's own."""

    def started(*arguments, **environment):
        return ground.start(cluster, tmp_path / "project", *arguments, **environment)

    yield started
    ground.stop_all()


def resumed(ground, attempt):
    """The step a finished run went on from, after its files were found right."""
    return ground.check(attempt)["resumed_from_step"]


def processes_of(job):
    """Ids of slurmstepd for a job, and of everything below them."""
    listed = subprocess.run(["ps", "-eo", "pid=,ppid=,args="], capture_output=True, text=True, check=True).stdout
    rows = [line.split(None, 2) for line in listed.splitlines()]
    found = {pid for pid, _, command in rows if command.startswith(f"slurmstepd: [{job}.")}
    while more := {pid for pid, parent, _ in rows if parent in found} - found:
        found |= more
    return sorted(map(int, found))


def kill_processes(job):
    for pid in processes_of(job):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def test_a_run_without_a_fault_ends_in_the_weights_of_one_without_slurm(start, ground):
    """What the others' times (`--durations=0`) are to be compared with."""
    attempt = start(**SLOW)
    attempt.end()
    assert attempt.states() == ["COMPLETED"]
    assert resumed(ground, attempt) == 0


def test_a_cancelled_job_is_tried_again_from_its_checkpoint(start, ground, cluster):
    attempt = start(**SLOW)
    attempt.until_checkpoint()
    cluster.run("scancel", attempt.jobs()[0]["JobId"])
    attempt.end()
    assert attempt.states() == ["CANCELLED", "COMPLETED"]
    assert resumed(ground, attempt) >= 2


def test_a_job_out_of_time_is_given_more_and_goes_on(start, ground):
    """Slurm counts in minutes; 12 steps of 8 seconds do not fit into one."""
    attempt = start("--set-resources", "train:runtime=attempt", TEST_STEP_SECONDS="8")
    attempt.end()
    assert attempt.states() == ["TIMEOUT", "COMPLETED"]
    assert [job["TimeLimit"] for job in attempt.jobs()] == ["00:01:00", "00:02:00"]
    assert resumed(ground, attempt) >= 2


def test_a_job_survives_the_death_of_slurmd(start, ground, cluster):
    attempt = start(**SLOW)
    attempt.until_checkpoint()
    cluster.kill("slurmd")
    time.sleep(3)
    cluster.start_node()
    attempt.end()
    assert attempt.states() == ["COMPLETED"]
    assert resumed(ground, attempt) == 0


def test_a_job_whose_steps_are_killed_is_tried_again(start, ground):
    attempt = start(**SLOW)
    attempt.until_checkpoint()
    kill_processes(attempt.jobs()[0]["JobId"])
    attempt.end()
    assert attempt.states()[-1] == "COMPLETED"
    assert resumed(ground, attempt) >= 2


def test_a_node_that_dies_costs_no_retry(start, ground, cluster):
    attempt = start(**SLOW)
    attempt.until_checkpoint()
    job = attempt.jobs()[0]["JobId"]
    cluster.kill("slurmd")
    kill_processes(job)
    wait_for(lambda: "down" in cluster.node_state(), "the controller misses the node", 120)
    cluster.start_node()
    text = attempt.end()
    assert "Trying to restart" not in text
    assert [(job["JobId"], job["JobState"], job["Restarts"]) for job in attempt.jobs()] == [(job, "COMPLETED", "1")]
    assert resumed(ground, attempt) >= 2


def test_a_killed_snakemake_is_not_started_beside_its_own_jobs(start, ground, cluster):
    attempt = start(TEST_STEP_SECONDS="8")  # still at work when Snakemake has been started three times
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
    assert resumed(ground, again) >= 2


def test_what_a_job_finishes_without_its_snakemake_is_kept(start, ground):
    attempt = start(**SLOW)
    attempt.until_checkpoint()
    attempt.process.kill()
    attempt.process.wait()
    wait_for(lambda: attempt.states() == ["COMPLETED"], "the job ends", 300)
    start("--unlock").end()
    assert "Nothing to be done" in start().end()
    assert attempt.states() == ["COMPLETED"]
    assert resumed(ground, attempt) == 0


def test_a_controller_that_is_down_for_a_while_costs_no_work(start, ground, cluster):
    """Without an accounting database Snakemake loses sight of its jobs then, and waits until it is killed."""
    attempt = start(**SLOW)
    attempt.until_checkpoint()
    cluster.kill("slurmctld")
    time.sleep(45)
    cluster.start_controller()
    wait_for(lambda: attempt.states() == ["COMPLETED"], "the job ends", 120)
    time.sleep(45)
    if attempt.process.poll() is None:
        attempt.process.kill()
        attempt.process.wait()
        start("--unlock").end()
    again = start()
    again.end()
    assert again.states() == ["COMPLETED"]
    assert resumed(ground, again) == 0


def test_a_drained_node_is_waited_for(start, ground, cluster):
    cluster.run("scontrol", "update", f"NodeName={cluster.host}", "State=DRAIN", "Reason=test")
    try:
        attempt = start()
        wait_for(lambda: attempt.states() == ["PENDING"], "the job waits")
        time.sleep(10)
        assert attempt.states() == ["PENDING"] and attempt.process.poll() is None
    finally:
        cluster.run("scontrol", "update", f"NodeName={cluster.host}", "State=RESUME")
    attempt.end()
    assert resumed(ground, attempt) == 0


def test_a_preempted_job_is_queued_again_and_goes_on(start, ground, cluster):
    attempt = start(**SLOW)
    attempt.until_checkpoint()
    cluster.run("sbatch", "--partition=urgent", "--gpus=1", "--time=1", "--output=/dev/null", "--wrap=sleep 5")
    text = attempt.end()
    assert "Trying to restart" not in text
    assert [(job["JobState"], job["Restarts"]) for job in attempt.jobs()] == [("COMPLETED", "1")]
    assert resumed(ground, attempt) >= 2


def test_out_of_memory_is_tried_again_with_smaller_batches(start, ground):
    attempt = start(TEST_MEMORY="5:2")
    attempt.end()
    assert attempt.states() == ["FAILED", "COMPLETED"]
    record = ground.check(attempt, same_weights=False)
    assert (record["micro_batch_size"], record["resumed_from_step"]) == (2, 4)


def test_checkpoints_that_cannot_be_written_are_told_before_training(start, ground, tmp_path):
    checkpoints = tmp_path / "project" / f"{SFT}.checkpoints"
    ground.copy(tmp_path / "project")
    checkpoints.parent.mkdir(parents=True)
    checkpoints.write_text("a file where the folder should be")
    refused = start("--retries", "0")
    status, text = refused.outcome()
    assert status and refused.states() == ["FAILED"], text[-6000:]
    log = next((refused.project.folder / "logs/cluster/train").rglob("*.log")).read_text()
    assert re.search(r"adapter\.checkpoints: checkpoints cannot be written \(Not a directory\)", log)
    assert "Traceback" not in log and not (refused.project.folder / SFT / "run.json").exists()
    checkpoints.unlink()
    again = start()
    again.end()
    assert resumed(ground, again) == 0 and Path(again.project.folder / MODEL).exists()
