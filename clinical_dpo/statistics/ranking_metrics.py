"""Metrics of how well the probability of a label ranks the items: AUROC and average precision."""

from collections.abc import Callable

import numpy as np

from clinical_dpo.statistics.bootstrap_intervals import Statistic

Ranking = Callable[[np.ndarray, np.ndarray], Statistic]


def auroc(scores: np.ndarray, positive: np.ndarray) -> Statistic:
    """Return a function that computes the area under the ROC curve of the items with given weights.

    The area is the chance that a positive item has a higher score than a negative item. Equal scores count half.

    Args:
        scores: score of each item, shape (items,).
        positive: whether each item is positive, shape (items,), boolean.

    Returns:
        A function. It takes weights, an array of shape (resamples, items). It returns one area per resample, NaN if the
        resample has no positive or no negative item.
    """
    hits, alarms = _by_threshold(scores, positive)

    def statistic(weights: np.ndarray) -> np.ndarray:
        above, false = hits(weights), alarms(weights)
        before = np.pad(above, ((0, 0), (1, 0)))[:, :-1]
        area = (np.diff(false, axis=1, prepend=0) * (above + before) / 2).sum(axis=1)
        return _share(area, above[:, -1] * false[:, -1])

    return statistic


def average_precision(scores: np.ndarray, positive: np.ndarray) -> Statistic:
    """Return a function that takes the items' weights and returns the average precision.

    Average precision is a sum over all thresholds. A threshold adds its precision, times the difference between its
    recall and the recall of the next higher threshold.

    Args:
        scores: score of each item, shape (items,).
        positive: whether each item is positive, shape (items,), boolean.

    Returns:
        A function. It takes the items' weights, an array of shape (resamples, items). It returns one value per
        resample, NaN if the resample has no positive item.
    """
    hits, alarms = _by_threshold(scores, positive)

    def statistic(weights: np.ndarray) -> np.ndarray:
        above, false = hits(weights), alarms(weights)
        precision = np.nan_to_num(_share(above, above + false))
        gained = (np.diff(above, axis=1, prepend=0) * precision).sum(axis=1)
        return _share(gained, above[:, -1])

    return statistic


def mean_over_classes(metric: Ranking, probabilities: np.ndarray, codes: np.ndarray) -> Statistic:
    """Return a function that computes a metric such as AUROC as one value, for any number of labels.

    With two labels, the value is the metric of the positive class. With more labels, the metric is computed for each
    label against all others, and the value is the mean over the labels for which the metric is defined.

    Args:
        metric: function such as `auroc`. It takes the items' scores and whether each item is positive, and returns a
            statistic.
        probabilities: probability of each label for each item, shape (items, labels).
        codes: index of each item's true label, shape (items,).

    Returns:
        A function. It takes weights, an array of shape (resamples, items), and returns one value per resample.
    """
    positions = range(1 if probabilities.shape[1] == 2 else probabilities.shape[1])
    parts = [metric(probabilities[:, index], codes == index) for index in positions]

    def statistic(weights: np.ndarray) -> np.ndarray:
        values = np.array([part(weights) for part in parts])
        return _share(np.nansum(values, axis=0), (~np.isnan(values)).sum(axis=0))

    return statistic


def _by_threshold(scores: np.ndarray, positive: np.ndarray) -> tuple[Statistic, Statistic]:
    """Return two functions. The first sums the weights of the positive items at or above each score.

    The second does the same for the negative items.

    Args:
        scores: score of each item, shape (items,).
        positive: whether each item is positive, shape (items,), boolean.

    Returns:
        Two functions. Each takes weights, an array of shape (resamples, items), and returns the sums for all distinct
        scores in descending order, an array of shape (resamples, distinct scores).
    """
    order = np.argsort(-scores, kind="stable")
    last = np.flatnonzero(np.diff(scores[order], append=np.nan) != 0)  # position of the last item with each score

    def of(kind: np.ndarray) -> Statistic:
        return lambda weights: np.cumsum((weights * kind)[:, order], axis=1)[:, last]

    return of(positive.astype(float)), of((~positive).astype(float))


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.full(np.shape(part), np.nan), where=whole > 0)
