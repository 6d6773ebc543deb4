"""Evaluations that leave training unchanged."""

from typing import Any

import torch


class SeparateEvaluation:
    """Part of a trainer: an evaluation draws its random numbers apart from those of training.

    An evaluation draws the seed of its data loader. Without this class, the dropout of later steps would depend on the
    number of evaluations before.
    """

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        """Evaluate as the trainer does, and restore the state of the random number generators."""
        with torch.random.fork_rng():
            metrics: dict[str, float] = super().evaluate(*args, **kwargs)  # type: ignore[misc]
        return metrics
