"""Find the step at which the eval loss of a probe flattens.

A probe is the first run of a trial, over all configured steps. The training of the trial itself ends at the step that
`plateau_step` returns.
"""

from collections.abc import Mapping, Sequence
from math import isfinite, nan
from typing import Any


def plateau_step(curve: Sequence[tuple[int, float]], tolerance: float) -> int:
    """Return the first evaluated step at which the eval loss is nearly as low as it gets.

    This is the first step after 0 with a loss of at most lowest + `tolerance` x (loss at step 0 - lowest), where lowest
    is the lowest loss of the curve. If the loss never falls below the loss at step 0, the first evaluated step after 0
    is returned. The rule does not depend on the scale of the loss or the length of the run. Savage et al. 2025,
    "Fine-Tuning Hyperparameters", read the step from the curve by eye.

    Args:
        curve: pairs of step and eval loss, in the order of steps, step 0 first. Losses that are not finite are ignored.
        tolerance: largest share of the total fall (loss at step 0 - lowest) that may be left, between 0 and 1.

    Raises:
        ValueError: the curve has fewer than two points.
    """
    if len(curve) < 2:
        raise ValueError(
            "The curve of the eval loss has fewer than two points, but a plateau needs the eval loss at step 0 and at "
            "one later step. Delete the probe's log.csv and run again."
        )
    start, lowest = curve[0][1], lowest_loss(curve)
    flat = lowest + tolerance * (start - lowest)
    return next((step for step, loss in curve[1:] if lowest < start and loss <= flat), curve[1][0])


def lowest_loss(curve: Sequence[tuple[int, float]]) -> float:
    """Return the lowest finite eval loss of a curve (pairs of step and loss); NaN if no loss is finite."""
    return min((loss for _, loss in curve if isfinite(loss)), default=nan)


def eval_curve(log: Sequence[Mapping[str, Any]]) -> list[tuple[int, float]]:
    """Read pairs of step and eval loss from the rows of a run's log.csv."""
    return [(int(row["step"]), float(row["loss"])) for row in log if row["split"] == "eval"]
