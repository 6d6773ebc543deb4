"""Intervals and tests of items in groups. Groups are independent; items of a group need not be.

A proportion of grouped items has the information of fewer independent items. Their number, the effective number of
items, comes from the variance between groups (Rao & Scott 1992, Biometrics 48:577-585). Wilson's interval of the
effective number replaces that of the items. Intervals of differences and of F1 follow by MOVER, with the correlation
over groups in place of that over items (Yang, Sun & Hardin 2012, Pharm Stat 11:386-393). No maintained library has
these intervals or Obuchowski's test.
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
    """A proportion of grouped items.

    Attributes:
        value: the proportion; NaN if no item counts.
        interval: its interval; (None, None) with fewer than two groups.
        influences: (groups,) sum of hits minus value times number of counted items.
        group_size: mean size of the group of a counted item.
    """

    value: float
    interval: Interval
    influences: np.ndarray
    group_size: float


def ratio(hits: np.ndarray, counted: np.ndarray, groups: Groups, level: float = LEVEL) -> Ratio:
    """The proportion of counted items that are hits, with Wilson's interval of the effective number of items.

    The effective number is at most the number of items. It is lowered by the squared ratio of normal and t quantile,
    because its variance comes from few groups (Korn & Graubard 1998, Surv Methodol 24:193-201). If all counted items
    are hits or none is, the groups show no variance, and the number of groups is the effective number.

    Args:
        hits: (n,) 0 or 1, 1 only for counted items.
        counted: (n,) 0 or 1, whether the item counts.
        groups: (n,) index of each item's group.
        level: confidence level.
    """
    sizes = np.bincount(groups, counted)
    n, m = float(sizes.sum()), int((sizes > 0).sum())
    if not n:
        return Ratio(math.nan, (None, None), np.zeros(len(sizes)), 0.0)
    value, group_size = float(hits.sum()) / n, float((sizes**2).sum()) / n
    influences = np.bincount(groups, hits - value * counted)
    if m < 2:
        return Ratio(value, (None, None), influences, group_size)
    effective = float(m)
    if 0 < value < 1:
        variance = m / (m - 1) * float((influences**2).sum()) / n**2
        effective = min(value * (1 - value) / variance, n) if variance > SAME**2 else n
        effective *= float(norm.isf((1 - level) / 2) / t.isf((1 - level) / 2, m - 1)) ** 2
    return Ratio(value, wilson(value * effective, effective, level), influences, group_size)


def share_interval(hits: np.ndarray, counted: np.ndarray, groups: Groups | None) -> tuple[Interval, str]:
    """Interval of the proportion of counted items that are hits, and its name: Wilson's, with groups the clustered one.

    Args:
        hits, counted, groups: see `ratio`.
    """
    name = interval_method("wilson", groups)
    if groups is None:
        return wilson(round(float(hits.sum())), round(float(counted.sum()))), name
    return ratio(hits, counted, groups).interval, name


def share_of(hits: Sequence[bool], groups: Groups | None) -> tuple[float | None, Interval, str]:
    """The share of items that are hits, its interval and the method of the interval; all empty without items."""
    if not hits:
        return None, (None, None), ""
    return sum(hits) / len(hits), *share_interval(np.array(hits, dtype=float), np.ones(len(hits)), groups)


def combined_interval(
    ratios: Sequence[Ratio],
    weights: Sequence[float],
    transform: Callable[[float], float] = float,
    lowest: float = -1.0,
) -> Interval:
    """MOVER interval of a weighted sum of transformed proportions, with their correlation over groups.

    The continuity correction of the correlation is half of a group instead of half of an item.

    Args:
        ratios: the proportions, of the same groups.
        weights: weight of each.
        transform: increasing function of a proportion.
        lowest: see `intervals.mover_interval`.
    """
    influences, signs = np.array([each.influences for each in ratios]), np.sign(weights)
    size = float(np.mean([each.group_size for each in ratios]))
    correlation = mover_correlation(influences @ influences.T, np.outer(signs, signs), size / 2)
    intervals: list[Interval] = [
        (None, None) if low is None or high is None else (transform(low), transform(high))
        for low, high in (each.interval for each in ratios)
    ]
    return mover_interval(weights, [transform(each.value) for each in ratios], intervals, correlation, lowest)


def obuchowski(first: np.ndarray, second: np.ndarray, groups: Groups) -> tuple[float, float] | tuple[None, None]:
    """Chi-squared and P (1 degree of freedom) of McNemar's test for groups (Obuchowski 1998, Stat Med 17:1495-1507).

    With d the difference of hits in a group, chi-squared is (K - 1) / K x (sum of d)² / sum of d², over K groups.

    Args:
        first, second: (n,) 0 or 1, whether each variant answers the item rightly.
        groups: (n,) index of each item's group.

    Returns:
        Chi-squared and P. They are (0, 1) if d is 0 in every group. Otherwise they are (None, None) for a single group.
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
    """Difference of two proportions of grouped items, with Obuchowski's chi-squared and P, and its interval."""

    effect: float
    statistic: float | None
    p_value: float | None
    interval: Interval


def share_difference(
    first: Sequence[float], second: Sequence[float], groups: Groups, level: float = LEVEL
) -> ShareDifference:
    """Difference of the shares of right answers of two variants, first minus second.

    The interval is by MOVER. If it contradicts P, its limit next to zero is changed (`intervals.agreeing`).

    Args:
        first, second: (n,) 0 or 1, whether each variant answers the item rightly.
        groups: (n,) index of each item's group.
        level: confidence level.
    """
    x, y = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    statistic, p = obuchowski(x, y, groups)
    ratios = [ratio(hits, np.ones(len(hits)), groups, level) for hits in (x, y)]
    effect, interval = float((x - y).mean()), combined_interval(ratios, [1.0, -1.0])
    return ShareDifference(effect, statistic, p, interval if p is None else agreeing(interval, effect, p, level))


class MeanOfGroups(NamedTuple):
    """The mean of grouped values, its t, P and interval; None where the groups show no spread."""

    mean: float
    statistic: float | None
    p_value: float | None
    interval: Interval


def clustered_mean(values: np.ndarray, groups: Groups, level: float = LEVEL) -> MeanOfGroups:
    """Mean over items with the cluster-robust standard error and groups - 1 degrees of freedom, by statsmodels.

    Returns:
        The mean. Interval and t are None for one group and for equal values; P is 1 if all values are 0.
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
    """Two-sided P of a paired permutation test that swaps the two answers to all items of a group at once, by scipy.

    It is exact for up to 13 groups, otherwise it uses 10,000 random swaps. It is 1 for one group: a swap changes the
    sign alone.

    Args:
        statistic: (..., k) sums over groups -> (...) value of a variant. The test compares its difference.
        first, second: (groups, k) sums over each group's items, of each variant.
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
