"""The headline metric (main metric) of a task with labels, and its interval. Both equal the numbers in metrics.csv.

A metric over probabilities (AUROC) is not computed here.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from clinical_dpo.grading import scores
from clinical_dpo.grading.scores import Answers, defined
from clinical_dpo.statistics.bootstrap_intervals import bootstrap_interval
from clinical_dpo.statistics.f1_effects import f1_interval, macro_f1_interval
from clinical_dpo.statistics.groups import Groups
from clinical_dpo.statistics.intervals import Interval
from clinical_dpo.statistics.label_metrics import OVERALL, Metric, overall_estimate, resampled_counts
from clinical_dpo.statistics.metrics import classes_of
from clinical_dpo.statistics.ordered_metrics import answered_levels, quadratic_kappa


def _f1(counts: np.ndarray) -> np.ndarray:
    return scores.f1(counts)[..., 0]


def _kappa(counts: np.ndarray) -> np.ndarray:
    return quadratic_kappa(counts[..., :-1])  # `_read` has given every invalid answer a level


METRICS: dict[str, Metric] = {  # headline metric -> its function of counts (..., k, k + 1); AUROC needs probabilities
    **{"f1": _f1, "quadratic_kappa": _kappa},
    **OVERALL,
}


def headline_score(labels: Sequence[str], answers: Answers, task: Mapping[str, Any]) -> float | None:
    """The headline metric (main metric) of a task with labels; None if the metric is not defined.

    Args:
        labels: the true label of each item.
        answers: the predicted label of each item; None or "" for an answer without a label.
        task: task settings with `metric`, a key of METRICS, and its labels, as `positive` and `negative` or as
            `labels`.
    """
    counts = scores.confusion_counts(labels, _read(labels, answers, task), classes_of(task))
    return defined(METRICS[task["metric"]](counts))


def headline_interval(
    labels: Sequence[str], answers: Answers, task: Mapping[str, Any], groups: Groups | None = None
) -> Interval:
    """95% interval of the headline metric (main metric) of a task with labels; (None, None) if there are no items.

    Args:
        labels: the true label of each item.
        answers: the predicted label of each item; None or "" for an answer without a label.
        task: the task's settings as for `headline_score`, and `seed` for the bootstrap.
        groups: index of each item's group, an array of shape (items,); None for independent items.
    """
    classes, metric = classes_of(task), task["metric"]
    if metric == "f1":
        return f1_interval(labels, answers, classes, groups=groups)
    if metric == "macro_f1" and task.get("positive"):
        return macro_f1_interval(labels, answers, classes, groups=groups)
    if not labels:
        return None, None
    if metric in OVERALL:
        return overall_estimate(metric, labels, answers, classes, task["seed"], groups).interval
    counts = resampled_counts(labels, _read(labels, answers, task), classes)
    return bootstrap_interval(lambda weights: METRICS[metric](counts(weights)), len(labels), task["seed"], groups)


def _read(labels: Sequence[str], answers: Answers, task: Mapping[str, Any]) -> Answers:
    """The answers as the headline metric counts them.

    For quadratic-weighted kappa, `answered_levels` replaces each invalid answer by a level. For other metrics the
    answers are returned unchanged.
    """
    return answered_levels(labels, answers, task["labels"]) if task["metric"] == "quadratic_kappa" else answers
