"""What run.json says of a training run's time."""

from collections.abc import Mapping
from typing import Any


def whole_seconds(run: Mapping[str, Any]) -> float:
    """Seconds of all steps. Of a resumed run only those after its last checkpoint are timed: they stand for all.

    Args:
        run: `steps`, `resumed_from_step` and `wall_seconds` of a run.json. No checkpoint is of the last step.
    """
    seconds: float = run["wall_seconds"]
    return seconds * run["steps"] / (run["steps"] - run["resumed_from_step"])
