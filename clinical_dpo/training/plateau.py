"""Where an eval loss flattens: the step count a trial is trained again with."""

from collections.abc import Mapping, Sequence
from math import isfinite, nan
from typing import Any


def plateau_step(curve: Sequence[tuple[int, float]], tolerance: float) -> int:
    """First evaluated step whose loss is within `tolerance` of the whole fall above the lowest loss.

    The fall is measured from step 0 to the lowest loss, so neither scale nor length of the run matters. A run that
    never falls below its start has nothing to gain from training: its first step after 0 is returned.

    Savage et al. 2025, "Fine-Tuning Hyperparameters", read the step off the curve by eye; this is the rule here.

    Args:
        curve: (step, eval loss) pairs in order, step 0 first. A loss that is not finite (a run that diverged) is no
            candidate.
        tolerance: share of the fall, in (0, 1).

    Raises:
        ValueError: fewer than two points.
    """
    if len(curve) < 2:
        raise ValueError("A plateau needs the eval loss at step 0 and at one step more.")
    start, lowest = curve[0][1], min((loss for _, loss in curve if isfinite(loss)), default=nan)
    flat = lowest + tolerance * (start - lowest)
    return next((step for step, loss in curve[1:] if lowest < start and loss <= flat), curve[1][0])


def eval_curve(log: Sequence[Mapping[str, Any]]) -> list[tuple[int, float]]:
    """(step, eval loss) of the rows of a run's log.csv."""
    return [(int(row["step"]), float(row["loss"])) for row in log if row["split"] == "eval"]
