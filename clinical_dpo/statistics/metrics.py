"""Metrics of every model and variant on one task, with 95% confidence intervals."""

from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from typing import Any, cast

from clinical_dpo.config.metrics import HEADLINES, metric_module
from clinical_dpo.errors import UserError
from clinical_dpo.grading.answers import reading_shares
from clinical_dpo.records import Answer, Grade, Metric
from clinical_dpo.statistics.intervals import Interval, wilson

COLUMNS = tuple(Metric.__annotations__)

Grades = Mapping[tuple[str, str], Sequence[Grade]]  # (model, variant) -> rows of its grades table
Estimates = dict[str, tuple[float | None, Interval, str, int]]  # metric -> estimate, interval, method of interval, n


def check_labels(rows: Sequence[Grade], task: Mapping[str, Any]) -> None:
    """Check that labels and parsed answers are labels of the task. A parsed answer may be empty.

    Raises:
        UserError: a value is not a label of the task. The message names task, item and field.
    """
    classes = [task["positive"], task["negative"]]
    for row in rows:
        for field, value, allowed in (("label", row["label"], classes), ("parsed", row["parsed"], [*classes, ""])):
            if value not in allowed:
                raise UserError(
                    f"grades of {task['name']}, item {row['id']}, field '{field}': '{value}' is not a label of this "
                    f"task. Grade the answers again, or write one of: {', '.join(classes)}."
                )


def graded_items(rows: Iterable[Mapping[str, Any]]) -> Any:
    """n of the first complete row of a metrics table; None if all rows are pending.

    The n of a pending row is the number of items without a grade, so it is not used.
    """
    return next((row["n"] for row in rows if row["status"] != "pending"), None)


def mostly_unreadable(rows: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Rows of a headline metric, as made or as read, of variants most of whose answers cannot be read."""
    return [row for row in rows if row["invalid_rate"] not in (None, "") and float(row["invalid_rate"]) > 0.5]


def task_metrics(
    grades: Grades, task: Mapping[str, Any], answers: Mapping[tuple[str, str], Sequence[Answer]] | None = None
) -> list[Metric]:
    """Compute every metric of every model and variant, the headline metric first.

    A task with labels has f1, macro_f1, accuracy, sensitivity and specificity. Another task has only its headline
    metric. Every task has invalid_rate. While grades are pending the numbers are None, `status` is pending, and `n`
    counts the items without a grade. A metric that is not defined (no positive item) is None too.

    Args:
        grades: (model, variant) -> rows of its grades table.
        task: `name`, `metric` (headline, a key of METRICS), `data` (real or synthetic), `seed`, and for a task with
            labels `positive` and `negative`.
        answers: (model, variant) -> its answers, for the shares of answers with a thought and of cut answers. Pending
            rows have these shares too.

    Raises:
        UserError: no rows, a label that the task does not have, or a grade that is not on its scale. The message names
            the item.
    """
    table = []
    for (model, variant), rows in grades.items():
        shares = reading_shares(answers[model, variant]) if answers else {}
        names = {"task": task["name"], "model": model, "variant": variant}
        table += _variant_metrics(rows, task, cast(Metric, dict.fromkeys(COLUMNS) | names | shares))
    return table


def _variant_metrics(rows: Sequence[Grade], task: Mapping[str, Any], blank: Metric) -> list[Metric]:
    """Metrics of one variant.

    Args:
        rows: rows of the variant's grades table.
        task: see `task_metrics`.
        blank: a row with the names of task, model and variant and with the shares of the answers.
    """
    if not rows:
        raise UserError(
            f"grades of {blank['task']}/{blank['model']}/{blank['variant']}: no rows. The test split needs at least "
            "one item."
        )
    shared = blank | {
        "positive_class": task.get("positive") or "",
        "grader": rows[0]["grader"],
        "proxy": rows[0]["proxy"],
        "data": task["data"],
    }
    pending = sum(row["status"] == "pending" for row in rows)
    if pending:
        return [shared | {"n": pending, "status": "pending", "metric": metric} for metric in _metric_names(task)]
    invalid = sum(row["valid"] == "false" for row in rows)
    estimates: Estimates = import_module(metric_module(task)).estimates(rows, task)
    estimates["invalid_rate"] = (invalid / len(rows), wilson(invalid, len(rows)), "wilson", len(rows))
    complete = shared | {"invalid_rate": invalid / len(rows), "status": "complete"}
    return [
        complete
        | {"metric": metric, "estimate": estimate, "ci_low": low, "ci_high": high}
        # Without an interval there is no method: nothing was computed with it.
        | {"ci_method": None if low is None else method, "n": n}
        for metric in _metric_names(task)
        for estimate, (low, high), method, n in [estimates[metric]]
    ]


def _metric_names(task: Mapping[str, Any]) -> list[str]:
    headline = HEADLINES[task["metric"]]
    others = ["f1", "macro_f1", "accuracy", "sensitivity", "specificity"] if task.get("positive") else []
    return [headline, *(name for name in others if name != headline), "invalid_rate"]
