"""Clock and memory of a process that takes one training step whenever its parent asks for a step.

The processes of other trainers import this module too, so it imports nothing but PyTorch and Transformers.
"""

import ctypes
import gc
import platform
import resource
import time
from typing import Any


class Turns:
    """The steps that a parent process asks for, one message for each."""

    def __init__(self, parent: Any) -> None:
        """Take the connection to the parent process."""
        self._parent = parent
        self._started = (0.0, 0.0)

    def wait(self) -> None:
        """Wait until the parent asks for the next step, then start the clock."""
        self._parent.recv()
        self._started = _now()

    def finish(self) -> None:
        """Send wall and CPU seconds of the step. Then return its free memory to the system."""
        wall, cpu = _now()
        _release_memory()
        self._parent.send((wall - self._started[0], cpu - self._started[1]))


def trainer_clock(turns: Turns) -> Any:
    """A callback of Transformers' trainer that times each step, from the end of the step before to its own end.

    This is the time of batch, forward, backward, optimizer and log.
    """
    import torch
    from transformers import TrainerCallback

    class Clock(TrainerCallback):
        """Waits before a step, and finishes the turn after the step."""

        def on_train_begin(self, *args: Any, **kwargs: Any) -> None:
            if torch.cuda.is_available():
                torch.cuda.reset_peak_memory_stats()
            turns.wait()

        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            turns.finish()
            if state.global_step < state.max_steps:
                turns.wait()

    return Clock()


def peak_memory() -> float:
    """Peak memory in MiB: of the GPU's allocator; without a GPU, of the process with its libraries and weights."""
    import torch

    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _now() -> tuple[float, float]:
    """Wall and CPU clock in seconds, after the GPU has finished its work."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter(), time.process_time()


def _release_memory() -> None:
    """Return the step's free memory to the system. Else glibc keeps it, and the peaks of the processes add up."""
    gc.collect()
    if platform.system() == "Linux":
        ctypes.CDLL(None).malloc_trim(0)
