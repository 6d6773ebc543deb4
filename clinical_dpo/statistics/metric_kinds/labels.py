"""Metrics of tasks with the keys `positive` and `negative`. Differences of two variants in accuracy and in F1."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from clinical_dpo.grading import scores
from clinical_dpo.io import Row
from clinical_dpo.records import Answer, Grade
from clinical_dpo.statistics.clustered import share_interval
from clinical_dpo.statistics.estimate import Estimate
from clinical_dpo.statistics.f1_effects import f1_differences, f1_interval, macro_f1_interval
from clinical_dpo.statistics.groups import groups_of, interval_method
from clinical_dpo.statistics.intervals import LEVEL
from clinical_dpo.statistics.metric_kinds import proportion
from clinical_dpo.statistics.metrics import check_labels, check_same_labels, classes_of

Rows = Sequence[Grade]


def estimates(rows: Rows, task: Mapping[str, Any], answers: Sequence[Answer]) -> list[Estimate]:
    """Estimate F1, macro F1, accuracy, sensitivity and specificity, each with its 95% interval.

    Args:
        rows: a variant's grades, one row per test item. No grade is pending.
        task: task settings with `name`, `positive` and `negative`.
        answers: not used; all modules of `metric_kinds` have the same signature.

    Raises:
        UserError: a label or a parsed answer is not one of the task's labels.
    """
    check_labels(rows, task)
    classes = classes_of(task)
    labels, parsed = [row["label"] for row in rows], [row["parsed"] for row in rows]
    counts = scores.confusion_counts(labels, parsed, classes)
    positive, groups, n = classes[0], groups_of(rows), len(rows)
    right, of_class = (
        np.array(values, dtype=float)
        for values in (
            [label == answer for label, answer in zip(labels, parsed, strict=True)],
            [label == positive for label in labels],
        )
    )
    estimated = [
        Estimate(name, positive, scores.defined(value), interval(labels, parsed, classes, groups=groups), method, n)
        for name, value, interval, method in (
            ("f1", scores.f1(counts)[0], f1_interval, interval_method("wilson", groups)),
            ("macro_f1", scores.macro_f1(counts), macro_f1_interval, interval_method("mover", groups)),
        )
    ]
    for name, value, counted in (
        ("accuracy", scores.accuracy(counts), np.ones(n)),
        ("sensitivity", scores.sensitivity(counts)[0], of_class),
        ("specificity", scores.specificity(counts)[0], 1 - of_class),
    ):
        limits, method = share_interval(right * counted, counted, groups)
        estimated.append(Estimate(name, positive, scores.defined(value), limits, method, int(counted.sum())))
    return estimated


def difference(x: Rows, y: Rows, task: Mapping[str, Any], threshold: float) -> Row:
    """Columns of two differences between two variants: in the share of right answers, and in F1.

    `proportion.difference` computes the difference in the share. Each difference is the first variant's value minus
    the second's. F1 is macro F1 if the task has more than two labels or if its headline metric is macro F1. Otherwise
    it is the F1 of the positive class.

    Args:
        x, y: grades of the first and of the second variant, with the items in the same order. No grade may be pending.
        task: task settings with `name`, `metric` and `seed`, and its labels, as `positive` and `negative` or as
            `labels`.
        threshold: significance level; P below this level is significant.

    Raises:
        UserError: a label or a parsed answer is not one of the task's labels, or an item has different labels in `x`
            and `y`.
    """
    return proportion.difference(x, y, task, threshold) | _f1_difference(x, y, task)


def _f1_difference(x: Rows, y: Rows, task: Mapping[str, Any]) -> Row:
    check_labels([*x, *y], task)
    check_same_labels(x, y, task)
    labels, first, second = [row["label"] for row in x], [row["parsed"] for row in x], [row["parsed"] for row in y]
    classes = classes_of(task)
    macro = len(classes) > 2 or task["metric"] == "macro_f1"
    [f1] = f1_differences(labels, first, second, classes, task["seed"], [LEVEL], macro=macro, groups=groups_of(x))
    low, high = f1.interval
    measure = "macro_f1_difference" if macro else "f1_difference"
    return {
        **{"secondary_measure": measure, "secondary_effect": f1.difference},
        **{"secondary_ci_low": low, "secondary_ci_high": high, "p_f1_permutation": f1.p_permutation},
    }
