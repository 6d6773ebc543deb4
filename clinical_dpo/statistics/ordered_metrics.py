"""Metrics of labels that have an order, such as levels of triage.

An invalid answer (None or an empty string) names no level. It counts as the level that is farthest from the true level,
which is the largest possible error for the item. If the lowest and the highest level are equally far, an invalid answer
counts as the highest level.
"""

from collections.abc import Sequence

import numpy as np

from clinical_dpo.grading.scores import Answers
from clinical_dpo.statistics.bootstrap_intervals import Statistic, bootstrapped
from clinical_dpo.statistics.clustered import share_interval
from clinical_dpo.statistics.estimate import Estimate
from clinical_dpo.statistics.groups import Groups
from clinical_dpo.statistics.label_metrics import Metric, item_counts, resampled_counts

FAR = 2  # steps from which an answer is far off


def answered_levels(labels: Sequence[str], answers: Answers, levels: Sequence[str]) -> list[str]:
    """The level that each answer counts as.

    An invalid answer counts as the level that is farthest from the true level. If the lowest and the highest level are
    equally far, it counts as the highest level.

    Args:
        labels: the true label of each item.
        answers: the predicted label of each item; None or "" for an invalid answer.
        levels: the labels in their order, the lowest first.
    """
    middle = (len(levels) - 1) / 2
    return [
        answer or (levels[-1] if levels.index(label) <= middle else levels[0])
        for label, answer in zip(labels, answers, strict=True)
    ]


def quadratic_kappa(counts: np.ndarray) -> np.ndarray:
    """Cohen's kappa with quadratic weights (Cohen 1968, Psychol Bull 70:213-220).

    Args:
        counts: numbers of items, an array of shape (..., levels, levels). The last two axes are the true level and the
            answered level, each from the lowest to the highest.

    Returns:
        Kappa, an array of shape (...); NaN if all labels and answers are the same level (0 / 0).
    """
    steps = _steps(counts.shape[-1]) ** 2
    total = counts.sum(axis=(-2, -1))
    expected = np.einsum("...i,...j,ij->...", counts.sum(axis=-1), counts.sum(axis=-2), steps)
    observed = (counts * steps).sum(axis=(-2, -1)) * total
    return 1 - np.divide(observed, expected, out=np.full(np.shape(observed), np.nan), where=expected > 0)


def mean_absolute_error(counts: np.ndarray) -> np.ndarray:
    """Mean distance between answer and label. The unit is one step between neighbouring levels.

    Args:
        counts: numbers of items, an array of shape (..., levels, levels). The last two axes are the true level and the
            answered level, each from the lowest to the highest.

    Returns:
        The mean distances, an array of shape (...).
    """
    return (counts * _steps(counts.shape[-1])).sum(axis=(-2, -1)) / counts.sum(axis=(-2, -1))


def far_off(counts: np.ndarray) -> np.ndarray:
    """Share of answers that are two or more levels away from the label.

    Args:
        counts: numbers of items, an array of shape (..., levels, levels). The last two axes are the true level and the
            answered level, each from the lowest to the highest.

    Returns:
        The shares, an array of shape (...).
    """
    return (counts * (_steps(counts.shape[-1]) >= FAR)).sum(axis=(-2, -1)) / counts.sum(axis=(-2, -1))


def _steps(levels: int) -> np.ndarray:
    positions = np.arange(levels)
    return np.abs(positions[:, np.newaxis] - positions)


def ordered_estimates(
    labels: Sequence[str], answers: Answers, levels: Sequence[str], seed: int, groups: Groups | None = None
) -> list[Estimate]:
    """Quadratic-weighted kappa, mean absolute error in levels, and share of answers that are off by two or more levels.

    Kappa and the mean error have bootstrap intervals. The share has Wilson's interval. If the items are in groups, the
    share has the interval of `clustered.ratio`.

    Args:
        labels: the true label of each item. There is at least one item.
        answers: the predicted label of each item; None or "" for an invalid answer.
        levels: the labels in their order, the lowest first.
        seed: seed of the bootstrap.
        groups: index of each item's group, an array of shape (items,); None for independent items.
    """
    items = len(labels)
    answered = answered_levels(labels, answers, levels)
    counts = resampled_counts(labels, answered, levels)

    def of(metric: Metric) -> Statistic:
        return lambda weights: metric(counts(weights)[..., :-1])  # the last column, invalid answers, is zero

    far = far_off(item_counts(labels, answered, levels)[..., :-1])
    interval, method = share_interval(far, np.ones(items), groups)
    return [
        bootstrapped("quadratic_kappa", "", of(quadratic_kappa), items, seed, groups),
        bootstrapped("mean_absolute_error", "", of(mean_absolute_error), items, seed, groups),
        Estimate("off_by_two", "", float(far.mean()), interval, method, items),
    ]
