"""Grades of labels: F1 and its kin, and the difference in F1 beside McNemar's test."""

from collections.abc import Mapping, Sequence
from typing import Any

from clinical_dpo.grading import scores
from clinical_dpo.io import Row
from clinical_dpo.records import Answer
from clinical_dpo.statistics.estimate import Estimate
from clinical_dpo.statistics.f1_effects import f1_difference, f1_interval, macro_f1_interval
from clinical_dpo.statistics.intervals import wilson
from clinical_dpo.statistics.metric_kinds import proportion
from clinical_dpo.statistics.metrics import check_labels, check_same_labels, classes_of

Rows = Sequence[Mapping[str, str]]


def estimates(rows: Rows, task: Mapping[str, Any], answers: Sequence[Answer]) -> list[Estimate]:
    """F1, macro F1, accuracy, sensitivity and specificity, each with its interval."""
    check_labels(rows, task)
    classes = classes_of(task)
    labels, parsed = [row["label"] for row in rows], [row["parsed"] for row in rows]
    positive, n = classes[0], len(rows)
    positives = labels.count(positive)
    negatives = n - positives
    right = [label for label, answer in zip(labels, parsed, strict=True) if label == answer]
    hits, rejections = right.count(positive), len(right) - right.count(positive)
    return [
        Estimate(name, positive, value, interval, method, number)
        for name, value, interval, method, number in (
            ("f1", scores.f1(labels, parsed, positive), f1_interval(labels, parsed, classes), "wilson", n),
            (
                "macro_f1",
                scores.macro_f1(labels, parsed, classes),
                macro_f1_interval(labels, parsed, classes),
                "mover",
                n,
            ),
            ("accuracy", scores.accuracy(labels, parsed), wilson(len(right), n), "wilson", n),
            ("sensitivity", scores.sensitivity(labels, parsed, positive), wilson(hits, positives), "wilson", positives),
            (
                *("specificity", scores.specificity(labels, parsed, positive), wilson(rejections, negatives)),
                *("wilson", negatives),
            ),
        )
    ]


def difference(x: Rows, y: Rows, task: Mapping[str, Any], threshold: float) -> Row:
    """What `proportion.difference` says of right and wrong answers, and the difference of F1, first minus second."""
    return proportion.difference(x, y, task, threshold) | _f1_difference(x, y, task)


def _f1_difference(x: Rows, y: Rows, task: Mapping[str, Any]) -> Row:
    check_labels([*x, *y], task)
    check_same_labels(x, y, task)
    labels, first, second = [row["label"] for row in x], [row["parsed"] for row in x], [row["parsed"] for row in y]
    found = f1_difference(labels, first, second, classes_of(task), task["seed"])
    effect = {"secondary_measure": "f1_difference", "secondary_effect": found.difference}
    effect |= dict(zip(("secondary_ci_low", "secondary_ci_high"), found.interval, strict=True))
    return effect | {"p_f1_permutation": found.p_permutation}
