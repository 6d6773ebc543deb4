"""A local run that is killed repeatedly at random moments ends in the same bytes as an undisturbed run."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time

import pytest

from tests.helpers.workflow import Project
from tests.workflow.slurm.runs import CONFIG, MODEL, OUTSIDE_SLURM, SITECUSTOMIZE

KILLS = 20
RESULTS = "results/cluster/uti"
TABLES = (f"{RESULTS}/metrics.csv", f"{RESULTS}/stats.csv")
COMPARED = ("*.csv", "*.jsonl", "*.safetensors")  # run.json depends on the kills


def files(project):
    folder = project.folder / RESULTS
    paths = [path for pattern in COMPARED for path in sorted(folder.rglob(pattern))]
    return {path.relative_to(folder): path.read_bytes() for path in paths}


def run_and_kill(project, draw):
    """Start Snakemake; kill it and its children at a random moment of the first seconds or soon after a checkpoint.

    Returns:
        Whether it was killed. Otherwise it had succeeded before.
    """
    command = [sys.executable, "-m", "snakemake", *TABLES, "--rerun-incomplete", "--cores", "2", "--configfile", CONFIG]
    process = subprocess.Popen(
        command,
        cwd=project.folder,
        env=os.environ | OUTSIDE_SLURM | {"TEST_STEP_SECONDS": "0.2"},
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    end, near = time.monotonic() + draw.uniform(2, 20), draw.random() < 0.5
    old = checkpoints(project)
    while time.monotonic() < end and process.poll() is None:
        if near and checkpoints(project) - old:
            end, near = time.monotonic() + draw.uniform(0, 2), False
        time.sleep(0.05)
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    status = process.wait()
    assert status in (0, -signal.SIGKILL)
    return status != 0


def checkpoints(project):
    return set((project.folder / RESULTS).rglob("*.checkpoints/checkpoint-*"))


@pytest.mark.slow
def test_results_after_twenty_random_kills_equal_those_of_an_undisturbed_run(tmp_path):
    """A run that ends before its kill is compared, deleted and started again, so that each kill hits a running one."""
    unbroken = Project.copy(tmp_path / "unbroken", CONFIG, **OUTSIDE_SLURM)
    (unbroken.folder / "sitecustomize.py").write_text(SITECUSTOMIZE)
    unbroken.run(MODEL)
    shutil.copytree(unbroken.folder, tmp_path / "killed")
    killed = Project(tmp_path / "killed", CONFIG, OUTSIDE_SLURM)
    unbroken.run(*TABLES)
    expected = files(unbroken)
    assert len(expected) > 20
    draw = random.Random(11)
    kills = broken = 0  # in total, and of the current run
    while kills < KILLS or broken:
        if kills < KILLS and run_and_kill(killed, draw):
            kills, broken = kills + 1, broken + 1
            killed.run("--unlock")
            continue
        killed.run(*TABLES, "--rerun-incomplete")
        results = files(killed)
        assert {path for path in expected if results.get(path) != expected[path]} == set()
        assert not list(killed.folder.rglob("*.part")) and not checkpoints(killed)
        shutil.rmtree(killed.folder / RESULTS)
        broken = 0
