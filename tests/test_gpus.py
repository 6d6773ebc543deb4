"""GPUs are counted without PyTorch, and each job sees one of them; a faked nvidia-smi tells their number."""

import os
import subprocess
import sys

import pytest

from clinical_dpo.gpus import VARIABLE, take_gpu, visible_gpus
from tests.conftest import ROOT

JOB = """
import os, sys
from clinical_dpo.gpus import take_gpu
lock = take_gpu(1)
print(os.environ.get("CUDA_VISIBLE_DEVICES"), "torch" in sys.modules, flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def computer(tmp_path, monkeypatch):
    """A function that gives the computer GPUs, by the lines that `nvidia-smi -L` prints."""
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def has(*lines):
        program = tmp_path / "nvidia-smi"
        program.write_text("#!/bin/sh\n" + "".join(f"echo '{line}'\n" for line in lines))
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    return has


def cards(number):
    return [f"GPU {i}: NVIDIA A100 (UUID: GPU-{i})" for i in range(number)]


@pytest.fixture
def start():
    """A function that starts a job in a process of its own, and returns the process and what it sees."""
    processes = []

    def started():
        process = subprocess.Popen(
            [sys.executable, "-c", JOB],
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        gpu, torch = process.stdout.readline().split()
        assert torch == "False"
        return process, gpu

    yield started
    for process in processes:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def test_each_job_sees_a_gpu_that_no_other_job_uses(computer, start):
    computer(*cards(2))
    (first, one), (_, other) = start(), start()
    assert {one, other} == {"GPU-0", "GPU-1"}
    first.kill()  # a killed job gives its GPU back
    first.wait()
    assert start()[1] == one


def test_more_jobs_than_gpus_share_them_evenly(computer, start):
    computer(*cards(2))
    assert sorted(start()[1] for _ in range(4)) == ["GPU-0", "GPU-0", "GPU-1", "GPU-1"]


def test_parts_of_a_divided_gpu_count_as_gpus(computer):
    computer("GPU 0: NVIDIA A100 (UUID: GPU-0)", "  MIG 3g.40gb Device 0: (UUID: MIG-a)", "  MIG 3g.40gb (UUID: MIG-b)")
    assert visible_gpus() == ["MIG-a", "MIG-b"]


@pytest.mark.parametrize(
    ("chosen", "seen"), [("1", ["1"]), ("", []), ("-1", []), ("0,-1,2", ["0"]), ("2, 3", ["2", "3"])]
)
def test_the_choice_of_slurm_or_the_user_is_kept(computer, monkeypatch, chosen, seen):
    computer(*cards(8))
    monkeypatch.setenv(VARIABLE, chosen)
    assert visible_gpus() == seen
    lock = take_gpu(1)
    assert os.environ[VARIABLE] == (chosen if len(seen) < 2 else seen[0]) and bool(lock) == (len(seen) > 1)
    if lock:
        lock.close()


def test_a_job_that_requests_no_gpu_sees_none(computer, monkeypatch):
    computer(*cards(2))
    monkeypatch.setenv(VARIABLE, "0,1")
    assert take_gpu(0) is None and os.environ[VARIABLE] == ""


def test_one_gpu_or_none_needs_no_choice(computer):
    for lines in (cards(1), []):
        computer(*lines)
        assert take_gpu(1) is None and VARIABLE not in os.environ
