"""Metrics of tasks with the key `labels`. Differences of two variants in accuracy and in F1."""

from collections.abc import Mapping, Sequence
from typing import Any

from clinical_dpo.io import Row
from clinical_dpo.records import Answer, Grade
from clinical_dpo.statistics.estimate import Estimate
from clinical_dpo.statistics.groups import groups_of
from clinical_dpo.statistics.label_metrics import label_estimates
from clinical_dpo.statistics.metric_kinds.labels import difference as label_difference
from clinical_dpo.statistics.metrics import check_labels
from clinical_dpo.statistics.ordered_metrics import ordered_estimates
from clinical_dpo.statistics.probability_metrics import (
    PROBABILITY_METRICS,
    probabilities_of,
    probability_estimates,
)

Rows = Sequence[Grade]


def estimates(rows: Rows, task: Mapping[str, Any], answers: Sequence[Answer]) -> list[Estimate]:
    """Estimate the metrics of a task with the key `labels`, each with its 95% interval.

    The metrics over all labels come first. They include the metrics of ordered labels if `ordered` is true, and the
    metrics of probabilities if `answer_by` is likelihood. The metrics of single labels follow. With two labels, PPV and
    NPV at a given prevalence are estimated for both labels, and the other metrics of single labels only for the
    positive class.

    Args:
        rows: a variant's grades, one row per test item. No grade is pending.
        task: task settings with `name`, `labels` and `seed`, and the optional settings `ordered` (whether the labels
            have an order), `prevalence` and `answer_by`.
        answers: the variant's answers with their probabilities. If an answer has no probabilities, as in external
            answers, the metrics of probabilities are None.

    Raises:
        UserError: a label or a parsed answer is not one of the task's labels.
    """
    check_labels(rows, task)
    classes, seed, groups = task["labels"], task["seed"], groups_of(rows)
    labels, parsed = [row["label"] for row in rows], [row["parsed"] for row in rows]
    estimated = label_estimates(labels, parsed, classes, seed, task.get("prevalence"), groups)
    if len(classes) == 2:
        estimated = [each for each in estimated if each.label != classes[1] or each.metric.endswith("_at_prevalence")]
    overall = [each for each in estimated if not each.label]
    if task.get("ordered"):
        overall += ordered_estimates(labels, parsed, classes, seed, groups)
    if task.get("answer_by") == "likelihood":
        probabilities = probabilities_of(rows, answers)
        if probabilities is None:
            of = classes[0] if len(classes) == 2 else ""
            overall += [Estimate(name, of, None, (None, None), "", len(rows)) for name in PROBABILITY_METRICS]
        else:
            overall += probability_estimates(probabilities, labels, classes, seed, groups)
    return overall + [each for each in estimated if each.label]


def difference(x: Rows, y: Rows, task: Mapping[str, Any], threshold: float) -> Row:
    """Compare two variants in accuracy and in F1. Return the columns that `metric_kinds.labels.difference` returns."""
    return label_difference(x, y, task, threshold)
