"""Metrics of every model and variant on one task, with 95% confidence intervals."""

from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from typing import Any

from clinical_dpo.config.metrics import HEADLINES, metric_module
from clinical_dpo.errors import UserError
from clinical_dpo.grading.answers import reading_shares
from clinical_dpo.io import Row
from clinical_dpo.records import Answer
from clinical_dpo.statistics.intervals import Interval, wilson

COLUMNS = (
    *("task", "model", "variant", "metric", "estimate", "ci_low", "ci_high", "ci_method", "n", "invalid_rate"),
    *("thought_rate", "cut_in_thought_rate", "cut_rate", "positive_class", "grader", "proxy", "data", "status"),
)


Grades = Mapping[tuple[str, str], Sequence[Mapping[str, str]]]
Found = dict[str, tuple[float | None, Interval, str, int]]  # metric -> estimate, interval, its method, n


def check_labels(rows: Sequence[Mapping[str, str]], task: Mapping[str, Any]) -> None:
    """Raises UserError, naming task, item and field, where a label or a parsed answer is none of the task's."""
    classes = [task["positive"], task["negative"]]
    for row in rows:
        for field, allowed in (("label", classes), ("parsed", [*classes, ""])):
            if row[field] not in allowed:
                raise UserError(
                    f"grades of {task['name']}, item {row['id']}, field '{field}': '{row[field]}' is no label of this "
                    f"task. Its labels: {', '.join(classes)}."
                )


def graded_items(rows: Iterable[Mapping[str, Any]]) -> Any:
    """n of the first of these rows that is complete, None while all are pending: theirs counts what is awaited."""
    return next((row["n"] for row in rows if row["status"] != "pending"), None)


def mostly_unreadable(rows: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Rows of a headline metric, as made or as read, of variants most of whose answers cannot be read."""
    return [row for row in rows if row["invalid_rate"] not in (None, "") and float(row["invalid_rate"]) > 0.5]


def task_metrics(
    grades: Grades, task: Mapping[str, Any], answers: Mapping[tuple[str, str], Sequence[Answer]] | None = None
) -> list[Row]:
    """Rows of COLUMNS: every metric of every model and variant, the headline metric first.

    A task with labels has f1, macro_f1, accuracy, sensitivity and specificity, any other its headline metric alone;
    all have invalid_rate. Where grades are still awaited the numbers are None, `status` is pending and `n` counts the
    items awaited. A metric that is not defined (no positive item) is None too.

    Args:
        grades: (model, variant) -> rows of its grades table.
        task: `name`, `metric` (headline, a key of METRICS), `data` (real or synthetic), `seed`, and for a task with
            labels `positive` and `negative`.
        answers: (model, variant) -> its answers, for the shares with a thought and cut off; known before any grade.

    Raises:
        UserError: no rows, a label the task does not have, or a grade off its scale; the message names the item.
    """
    return [
        row
        for (model, variant), rows in grades.items()
        for shares in [reading_shares(answers[model, variant]) if answers else {}]
        for row in _variant_metrics(rows, task, {"task": task["name"], "model": model, "variant": variant} | shares)
    ]


def _variant_metrics(rows: Sequence[Mapping[str, str]], task: Mapping[str, Any], names: Row) -> list[Row]:
    if not rows:
        of = "/".join(names[key] for key in ("task", "model", "variant"))
        raise UserError(f"grades of {of}: no rows. The test split needs at least one item.")
    shared = names | {
        "positive_class": task.get("positive") or "",
        "grader": rows[0]["grader"],
        "proxy": rows[0]["proxy"],
        "data": task["data"],
    }
    blank = dict.fromkeys(COLUMNS)
    awaited = sum(row["status"] == "pending" for row in rows)
    if awaited:
        pending = {"n": awaited, "status": "pending"}
        return [blank | shared | pending | {"metric": metric} for metric in _metric_names(task)]
    invalid = sum(row["valid"] == "false" for row in rows)
    found: Found = import_module(metric_module(task)).estimates(rows, task)
    found["invalid_rate"] = (invalid / len(rows), wilson(invalid, len(rows)), "wilson", len(rows))
    complete = {"invalid_rate": invalid / len(rows), "status": "complete"}
    return [
        blank
        | shared
        | complete
        | {"metric": metric, "estimate": estimate, "ci_low": low, "ci_high": high}
        # A method without its interval would claim what was not computed.
        | {"ci_method": None if low is None else method, "n": n}
        for metric in _metric_names(task)
        for estimate, (low, high), method, n in [found[metric]]
    ]


def _metric_names(task: Mapping[str, Any]) -> list[str]:
    headline = HEADLINES[task["metric"]]
    others = ["f1", "macro_f1", "accuracy", "sensitivity", "specificity"] if task.get("positive") else []
    return [headline, *(name for name in others if name != headline), "invalid_rate"]
