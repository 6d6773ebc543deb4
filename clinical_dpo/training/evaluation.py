"""A mixin for trainers: evaluations do not affect the random numbers of training, and their time is measured."""

import time
from typing import Any

import torch


class SeparateEvaluation:
    """Mixin for trainers: an evaluation does not affect the random numbers of training, and its time is measured.

    An evaluation draws a seed for its data loader. Without this class, the dropout of later steps would depend on the
    number of earlier evaluations.

    Attributes:
        evaluations: number of evaluations so far.
        evaluation_seconds: seconds of all evaluations so far.
    """

    evaluations = 0
    evaluation_seconds = 0.0

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        """Evaluate as the trainer does, then restore the state of the random number generators. Return the metrics."""
        started = time.monotonic()
        with torch.random.fork_rng():
            metrics: dict[str, float] = super().evaluate(*args, **kwargs)  # type: ignore[misc]
        self.evaluations += 1
        self.evaluation_seconds += time.monotonic() - started
        return metrics
