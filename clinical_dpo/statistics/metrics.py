"""Metrics of every model and variant on one task, with 95% confidence intervals."""

from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from typing import Any, cast

import numpy as np

from clinical_dpo.config.metrics import HEADLINES, metric_module
from clinical_dpo.errors import UserError
from clinical_dpo.grading.answers import reading_shares
from clinical_dpo.records import Answer, Grade, Metric
from clinical_dpo.statistics.clustered import share_interval
from clinical_dpo.statistics.estimate import Estimate
from clinical_dpo.statistics.groups import groups_of, number_of_groups, without_groups

COLUMNS = tuple(Metric.__annotations__)

Grades = Mapping[tuple[str, str], Sequence[Grade]]  # (model, variant) -> rows of its grades table


def classes_of(task: Mapping[str, Any]) -> list[str]:
    """The labels of a task. With two labels the positive class is first."""
    return task.get("labels") or [task["positive"], task["negative"]]


def check_labels(rows: Sequence[Grade], task: Mapping[str, Any]) -> None:
    """Check that the items' labels and the parsed answers are among the labels that the task file sets.

    A parsed answer may also be "".

    Args:
        rows: grades of one or more variants, one row per variant and test item. `label` is the item's true label.
            `parsed` is the parsed answer.
        task: task settings with `name` and its labels, as `positive` and `negative` or as `labels`.

    Raises:
        UserError: a value of `label` or `parsed` is not a label of the task. The message names task, item and field.
    """
    classes = classes_of(task)
    for row in rows:
        for field, value, allowed in (("label", row["label"], classes), ("parsed", row["parsed"], [*classes, ""])):
            if value not in allowed:
                raise UserError(
                    f"grades of {task['name']}, item {row['id']}, field '{field}': '{value}' is not a label of this "
                    "task. If you edited the table of grades, replace the value by one of: "
                    f"{', '.join(classes)}. Otherwise delete grades/*.csv of this task and run again."
                )


def check_same_labels(x: Sequence[Grade], y: Sequence[Grade], task: Mapping[str, Any]) -> None:
    """Check that the grades of two variants have the same label for each item.

    Args:
        x, y: grades of the two variants, with the items in the same order.
        task: task settings with `name`.

    Raises:
        UserError: the label of an item differs between the variants. The message names task, item and field.
    """
    for first_row, second_row in zip(x, y, strict=True):
        if first_row["label"] != second_row["label"]:
            raise UserError(
                f"grades of {task['name']}, item {first_row['id']}, field 'label': the label is '{first_row['label']}' "
                f"for one variant, but '{second_row['label']}' for another. Delete grades/*.csv of this task and "
                "run again."
            )


def graded_items(rows: Iterable[Mapping[str, Any]]) -> Any:
    """Number of graded items, from the rows of a metrics table; None if all rows are pending.

    The number is `n` of the first row that is not pending. In a pending row, `n` is the number of items without a
    grade.
    """
    return next((row["n"] for row in rows if row["status"] != "pending"), None)


def mostly_unreadable(rows: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The rows of a metrics table that belong to variants with more than half of their answers unreadable.

    The share of unreadable answers is in the column `invalid_rate`.

    Args:
        rows: rows of the metrics table, as computed or as read from CSV.
    """
    return [row for row in rows if row["invalid_rate"] not in (None, "") and float(row["invalid_rate"]) > 0.5]


def task_metrics(
    grades: Grades, task: Mapping[str, Any], answers: Mapping[tuple[str, str], Sequence[Answer]] | None = None
) -> list[Metric]:
    """Compute every metric of every model and variant. A variant's headline metric (main metric) comes first.

    A task with the key `positive` has f1, macro_f1, accuracy, sensitivity and specificity. A task with the key `labels`
    has the metrics of `metric_kinds.all_labels`. Any other task has only its headline metric. Every task also has
    invalid_rate. If a metric is not defined, for example because no item is positive, it is None.

    If any grade of a variant is pending, all rows of the variant are pending: `status` is pending, there are no
    estimates or intervals, and `n` is the number of items without a grade. For a task with the key `labels`, a pending
    variant has rows only for the headline metric and invalid_rate.

    If grades have a `group`, the intervals treat groups as the independent units. `unclustered_ci_low` and
    `unclustered_ci_high` then have the limits for independent items.

    Args:
        grades: maps (model, variant) to the variant's grades, one row per test item.
        task: task settings with `name`, `metric` (the headline metric, a key of METRICS), `data` (real or synthetic)
            and `seed`. A task with the key `positive` also needs `negative`. A task with the key `labels` also needs
            the settings that `metric_kinds.all_labels` reads.
        answers: maps (model, variant) to the variant's answers. Some metrics use the answers' probabilities of labels.
            The returned rows also have the variant's shares of answers with a thought (text that a reasoning model
            writes before its answer) and of answers that were cut off (`reading_shares`). Pending rows have these
            shares, too. Without `answers`, the shares are None.

    Raises:
        UserError: a variant has no grades, a label is not one of the task's labels, or a grade is not on its scale. The
            message names the variant or the item.
    """
    table = []
    for (model, variant), rows in grades.items():
        own_answers = answers[model, variant] if answers else []
        shares = reading_shares(own_answers) if answers else {}
        names = {"task": task["name"], "model": model, "variant": variant}
        blank = cast(Metric, dict.fromkeys(COLUMNS) | names | shares)
        table += _variant_metrics(rows, task, blank, own_answers)
    return table


def _variant_metrics(
    rows: Sequence[Grade], task: Mapping[str, Any], blank: Metric, answers: Sequence[Answer]
) -> list[Metric]:
    """Metrics of one variant.

    Args:
        rows: the variant's grades, one row per test item.
        task: see `task_metrics`.
        blank: row that is copied and filled in. It has the names of the task, the model and the variant. It also has
            the shares from `reading_shares` if the answers are known.
        answers: the variant's answers; empty if they are not known.
    """
    if not rows:
        raise UserError(
            f"grades of {blank['task']}/{blank['model']}/{blank['variant']}: the table has no rows. "
            f"Delete grades/{blank['variant']}.csv of this model and run again."
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
    invalid = np.array([row["valid"] == "false" for row in rows], dtype=float)
    share = float(invalid.mean())
    complete = shared | {"invalid_rate": share, "status": "complete", "n_groups": number_of_groups(rows)}

    def estimates(of: Sequence[Grade]) -> list[Estimate]:
        estimated: list[Estimate] = import_module(metric_module(task)).estimates(of, task, answers)
        estimated.sort(key=lambda estimate: estimate.metric != HEADLINES[task["metric"]])
        interval, method = share_interval(invalid, np.ones(len(of)), groups_of(of))
        return [*estimated, Estimate("invalid_rate", shared["positive_class"], share, interval, method, len(of))]

    table = [
        complete
        | {"metric": metric, "estimate": estimate, "ci_low": low, "ci_high": high}
        # A row without an interval names no method, because no interval was computed.
        | {"ci_method": None if low is None else method, "n": n, "positive_class": label}
        for metric, label, estimate, (low, high), method, n in estimates(rows)
    ]
    if groups_of(rows) is not None:
        for row, independent in zip(table, estimates(without_groups(rows)), strict=True):
            row["unclustered_ci_low"], row["unclustered_ci_high"] = independent.interval
    return table


def _metric_names(task: Mapping[str, Any]) -> list[str]:
    headline = HEADLINES[task["metric"]]
    others = ["f1", "macro_f1", "accuracy", "sensitivity", "specificity"] if task.get("positive") else []
    return [headline, *(name for name in others if name != headline), "invalid_rate"]
