"""Krippendorff's alpha, and the intraclass correlation of grades, each with a 95% interval.

If items are in groups, the interval is a jackknife interval over groups.
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import compress
from typing import Literal

import krippendorff
import numpy as np
from scipy import stats

from clinical_dpo.statistics.groups import Groups
from clinical_dpo.statistics.intervals import LEVEL, SAME, Interval

Level = Literal["nominal", "ordinal", "interval"]
Estimate = tuple[float | None, Interval]
CLUSTERED_JACKKNIFE = "clustered_jackknife"  # method of `jackknife_interval`
UNDEFINED: Estimate = (None, (None, None))


def normal_interval(estimate: float, variance: float, freedom: float = math.inf) -> Interval:
    """Compute the 95% interval of a coefficient from the variance of the coefficient.

    The limits of the interval are cut off at -1 and 1. If the variance is 0, the interval is (None, None).

    Args:
        estimate: the coefficient, a number from -1 to 1.
        variance: variance of the coefficient.
        freedom: degrees of freedom of the t quantile. Infinity gives the normal quantile.
    """
    if variance < SAME:
        return None, None
    half_width = float(stats.t.isf((1 - LEVEL) / 2, freedom)) * variance**0.5
    return max(-1.0, estimate - half_width), min(1.0, estimate + half_width)


def jackknife_interval(
    estimate: float | None, without: Callable[[np.ndarray], float | None], groups: Groups
) -> Interval:
    """95% interval of a coefficient, by the jackknife over groups of items (Efron & Tibshirani 1993, ch. 11).

    The jackknife leaves out one group at a time and computes the coefficient from the items of all other groups. The
    interval is a t interval. Its degrees of freedom are the number of groups minus 1.

    Args:
        estimate: the coefficient of all items.
        without: function that computes the coefficient from a part of the items. Its argument is an array of shape
            (items,), which is True for each item of this part.
        groups: index of each item's group, an array of shape (items,).

    Returns:
        The interval. It is (None, None) if there is a single group, or if `estimate` is None. It is also (None, None)
        if one of the coefficients with a group left out is not defined, or if all of them are equal.
    """
    k = int(groups.max()) + 1
    left_out = [without(groups != group) for group in range(k)]
    if estimate is None or k < 2 or any(value is None or math.isnan(value) for value in left_out):
        return None, None
    return normal_interval(estimate, (k - 1) * float(np.var(np.array(left_out, dtype=float))), k - 1)


def krippendorff_alpha(
    votes: Sequence[Sequence[str]], level: Level = "nominal", groups: Groups | None = None
) -> Estimate:
    """Krippendorff's alpha (2011, Computing Krippendorff's alpha-reliability), by package krippendorff.

    The interval uses the jackknife variance over items (Efron & Tibshirani 1993, ch. 11), which treats the items as a
    random sample. The jackknife leaves out one item at a time and computes alpha from all other items. If several items
    have the same ratings, alpha is the same whichever of them is left out, so it is computed only once for them. If the
    items are in groups, the interval is that of `jackknife_interval`.

    Args:
        votes: for each item, its ratings. Items with fewer than two ratings do not count.
        level: level of measurement. nominal: categories have no order. ordinal: ratings are numbers whose ranks are
            compared. interval: ratings are numbers whose differences are compared.
        groups: index of each item's group, an array of shape (items,); None for independent items. With groups, every
            item must have two or more ratings.

    Returns:
        Alpha and its interval. Alpha is None if there are no items, or if all ratings are equal (0 / 0). The interval
        is (None, None) if alpha is None, or if alpha is 0 / 0 without one of the items. It is also (None, None) if
        alpha is the same whichever item is left out, for example because the raters agree on all items. With groups,
        `jackknife_interval` states when the interval is (None, None).
    """
    pairable = [item for item in votes if len(item) > 1]
    names = {vote for item in pairable for vote in item}
    categories = sorted(names) if level == "nominal" else sorted(names, key=float)
    domain = categories if level == "nominal" else [float(name) for name in categories]
    if len(categories) < 2:
        return UNDEFINED
    counted = [tuple(list(item).count(category) for category in categories) for item in pairable]
    patterns = Counter(counted)

    def of(items: Counter[tuple[int, ...]]) -> float:
        counts = np.array(list(items.elements())).reshape(-1, len(categories))
        if np.count_nonzero(counts.any(axis=0)) < 2:
            return float("nan")
        return float(krippendorff.alpha(value_counts=counts, value_domain=domain, level_of_measurement=level))

    alpha, n = of(patterns), patterns.total()
    if groups is not None:
        return alpha, jackknife_interval(alpha, lambda kept: of(Counter(compress(counted, kept))), groups)
    times = np.array(list(patterns.values()))
    left_out = np.array([of(patterns - Counter([pattern])) for pattern in patterns])
    squares = times @ (left_out - times @ left_out / n) ** 2
    return alpha, (None, None) if np.isnan(squares) else normal_interval(alpha, (n - 1) / n * float(squares))


def intraclass_correlation(grades: Sequence[Sequence[float]], groups: Groups | None = None) -> Estimate:
    """ICC(2,1): two-way random effects, absolute agreement, a single rater (Shrout & Fleiss 1979).

    The article is in Psychol Bull 86:420-428. The interval is that of ICC(A,1) of McGraw & Wong 1996 (Psychol Methods
    1:30-46, table 7), with Satterthwaite's degrees of freedom. The mean squares are those of a two-way analysis of
    variance. They are computed as sums over items and raters, because a regression would need a column for each item.
    If the items are in groups, the interval is that of `jackknife_interval`.

    Args:
        grades: for each item, the grade of each rater. The raters are in the same order for all items.
        groups: index of each item's group, an array of shape (items,); None for independent items.

    Returns:
        ICC and its interval. ICC is None for fewer than two items. ICC is also None if the estimated variance of a
        grade is not positive, for example because all grades are equal. The interval is (None, None) if the raters
        agree on all items, or if Satterthwaite's degrees of freedom are 0, which can happen for a negative ICC.
    """
    table = np.array(grades, dtype=float)
    if len(table) < 2:
        return UNDEFINED
    n, k = table.shape
    of_items, of_raters, mean = table.mean(axis=1), table.mean(axis=0), table.mean()
    rows = k * float(((of_items - mean) ** 2).sum()) / (n - 1)
    columns = n * float(((of_raters - mean) ** 2).sum()) / (k - 1)
    rest = float(((table - of_items[:, np.newaxis] - of_raters + mean) ** 2).sum()) / ((n - 1) * (k - 1))
    total = rows + (k - 1) * rest + k * (columns - rest) / n
    if total < SAME:
        return UNDEFINED
    icc = (rows - rest) / total
    if groups is not None:
        return icc, jackknife_interval(icc, lambda kept: intraclass_correlation(table[kept].tolist())[0], groups)
    if rest < SAME and columns < SAME:
        return icc, (None, None)
    between, error = k * icc * columns, (n * (1 + (k - 1) * icc) - k * icc) * rest
    if between + error < SAME:
        return icc, (None, None)
    freedom = (between + error) ** 2 / (between**2 / (k - 1) + error**2 / ((n - 1) * (k - 1)))
    tail = (1 - LEVEL) / 2
    below, above = float(stats.f.isf(tail, n - 1, freedom)), float(stats.f.isf(tail, freedom, n - 1))
    others = k * columns + (k * n - k - n) * rest
    low = n * (rows - below * rest) / (below * others + n * rows)
    high = n * (above * rows - rest) / (others + n * above * rows)
    return icc, (low, high)
