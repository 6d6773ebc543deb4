"""What run.json says of a training run's time."""

from collections.abc import Mapping
from typing import Any


def whole_seconds(run: Mapping[str, Any]) -> float | None:
    """Seconds of all steps. Of a resumed run only those after its last checkpoint are timed: they stand for all.

    Args:
        run: `steps`, `resumed_from_step` and `wall_seconds` of a run.json.

    Returns:
        None where no step was timed: the run was resumed after its last one.
    """
    timed = run["steps"] - run["resumed_from_step"]
    return run["wall_seconds"] * run["steps"] / timed if timed else None
