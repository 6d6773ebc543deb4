"""The margin of a task: the smallest difference that matters, in the metric that its decisions compare."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from clinical_dpo.config.metrics import METRICS, decision_metric
from clinical_dpo.errors import UserError
from clinical_dpo.io import json_sha256, read_json

DEFAULT_SHARE = 1 / 20  # share of the metric's scale: margin 0.05 for F1 and shares, 0.2 for grades from 1 to 5
DEFAULT, SET = "default, not set by you", "set in the task file"  # sources of a margin


class Margin(NamedTuple):
    """The margin of a task and its source.

    Attributes:
        value: the margin, in units of the metric that the task's decisions use (see `decision_metric`).
        source: SET if the task file sets the margin, DEFAULT if it is the default of the metric.
    """

    value: float
    source: str


def task_margin(task: Mapping[str, Any]) -> Margin:
    """The margin that a task file sets, or the default margin of its metric.

    Args:
        task: `metric`, and `margin` if the task file sets it.
    """
    if "margin" in task:
        return Margin(float(task["margin"]), SET)
    metric = METRICS[decision_metric(task["metric"])]
    return Margin(round((metric.high - metric.low) * DEFAULT_SHARE, 10), DEFAULT)


def check_margin(task: Mapping[str, Any], where: str) -> None:
    """Refuse a margin that is as large as the metric's scale, such as 5 in place of 0.05.

    Args:
        task: `metric`, and `margin` if the task file sets it.
        where: the task file, with which the message begins.

    Raises:
        UserError: the margin is too large. The message has the scale, and a margin that would be right.
    """
    name = decision_metric(task["metric"])
    metric, value = METRICS[name], task_margin(task).value
    if value >= metric.high - metric.low:
        raise UserError(
            f"{where}: key 'margin': {value:g} is as large as the whole scale of metric '{name}', which goes from "
            f"{metric.low:g} to {metric.high:g}. Use a smaller margin, such as "
            f"{(metric.high - metric.low) * DEFAULT_SHARE:g}."
        )


def margin_record(task: Mapping[str, Any]) -> dict[str, Any]:
    """The content of a task's margin file: a metric, the margin, and the SHA-256 of these two values.

    The metric is the one that the task's decisions compare (see `decision_metric`).

    Args:
        task: `metric`, and `margin` if the task file sets it.
    """
    facts = {"metric": decision_metric(task["metric"]), "margin": task_margin(task).value}
    return facts | {"sha256": json_sha256(facts)}


def recorded_margin(path: str | Path, metric: str) -> float | None:
    """Read the margin from a margin file.

    Args:
        path: the margin file.
        metric: the metric that the task's decisions compare (see `decision_metric`).

    Returns:
        The margin. None if the file is missing or damaged, names another metric, or has a SHA-256 that does not fit its
        content.
    """
    try:
        record = read_json(path)
    except UserError:
        return None
    if not isinstance(record, dict) or record.get("metric") != metric:
        return None
    facts = {"metric": metric, "margin": record.get("margin")}
    return float(record["margin"]) if record == facts | {"sha256": json_sha256(facts)} else None
