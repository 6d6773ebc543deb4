"""Find the GPUs of this computer without the use of PyTorch, and choose one of these GPUs for each job.

TRL refuses to train in a process that sees several GPUs, because transformers would split every step over all of them.
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
_AMD = Path("/sys/class/kfd/kfd/topology/nodes")  # a folder for each GPU and CPU; a CPU's gpu_id is 0


def visible_gpus() -> list[str]:
    """Names of the GPUs that a job may use, in the form that CUDA_VISIBLE_DEVICES takes.

    If Slurm or the user has set CUDA_VISIBLE_DEVICES, the job may use only the GPUs that this variable names.
    """
    chosen = os.environ.get(VARIABLE)
    if chosen is None:
        return _installed_gpus()
    names = (name.strip() for name in chosen.split(","))
    return list(itertools.takewhile(lambda name: name not in ("", "-1", "NoDevFiles"), names))  # CUDA stops here too


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
    """If this job requests GPUs, let its process see only the GPU that the fewest other jobs use.

    Call this function before PyTorch looks for GPUs. If Slurm or the user has chosen a single GPU, this choice is kept.

    Args:
        requested: number of GPUs that the job requests. 0 hides all GPUs from its process. None means that the job does
            not say how many; the function then changes nothing.

    Returns:
        A locked file that marks the GPU as used until the file is closed; None if there is nothing to choose.
    """
    if requested == 0:
        os.environ[VARIABLE] = ""
    gpus = visible_gpus() if requested else []
    if len(gpus) < 2:
        return None
    folder = Path(tempfile.gettempdir()) / f"clinical-dpo-gpus-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    for round_number in itertools.count():  # from round 1 on, every GPU already has a job
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
