"""Intervals of proportions, means and their differences. The default confidence level is 95%."""

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import nctdtrinc, ndtri
from scipy.stats import bootstrap
from statsmodels.stats.proportion import proportion_confint
from statsmodels.stats.weightstats import DescrStatsW

LEVEL = 0.95
RESAMPLES = 10_000
BLOCK = 1_000  # resamples in memory at once
SAME = 1e-12  # values that differ by less are equal up to rounding

Interval = tuple[float | None, float | None]


def wilson(successes: float, n: float, level: float = LEVEL) -> Interval:
    """Score interval of a proportion (Wilson 1927, J Am Stat Assoc 22:209-212), by statsmodels; (None, None) for n = 0.

    For 0 successes the lower limit is set to exactly 0, and for n successes the upper limit is set to exactly 1. This
    corrects a rounding error of statsmodels.
    """
    if n == 0:
        return None, None
    low, high = proportion_confint(successes, n, 1 - level, method="wilson")
    return (0.0 if successes == 0 else float(low)), (1.0 if successes == n else float(high))


def clopper_pearson(successes: int, n: int, level: float = LEVEL) -> Interval:
    """Exact interval of a proportion (Clopper & Pearson 1934), by statsmodels; (None, None) for n = 0."""
    if n == 0:
        return None, None
    low, high = proportion_confint(successes, n, 1 - level, method="beta")
    return float(low), float(high)


def mover_interval(
    weights: Sequence[float],
    estimates: Sequence[float],
    intervals: Sequence[Interval],
    correlation: np.ndarray,
    lowest: float = -1.0,
) -> Interval:
    """Interval of a weighted sum from the intervals of its terms: the method of variance estimates recovery (MOVER).

    The reference is Zou & Donner 2008 (Stat Med 27:1693-1702). MOVER uses the formula for the standard error of a
    weighted sum of correlated terms. It replaces each term's standard error by the distance between the term's estimate
    and one of the term's limits. The formula then gives the distance between the sum and a limit of the sum. No
    maintained library has MOVER.

    Args:
        weights: weight of each term; a difference has 1 and -1.
        estimates: estimate of each term.
        intervals: interval of each term. If one of them is (None, None), the result is (None, None).
        correlation: correlations of the estimates, an array of shape (terms, terms).
        lowest: the lowest possible value of the sum. The highest possible value is 1.
    """
    signs, total = np.sign(weights), float(np.dot(weights, estimates))
    signed_correlation = correlation * np.outer(signs, signs)
    distances = []
    for side in (0, 1):  # lower limit of the sum: lower limits of added terms, upper limits of subtracted terms
        limits = [interval[side if sign > 0 else 1 - side] for interval, sign in zip(intervals, signs, strict=True)]
        if any(limit is None for limit in limits):
            return None, None
        terms = np.array(weights) * (np.array(estimates) - np.array(limits, dtype=float))
        # By rounding, a square of zero may be slightly negative.
        distances.append(math.sqrt(max(float(terms @ signed_correlation @ terms), 0.0)))
    return max(total - distances[0], lowest), min(total + distances[1], 1.0)


def mover_correlation(products: np.ndarray, signs: np.ndarray, correction: float = 0.5) -> np.ndarray:
    """Correlations of the terms of a weighted sum, for `mover_interval`, with a continuity correction.

    The correction widens the interval. It depends on the signs of two terms in the sum:

    - Different signs: a positive correlation is lowered, but not below 0, as in Newcombe's correction of phi. A
      negative correlation is unchanged.
    - Same sign: the correlation is raised, but not above 1.

    If all residuals of a term are 0 (for example, with an F1 of 1), the term's correlation with another term is set to
    0 for different signs and to 1 for the same sign.

    Args:
        products: for each pair of terms, the sum over items or groups of (residual in the first term) x (residual in
            the second term); shape (terms, terms). A term is a proportion. An item's residual in it is 1 - proportion
            for a hit, -proportion for any other item of the denominator, and 0 outside of the denominator. For groups,
            the residuals of their items are added up.
        signs: 1 where two terms have the same sign in the sum, -1 where their signs differ; shape (terms, terms).
        correction: amount by which an entry of `products` is reduced to lower the correlation, or increased to raise
            it. The default is Newcombe's, for independent items.

    Returns:
        The correlations, an array of shape (terms, terms).
    """
    scale = np.sqrt(np.outer(np.diagonal(products), np.diagonal(products)))
    lowered = np.where(products > 0, np.maximum(products - correction, 0), products)
    corrected = np.where(signs > 0, np.minimum(products + correction, scale), lowered)
    correlation = np.divide(corrected, scale, out=np.where(signs > 0, 1.0, 0.0), where=scale > SAME)
    np.fill_diagonal(correlation, 1.0)
    return correlation


def newcombe_paired(both: int, first_only: int, second_only: int, neither: int, level: float = LEVEL) -> Interval:
    """Interval of the difference of two paired proportions, first minus second; (None, None) without pairs.

    This is method 10 of Newcombe 1998 (Stat Med 17:2635-2650). It combines the Wilson intervals of both proportions
    with the correlation phi of the pairs, which has a continuity correction. No maintained library has this interval.

    Args:
        both: number of pairs in which both answers are right.
        first_only: number of pairs in which only the first answer is right (b).
        second_only: number of pairs in which only the second answer is right (c).
        neither: number of pairs in which both answers are wrong.
        level: confidence level.
    """
    n = both + first_only + second_only + neither
    first, second = both + first_only, both + second_only
    if n == 0:
        return None, None
    margins = first * (n - first) * second * (n - second)
    product = both * neither - first_only * second_only
    corrected = max(product - n / 2, 0.0) if product > 0 else product
    phi = corrected / math.sqrt(margins) if margins else 0.0
    intervals = [wilson(first, n, level), wilson(second, n, level)]
    return mover_interval([1, -1], [first / n, second / n], intervals, np.array([[1, phi], [phi, 1]]))


def agreeing(interval: Interval, effect: float, p: float, level: float = LEVEL) -> Interval:
    """Return the interval of an effect, changed if it contradicts P. The result excludes zero exactly if P < 1 - level.

    For discrete outcomes, the interval and the test come from two formulas and may contradict each other. In this case
    the limit that is closer to zero is replaced by Miettinen's test-based limit (1976, Am J Epidemiol 103:226-235):
    effect x (1 - z / z_P). Here z is the normal quantile of the level, and z_P is that of P. The new limit is zero if
    P = 1 - level. The other limit is unchanged.

    Args:
        interval: interval of the effect; (None, None) is returned unchanged.
        effect: the estimate.
        p: two-sided P of the test of no effect.
        level: confidence level of the interval.
    """
    low, high = interval
    if low is None or high is None or (low > 0 or high < 0) == (p < 1 - level):
        return interval
    z, z_of_p = float(ndtri((1 + level) / 2)), float(-ndtri(p / 2))
    limit = abs(effect) * (1 - z / z_of_p) if z_of_p > 0 else -1.0
    # If P is very close to 1 - level, rounding may put the limit on the wrong side of zero.
    limit = max(limit, SAME) if p < 1 - level else max(min(limit, 0.0), -1.0)
    return (limit, high) if effect > 0 else (low, -limit)


def t_interval(values: Sequence[float] | np.ndarray, level: float = LEVEL) -> Interval:
    """t interval of a mean (Student 1908), by statsmodels.

    The interval is (None, None) for a single value, and if all values are equal. Such values tell nothing about the
    spread, and an interval of width zero would claim certainty.
    """
    if len(values) < 2 or np.ptp(values) < SAME:
        return None, None
    low, high = DescrStatsW(np.asarray(values, dtype=float)).tconfint_mean(1 - level)
    return float(low), float(high)


def cohens_dz(differences: Sequence[float] | np.ndarray) -> tuple[float | None, Interval]:
    """Cohen's d_z of paired differences and its 95% interval. d_z is the mean divided by the SD (Cohen 1988, p. 48).

    The interval inverts the noncentral t distribution (Cumming & Finch 2001, Educ Psychol Meas 61:532-574). No
    maintained library has this interval. d_z and both limits are None for fewer than two differences, and if the SD is
    zero.
    """
    n = len(differences)
    if n < 2 or np.ptp(differences) < SAME:
        return None, (None, None)
    d_z = float(np.mean(differences) / np.std(differences, ddof=1))
    low, high = nctdtrinc(n - 1, [0.975, 0.025], d_z * math.sqrt(n)) / math.sqrt(n)
    return d_z, (float(low), float(high))


def mean_interval(values: Sequence[float], seed: int) -> Interval:
    """95% bootstrap interval (BCa, 10,000 resamples) of a mean, by scipy.

    The interval is (None, None) for fewer than two values, and if all values are equal.
    """
    if len(values) < 2 or np.ptp(values) < SAME:
        return None, None
    drawn = bootstrap((values,), np.mean, n_resamples=RESAMPLES, batch=BLOCK, method="BCa", rng=seed)
    return float(drawn.confidence_interval.low), float(drawn.confidence_interval.high)
