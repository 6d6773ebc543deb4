"""Run the variants of a training step in processes that take steps in turn, and collect their measurements."""

import argparse
import multiprocessing
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.random_rows import Case
from benchmarks.training_steps import work

SPAWN = multiprocessing.get_context("spawn")  # ru_maxrss of a forked process starts at its parent's


class Measured(NamedTuple):
    """Measurements of one variant: wall and CPU seconds of each step, and facts that its process reports at the end."""

    wall: list[float]
    cpu: list[float]
    facts: dict[str, Any]


class Started(NamedTuple):
    """A variant's process, and what it has measured so far."""

    variant: str
    pipe: Any
    process: Any
    measured: Measured


def start(
    variants: Sequence[str], folder: Path, case: Case, setup: argparse.Namespace, target: Callable[..., None] = work
) -> list[Started]:
    """Start one process per variant.

    Args:
        variants: names of the variants.
        folder, case, setup: arguments of `target`.
        target: function that each process runs.
    """
    started = []
    for variant in variants:
        ours, theirs = SPAWN.Pipe()
        process = SPAWN.Process(target=target, args=(variant, folder, case, setup, theirs), daemon=True)
        process.start()
        theirs.close()  # so that recv() fails if the process has died
        started.append(Started(variant, ours, process, Measured([], [], {})))
    return started


def take_turns(started: Sequence[Started], repeats: int) -> dict[str, Measured]:
    """Let the processes take steps in turn, and collect their measurements.

    Args:
        started: the processes, from `start`.
        repeats: number of measured steps. One step of warm-up comes before.

    Returns:
        Variant -> its measurements.

    Raises:
        RuntimeError: a process has ended too early. The process itself prints why.
    """
    for step in range(repeats + 2):
        for variant, pipe, process, taken in started:
            try:
                if step <= repeats:
                    pipe.send("step")
                said = pipe.recv()
            except (EOFError, OSError):
                process.join()
                raise RuntimeError(
                    f"the process of variant '{variant}' ended with status {process.exitcode}. See its error above."
                ) from None
            if step > repeats:
                taken.facts.update(said)
                process.join()
            elif step:
                taken.wall.append(said[0])
                taken.cpu.append(said[1])
    return {each.variant: each.measured for each in started}
