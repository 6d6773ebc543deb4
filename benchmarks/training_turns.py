"""Processes of variants of a training step, which take steps in turn, and their measurements."""

import argparse
import multiprocessing
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.random_rows import Case
from benchmarks.training_steps import work

SPAWN = multiprocessing.get_context("spawn")  # ru_maxrss of a forked process starts at its parent's


class Measured(NamedTuple):
    """Measurements of one variant: wall and CPU seconds per repeat, and facts that its process reports."""

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
    """Start a process per variant that runs `target`, by default `work`."""
    started = []
    for variant in variants:
        ours, theirs = SPAWN.Pipe()
        process = SPAWN.Process(target=target, args=(variant, folder, case, setup, theirs), daemon=True)
        process.start()
        theirs.close()  # so that recv() fails if the process has died
        started.append(Started(variant, ours, process, Measured([], [], {})))
    return started


def take_turns(started: Sequence[Started], repeats: int) -> dict[str, Measured]:
    """Let processes step in turn, and collect their measurements.

    Raises:
        RuntimeError: a process has ended too early. It has printed why.
    """
    for step in range(repeats + 2):
        for variant, pipe, process, taken in started:
            try:
                if step <= repeats:
                    pipe.send("step")
                said = pipe.recv()
            except (EOFError, OSError):
                process.join()
                raise RuntimeError(f"{variant}: its process ended with status {process.exitcode}") from None
            if step > repeats:
                taken.facts.update(said)
                process.join()
            elif step:
                taken.wall.append(said[0])
                taken.cpu.append(said[1])
    return {each.variant: each.measured for each in started}
