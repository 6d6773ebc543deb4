"""Sizes of effects with their intervals: proportions, means, standardised differences; 95% unless said otherwise."""

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import nctdtrinc, ndtri
from scipy.stats import bootstrap
from statsmodels.stats.proportion import proportion_confint
from statsmodels.stats.weightstats import DescrStatsW

LEVEL = 0.95
RESAMPLES = 10_000
BLOCK = 1_000  # resamples held in memory at once
SAME = 1e-12  # differences closer than that differ by rounding

Interval = tuple[float | None, float | None]


def wilson(successes: int, n: int, level: float = LEVEL) -> Interval:
    """Score interval of a proportion (Wilson 1927, J Am Stat Assoc 22:209-212), by statsmodels; (None, None) for n = 0.

    At 0 and n one limit is exact, where statsmodels' is off by rounding.
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


def combined(
    weights: Sequence[float],
    estimates: Sequence[float],
    intervals: Sequence[Interval],
    correlation: np.ndarray,
    lowest: float = -1.0,
) -> Interval:
    """Interval of a weighted sum from an interval of each part (MOVER: Zou & Donner 2008, Stat Med 27:1693-1702).

    No kept library has it. Each limit is as far from the sum as the distances of its parts' limits, squared and added
    with their correlation.

    Args:
        weights: k of them; a difference has 1 and -1.
        estimates: k.
        intervals: of each estimate; the sum has none where one of them has none.
        correlation: (k, k), of the estimates.
        lowest: the least value of the sum; the greatest is 1.
    """
    signs, total = np.sign(weights), float(np.dot(weights, estimates))
    joined = correlation * np.outer(signs, signs)
    reach = []
    for side in (0, 1):  # below: the lower limit of what is added, the upper limit of what is subtracted
        limits = [interval[side if sign > 0 else 1 - side] for interval, sign in zip(intervals, signs, strict=True)]
        if any(limit is None for limit in limits):
            return None, None
        away = np.array(weights) * (np.array(estimates) - np.array(limits, dtype=float))
        # Rounding may take a square of zero just below it.
        reach.append(math.sqrt(max(float(away @ joined @ away), 0.0)))
    return max(total - reach[0], lowest), min(total + reach[1], 1.0)


def newcombe_paired(both: int, first_only: int, second_only: int, neither: int, level: float = LEVEL) -> Interval:
    """Interval of the difference of two paired proportions, first minus second.

    Method 10 of Newcombe 1998 (Stat Med 17:2635-2650), which no kept library has: the two Wilson intervals squared and
    added, with the correlation phi of the pairs, corrected for continuity. (None, None) without pairs.

    Args:
        both: pairs in which both are right.
        first_only: only the first is (b).
        second_only: only the second is (c).
        neither: none is.
        level: of confidence.
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
    return combined([1, -1], [first / n, second / n], intervals, np.array([[1, phi], [phi, 1]]))


def agreeing(interval: Interval, effect: float, p: float, level: float = LEVEL) -> Interval:
    """An interval of an effect that never contradicts its P: it leaves zero out exactly where P < 1 - level.

    Interval and test of a discrete outcome come from two formulas, which differ on some tables. Where they contradict
    each other the limit next to zero becomes Miettinen's test-based one (1976, Am J Epidemiol 103:226-235), effect x
    (1 - z / z of P), which is zero where P is the level. The limit beyond the effect stays.

    Args:
        interval: of the effect; (None, None) stays.
        effect: the estimate.
        p: two-sided P of the test of no effect.
        level: the interval's.
    """
    low, high = interval
    if low is None or high is None or (low > 0 or high < 0) == (p < 1 - level):
        return interval
    z, z_of_p = float(ndtri((1 + level) / 2)), float(-ndtri(p / 2))
    limit = abs(effect) * (1 - z / z_of_p) if z_of_p > 0 else -1.0
    # Where P is all but the level, rounding may put the limit on the wrong side of zero.
    limit = max(limit, SAME) if p < 1 - level else max(min(limit, 0.0), -1.0)
    return (limit, high) if effect > 0 else (low, -limit)


def t_interval(values: Sequence[float] | np.ndarray, level: float = LEVEL) -> Interval:
    """t interval of a mean (Student 1908), by statsmodels.

    (None, None) where spread is not known: one value, or all the same; the formula's interval of width zero would be
    certainty.
    """
    if len(values) < 2 or np.ptp(values) < SAME:
        return None, None
    low, high = DescrStatsW(np.asarray(values, dtype=float)).tconfint_mean(1 - level)
    return float(low), float(high)


def cohens_dz(differences: Sequence[float] | np.ndarray) -> tuple[float | None, Interval]:
    """Cohen's d_z (mean over SD of paired differences; Cohen 1988, p. 48) and its 95% interval.

    The interval, which no kept library has, inverts the noncentral t distribution (Cumming & Finch 2001, Educ Psychol
    Meas 61:532-574). None where the SD is not known or zero.
    """
    n = len(differences)
    if n < 2 or np.ptp(differences) < SAME:
        return None, (None, None)
    d_z = float(np.mean(differences) / np.std(differences, ddof=1))
    low, high = nctdtrinc(n - 1, [0.975, 0.025], d_z * math.sqrt(n)) / math.sqrt(n)
    return d_z, (float(low), float(high))


def mean_interval(values: Sequence[float], seed: int) -> Interval:
    """Bootstrap interval (BCa, 10,000 resamples) of a mean, by scipy; (None, None) as for `t_interval`."""
    if len(values) < 2 or np.ptp(values) < SAME:
        return None, None
    drawn = bootstrap((values,), np.mean, n_resamples=RESAMPLES, batch=BLOCK, method="BCa", rng=seed)
    return float(drawn.confidence_interval.low), float(drawn.confidence_interval.high)
