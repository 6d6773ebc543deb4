"""Metrics of tasks with labels. The difference of F1 is computed beside McNemar's test of right answers."""

from collections.abc import Mapping, Sequence
from typing import Any

from clinical_dpo.errors import UserError
from clinical_dpo.grading import scores
from clinical_dpo.io import Row
from clinical_dpo.records import Grade
from clinical_dpo.statistics.f1_effects import f1_difference, f1_interval, macro_f1_interval
from clinical_dpo.statistics.intervals import wilson
from clinical_dpo.statistics.metric_kinds import proportion
from clinical_dpo.statistics.metrics import Estimates, check_labels

Rows = Sequence[Grade]


def estimates(rows: Rows, task: Mapping[str, Any]) -> Estimates:
    """F1, macro F1, accuracy, sensitivity and specificity, each with its interval."""
    check_labels(rows, task)
    classes = [task["positive"], task["negative"]]
    labels, parsed = [row["label"] for row in rows], [row["parsed"] for row in rows]
    positive, n = classes[0], len(rows)
    positives = labels.count(positive)
    negatives = n - positives
    right = [label for label, answer in zip(labels, parsed, strict=True) if label == answer]
    hits, rejections = right.count(positive), len(right) - right.count(positive)
    return {
        "f1": (scores.f1(labels, parsed, positive), f1_interval(labels, parsed, classes), "wilson", n),
        "macro_f1": (scores.macro_f1(labels, parsed, classes), macro_f1_interval(labels, parsed, classes), "mover", n),
        "accuracy": (scores.accuracy(labels, parsed), wilson(len(right), n), "wilson", n),
        "sensitivity": (scores.sensitivity(labels, parsed, positive), wilson(hits, positives), "wilson", positives),
        "specificity": (
            scores.specificity(labels, parsed, positive),
            wilson(rejections, negatives),
            "wilson",
            negatives,
        ),
    }


def difference(x: Rows, y: Rows, task: Mapping[str, Any], threshold: float) -> Row:
    """Columns of `proportion.difference` for right answers, and the difference of F1, first variant minus second."""
    return proportion.difference(x, y, task, threshold) | _f1_difference(x, y, task)


def _f1_difference(x: Rows, y: Rows, task: Mapping[str, Any]) -> Row:
    check_labels([*x, *y], task)
    for first_row, second_row in zip(x, y, strict=True):
        if first_row["label"] != second_row["label"]:
            raise UserError(
                f"grades of {task['name']}, item {first_row['id']}, field 'label': '{first_row['label']}' in one "
                f"variant, '{second_row['label']}' in another. Grade both again with the same test split."
            )
    labels, first, second = [row["label"] for row in x], [row["parsed"] for row in x], [row["parsed"] for row in y]
    f1 = f1_difference(labels, first, second, [task["positive"], task["negative"]], task["seed"])
    low, high = f1.interval
    return {
        **{"secondary_measure": "f1_difference", "secondary_effect": f1.difference},
        **{"secondary_ci_low": low, "secondary_ci_high": high, "p_f1_permutation": f1.p_permutation},
    }
