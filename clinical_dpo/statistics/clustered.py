"""Intervals and tests of items in groups. Groups are independent; the items of a group may depend on each other.

Items in groups carry as much information as a smaller number of independent items: the effective number of items. This
number comes from the variance between groups (Rao & Scott 1992, Biometrics 48:577-585). The interval of a proportion is
Wilson's interval for the effective number of items. Intervals of differences and of F1 follow by MOVER
(`intervals.mover_interval`), with the correlation over groups in place of the correlation over items (Yang, Sun &
Hardin 2012, Pharm Stat 11:386-393). Obuchowski's test is McNemar's test for items in groups. No maintained library has
these intervals or this test.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from scipy.stats import chi2, norm, permutation_test, t

from clinical_dpo.statistics.groups import Groups, interval_method
from clinical_dpo.statistics.intervals import (
    BLOCK,
    LEVEL,
    RESAMPLES,
    SAME,
    Interval,
    agreeing,
    mover_correlation,
    mover_interval,
    wilson,
)


class Ratio(NamedTuple):
    """A proportion of items in groups: the number of hits divided by the number of counted items.

    Attributes:
        value: the proportion; NaN if there are no counted items.
        interval: interval of the proportion; (None, None) with fewer than two groups.
        residuals: for each group, the sum of its items' residuals (hits - `value` x counted items); shape (groups,).
        group_size: mean size of the groups, weighted by size. The size of a group is its number of counted items.
    """

    value: float
    interval: Interval
    residuals: np.ndarray
    group_size: float


def ratio(hits: np.ndarray, counted: np.ndarray, groups: Groups, level: float = LEVEL) -> Ratio:
    """The proportion of counted items that are hits, with Wilson's interval for the effective number of items.

    The effective number of items comes from the variance between groups. It is at most the number of counted items. Few
    groups estimate the variance poorly, so the effective number is multiplied by the squared ratio of the normal
    quantile to the t quantile (Korn & Graubard 1998, Surv Methodol 24:193-201). If all counted items are hits, or if
    none is, the groups show no variance. The effective number is then the number of groups with counted items.

    Args:
        hits: 1 for a counted item that is a hit, otherwise 0; an array of shape (items,).
        counted: 1 for an item that counts, otherwise 0; an array of shape (items,).
        groups: index of each item's group, an array of shape (items,).
        level: confidence level.
    """
    sizes = np.bincount(groups, counted)
    n, m = float(sizes.sum()), int((sizes > 0).sum())
    if not n:
        return Ratio(math.nan, (None, None), np.zeros(len(sizes)), 0.0)
    value, group_size = float(hits.sum()) / n, float((sizes**2).sum()) / n
    residuals = np.bincount(groups, hits - value * counted)
    if m < 2:
        return Ratio(value, (None, None), residuals, group_size)
    effective = float(m)
    if 0 < value < 1:
        variance = m / (m - 1) * float((residuals**2).sum()) / n**2
        effective = min(value * (1 - value) / variance, n) if variance > SAME**2 else n
        effective *= float(norm.isf((1 - level) / 2) / t.isf((1 - level) / 2, m - 1)) ** 2
    return Ratio(value, wilson(value * effective, effective, level), residuals, group_size)


def share_interval(hits: np.ndarray, counted: np.ndarray, groups: Groups | None) -> tuple[Interval, str]:
    """95% interval of the proportion sum(hits) / sum(counted), and the name of the interval's method.

    For independent items, this is the Wilson interval. For items in groups, it is the interval that `ratio` computes.

    Args:
        hits: 1 for an item in the numerator, otherwise 0; an array of shape (items,).
        counted: 1 for an item in the denominator, otherwise 0; an array of shape (items,). Every item in the numerator
            is also in the denominator.
        groups: index of each item's group, an array of shape (items,); None for independent items.
    """
    name = interval_method("wilson", groups)
    if groups is None:
        return wilson(round(float(hits.sum())), round(float(counted.sum()))), name
    return ratio(hits, counted, groups).interval, name


def share_of(hits: Sequence[bool], groups: Groups | None) -> tuple[float | None, Interval, str]:
    """The share of items that are hits, its 95% interval, and the name of the interval's method.

    If there are no items, the share is None, the interval is (None, None) and the name is "".

    Args:
        hits: whether each item is a hit.
        groups: index of each item's group, an array of shape (items,); None for independent items.
    """
    if not hits:
        return None, (None, None), ""
    return sum(hits) / len(hits), *share_interval(np.array(hits, dtype=float), np.ones(len(hits)), groups)


def combined_interval(
    ratios: Sequence[Ratio],
    weights: Sequence[float],
    transform: Callable[[float], float] = float,
    lowest: float = -1.0,
) -> Interval:
    """MOVER interval (`intervals.mover_interval`) of a weighted sum of proportions, for items in groups.

    The correlations between the proportions are computed over groups (`intervals.mover_correlation`). The continuity
    correction is half the mean group size. It is half an item if each group has a single item.

    Args:
        ratios: the proportions, all of the same groups.
        weights: weight of each proportion; a difference has 1 and -1.
        transform: increasing function that is applied to each proportion, and to the limits of its interval, before
            the sum.
        lowest: the lowest possible value of the sum. The highest possible value is 1.
    """
    residuals, signs = np.array([each.residuals for each in ratios]), np.sign(weights)
    size = float(np.mean([each.group_size for each in ratios]))
    correlation = mover_correlation(residuals @ residuals.T, np.outer(signs, signs), size / 2)
    intervals: list[Interval] = [
        (None, None) if low is None or high is None else (transform(low), transform(high))
        for low, high in (each.interval for each in ratios)
    ]
    return mover_interval(weights, [transform(each.value) for each in ratios], intervals, correlation, lowest)


def obuchowski(first: np.ndarray, second: np.ndarray, groups: Groups) -> tuple[float, float] | tuple[None, None]:
    """Chi-squared and P (1 degree of freedom) of McNemar's test for groups (Obuchowski 1998, Stat Med 17:1495-1507).

    K is the number of groups. In each group, d is the first variant's number of right answers minus the second
    variant's.

    chi-squared = (K - 1) / K x (sum of d)² / sum of d²

    Args:
        first, second: 1 if the variant's answer to an item is right, otherwise 0; arrays of shape (items,).
        groups: index of each item's group, an array of shape (items,).

    Returns:
        Chi-squared and P. They are (0, 1) if d is 0 in every group. If d is not 0 and there is a single group, they are
        (None, None).
    """
    differences = np.bincount(groups, np.subtract(first, second, dtype=float))
    k, squares = len(differences), float((differences**2).sum())
    if squares < SAME:
        return 0.0, 1.0
    if k < 2:
        return None, None
    statistic = (k - 1) / k * float(differences.sum()) ** 2 / squares
    return statistic, float(chi2.sf(statistic, 1))


class ShareDifference(NamedTuple):
    """Difference of two proportions of grouped items, with its interval and with Obuchowski's chi-squared and P."""

    effect: float
    statistic: float | None
    p_value: float | None
    interval: Interval


def share_difference(
    first: Sequence[float], second: Sequence[float], groups: Groups, level: float = LEVEL
) -> ShareDifference:
    """Difference of two variants' shares of right answers, first minus second.

    The interval is by MOVER (`intervals.mover_interval`). If the interval and P contradict each other, the limit that
    is closer to zero is changed (`intervals.agreeing`).

    Args:
        first, second: 1 if the variant's answer to an item is right, otherwise 0; one value per item.
        groups: index of each item's group, an array of shape (items,).
        level: confidence level.
    """
    x, y = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    statistic, p = obuchowski(x, y, groups)
    ratios = [ratio(hits, np.ones(len(hits)), groups, level) for hits in (x, y)]
    effect, interval = float((x - y).mean()), combined_interval(ratios, [1.0, -1.0])
    return ShareDifference(effect, statistic, p, interval if p is None else agreeing(interval, effect, p, level))


class MeanOfGroups(NamedTuple):
    """The mean of the values of grouped items, with t, P and interval.

    `clustered_mean` tells when t, P and the limits of the interval are None.
    """

    mean: float
    statistic: float | None
    p_value: float | None
    interval: Interval


def clustered_mean(values: np.ndarray, groups: Groups, level: float = LEVEL) -> MeanOfGroups:
    """Mean over items, with a t test and a t interval that use the cluster-robust standard error, by statsmodels.

    The degrees of freedom are the number of groups minus 1.

    Args:
        values: value of each item, an array of shape (items,).
        groups: index of each item's group, an array of shape (items,).
        level: confidence level.

    Returns:
        The mean with t, P and interval. If all values are 0, t is 0, P is 1 and the limits are None. Otherwise, t, P
        and the limits are None if there is a single group, or if the groups show no spread.
    """
    from statsmodels.regression.linear_model import OLS  # imported late: only tasks with groups need it

    mean = float(np.mean(values))
    if np.ptp(values) < SAME:
        is_zero = abs(mean) < SAME
        return MeanOfGroups(mean, 0.0 if is_zero else None, 1.0 if is_zero else None, (None, None))
    if groups.max() < 1:
        return MeanOfGroups(mean, None, None, (None, None))
    model = OLS(values, np.ones(len(values)))
    fitted = model.fit(cov_type="cluster", cov_kwds={"groups": groups}, use_t=True)
    if fitted.bse[0] < SAME:
        return MeanOfGroups(mean, None, None, (None, None))
    [(low, high)] = fitted.conf_int(1 - level)
    return MeanOfGroups(mean, float(fitted.tvalues[0]), float(fitted.pvalues[0]), (float(low), float(high)))


def swap_p(statistic: Callable[[np.ndarray], np.ndarray], first: np.ndarray, second: np.ndarray, seed: int) -> float:
    """Two-sided P of a paired permutation test for items in groups, by scipy.

    The test compares a statistic of two variants. A permutation swaps the variants' answers in some of the groups; in
    such a group, it swaps the answers to all items. P is exact for up to 13 groups. For more groups, P comes from
    10,000 permutations: the observed one and 9,999 random ones. P is 1 for a single group, because a swap then
    changes only the sign of the difference.

    Args:
        statistic: function that computes a variant's value from k sums over all items, such as the numerator and the
            denominator of F1. It takes an array of shape (..., k) and returns an array of shape (...).
        first, second: the k sums over the items of each group, for the first and the second variant; arrays of shape
            (groups, k).
        seed: seed of the random swaps.
    """
    if len(first) < 2:
        return 1.0
    total, change = first.sum(axis=0), second - first

    def difference(x: np.ndarray, y: np.ndarray, axis: int = -1) -> np.ndarray:
        swapped = x @ change  # x is 1 for a group with swapped answers
        return statistic(total + swapped) - statistic(total + change.sum(axis=0) - swapped)

    result = permutation_test(
        (np.zeros(len(first)), np.ones(len(first))),
        difference,
        permutation_type="samples",
        n_resamples=RESAMPLES - 1,
        batch=BLOCK,
        rng=seed,
    )
    return float(result.pvalue)
