"""Metrics of tasks with labels. The difference of F1 is computed beside McNemar's test of right answers."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from clinical_dpo.grading import scores
from clinical_dpo.io import Row
from clinical_dpo.records import Answer, Grade
from clinical_dpo.statistics.clustered import share_interval
from clinical_dpo.statistics.estimate import Estimate
from clinical_dpo.statistics.f1_effects import f1_difference, f1_interval, macro_f1_interval
from clinical_dpo.statistics.groups import Groups, groups_of
from clinical_dpo.statistics.metric_kinds import proportion
from clinical_dpo.statistics.metrics import check_labels, check_same_labels, classes_of

Rows = Sequence[Grade]


def estimates(rows: Rows, task: Mapping[str, Any], answers: Sequence[Answer]) -> list[Estimate]:
    """F1, macro F1, accuracy, sensitivity and specificity, each with its interval."""
    check_labels(rows, task)
    classes = classes_of(task)
    labels, parsed = [row["label"] for row in rows], [row["parsed"] for row in rows]
    positive, groups = classes[0], groups_of(rows)
    right, of_class = (
        np.array(values, dtype=float)
        for values in (
            [label == answer for label, answer in zip(labels, parsed, strict=True)],
            [label == positive for label in labels],
        )
    )
    f1_intervals = [interval(labels, parsed, classes, groups=groups) for interval in (f1_interval, macro_f1_interval)]
    estimated = [
        Estimate(
            "f1", positive, scores.f1(labels, parsed, positive), f1_intervals[0], _named("wilson", groups), len(rows)
        ),
        Estimate(
            "macro_f1",
            positive,
            scores.macro_f1(labels, parsed, classes),
            f1_intervals[1],
            _named("mover", groups),
            len(rows),
        ),
    ]
    for name, value, counted in (
        ("accuracy", scores.accuracy(labels, parsed), np.ones(len(rows))),
        ("sensitivity", scores.sensitivity(labels, parsed, positive), of_class),
        ("specificity", scores.specificity(labels, parsed, positive), 1 - of_class),
    ):
        interval, method = share_interval(right * counted, counted, groups)
        estimated.append(Estimate(name, positive, value, interval, method, int(counted.sum())))
    return estimated


def _named(method: str, groups: Groups | None) -> str:
    """Name of the method of an interval."""
    return method if groups is None else f"clustered_{method}"


def difference(x: Rows, y: Rows, task: Mapping[str, Any], threshold: float) -> Row:
    """Columns of `proportion.difference` for right answers, and the difference of F1, first variant minus second."""
    return proportion.difference(x, y, task, threshold) | _f1_difference(x, y, task)


def _f1_difference(x: Rows, y: Rows, task: Mapping[str, Any]) -> Row:
    check_labels([*x, *y], task)
    check_same_labels(x, y, task)
    labels, first, second = [row["label"] for row in x], [row["parsed"] for row in x], [row["parsed"] for row in y]
    f1 = f1_difference(labels, first, second, classes_of(task), task["seed"], groups=groups_of(x))
    low, high = f1.interval
    return {
        **{"secondary_measure": "f1_difference", "secondary_effect": f1.difference},
        **{"secondary_ci_low": low, "secondary_ci_high": high, "p_f1_permutation": f1.p_permutation},
    }
