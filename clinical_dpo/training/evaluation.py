"""Evaluations that leave training unchanged and are timed apart from it."""

import time
from typing import Any

import torch


class SeparateEvaluation:
    """Part of a trainer: an evaluation draws its random numbers apart from those of training, and is timed.

    An evaluation draws the seed of its data loader. Without this class, the dropout of later steps would depend on the
    number of evaluations before.

    Attributes:
        evaluations: number of evaluations.
        evaluation_seconds: their time.
    """

    evaluations = 0
    evaluation_seconds = 0.0

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        """Evaluate as the trainer does, and restore the state of the random number generators."""
        started = time.monotonic()
        with torch.random.fork_rng():
            metrics: dict[str, float] = super().evaluate(*args, **kwargs)  # type: ignore[misc]
        self.evaluations += 1
        self.evaluation_seconds += time.monotonic() - started
        return metrics
