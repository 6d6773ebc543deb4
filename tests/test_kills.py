"""A run on this machine, killed again and again wherever it is, ends in the bytes of one that was left alone."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time

import pytest

from tests.slurm.runs import CONFIG, MODEL, SITECUSTOMIZE
from tests.workflow import Project

KILLS = 8
TABLES = ("results/cluster/uti/metrics.csv", "results/cluster/uti/stats.csv")
KEPT = ("*.csv", "*.jsonl", "*.safetensors")  # but for log.csv's folder, whose run.json tells how it went


def files(project):
    folder = project.folder / "results/cluster/uti"
    return {path.relative_to(folder): path.read_bytes() for pattern in KEPT for path in sorted(folder.rglob(pattern))}


def run_and_kill(project, draw):
    """Kill Snakemake and all it started after a while, or soon after training saved something; True where it ended."""
    command = [sys.executable, "-m", "snakemake", *TABLES, "--rerun-incomplete", "--cores", "2", "--configfile", CONFIG]
    environment = os.environ | {"TEST_STEP_SECONDS": "0.3"}
    process = subprocess.Popen(
        command,
        cwd=project.folder,
        env=environment,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    end = time.monotonic() + draw.uniform(4, 30)
    while time.monotonic() < end and process.poll() is None:
        if any(project.folder.rglob("*.checkpoints/checkpoint-*")):
            time.sleep(draw.uniform(0, 2))
            break
        time.sleep(0.05)
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    return process.wait() == 0


@pytest.mark.slow
def test_random_kills_leave_no_trace(tmp_path):
    unbroken = Project.copy(tmp_path / "unbroken", CONFIG)
    (unbroken.folder / "sitecustomize.py").write_text(SITECUSTOMIZE)
    unbroken.run(MODEL)
    shutil.copytree(unbroken.folder, tmp_path / "killed")
    killed = Project(tmp_path / "killed", CONFIG, {})
    unbroken.run(*TABLES)
    draw = random.Random(11)
    done = sum(not run_and_kill(killed, draw) for _ in range(KILLS) if not killed.run("--unlock") or True)
    killed.run("--unlock")
    killed.run(*TABLES, "--rerun-incomplete")
    assert done >= KILLS // 2
    found, expected = files(killed), files(unbroken)
    assert len(expected) > 20 and {path for path in expected if found.get(path) != expected[path]} == set()
    assert not list(killed.folder.rglob("*.part")) and not list(killed.folder.rglob("*.checkpoints"))
