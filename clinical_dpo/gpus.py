"""The GPUs of this computer, counted without PyTorch, and one of them for each job.

TRL refuses to train in a process that sees several GPUs: transformers would split every step over all of them.
"""

import fcntl
import itertools
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import IO

VARIABLE = "CUDA_VISIBLE_DEVICES"
_UUID = re.compile(r"\(UUID: ([^)]+)\)")
_DEVICES = Path("/dev")
_AMD = Path("/sys/class/kfd/kfd/topology/nodes")  # of GPUs and CPUs; a CPU's gpu_id is 0


def visible_gpus() -> list[str]:
    """Names of the GPUs that a job may use, as CUDA_VISIBLE_DEVICES takes them.

    If Slurm or the user has set this variable, they are the GPUs that it names.
    """
    chosen = os.environ.get(VARIABLE)
    if chosen is None:
        return _installed_gpus()
    names = (name.strip() for name in chosen.split(","))
    return list(itertools.takewhile(lambda name: name not in ("", "-1", "NoDevFiles"), names))  # as CUDA reads it


def _installed_gpus() -> list[str]:
    """Names of this computer's GPUs, or of the parts of a GPU that is divided (MIG)."""
    if shutil.which("nvidia-smi"):
        try:
            listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=60, check=True).stdout
        except (OSError, subprocess.SubprocessError):
            return []
        names = _UUID.findall(listed)
        return [name for name in names if name.startswith("MIG-")] or names
    cards = [file for file in _DEVICES.glob("nvidia*") if re.fullmatch(r"nvidia\d+", file.name)]
    nodes = [] if cards else [file for file in _AMD.glob("*/gpu_id") if file.read_text().strip() not in ("", "0")]
    return [str(number) for number in range(len(cards) or len(nodes))]


def take_gpu(requested: int | None) -> IO[str] | None:
    """Let this process see at most one GPU: none if it requests none, else one that fewest other jobs use.

    Call it before PyTorch looks for GPUs. A GPU that Slurm or the user has chosen is kept.

    Args:
        requested: GPUs that the job requests; None for a job that says nothing about GPUs.

    Returns:
        A locked file, which marks the GPU as used until it is closed; None if there is nothing to choose.
    """
    if requested == 0:
        os.environ[VARIABLE] = ""
    gpus = visible_gpus() if requested else []
    if len(gpus) < 2:
        return None
    folder = Path(tempfile.gettempdir()) / f"clinical-dpo-gpus-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    for round_number in itertools.count():  # round 1 is for a second job on a GPU
        for gpu in gpus:
            file = (folder / f"{gpu.replace('/', '_')}.{round_number}").open("w", encoding="utf-8")
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.close()
            else:
                os.environ[VARIABLE] = gpu
                return file
    raise AssertionError("unreachable")
