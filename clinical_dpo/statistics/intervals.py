"""Sizes of effects with 95% intervals: proportions, means, standardised differences."""

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import nctdtrinc, ndtri, stdtrit

from clinical_dpo.statistics.resampling import Interval, bootstrap

Z = float(ndtri(0.975))
SAME = 1e-12  # differences closer than that differ by rounding


def wilson(successes: int, n: int) -> Interval:
    """95% score interval of a proportion (Wilson 1927, J Am Stat Assoc 22:209-212); (None, None) for n = 0."""
    if n == 0:
        return None, None
    share, weight = successes / n, Z**2 / n
    middle = (share + weight / 2) / (1 + weight)
    reach = Z / (1 + weight) * math.sqrt(share * (1 - share) / n + weight / (4 * n))
    # At 0 and n one limit is exact; rounding would leave it a hair off.
    return (0.0 if successes == 0 else middle - reach), (1.0 if successes == n else middle + reach)


def newcombe_paired(both: int, first_only: int, second_only: int, neither: int) -> Interval:
    """95% interval of the difference of two paired proportions, first minus second.

    Method 10 of Newcombe 1998 (Stat Med 17:2635-2650): the two Wilson intervals joined by square-and-add, with the
    correlation phi of the pairs, corrected for continuity. (None, None) without pairs.

    Args:
        both: pairs in which both are right.
        first_only: only the first is (b).
        second_only: only the second is (c).
        neither: none is.
    """
    n = both + first_only + second_only + neither
    first, second = both + first_only, both + second_only
    (low_1, high_1), (low_2, high_2) = wilson(first, n), wilson(second, n)
    if low_1 is None or high_1 is None or low_2 is None or high_2 is None:
        return None, None
    margins = first * (n - first) * second * (n - second)
    product = both * neither - first_only * second_only
    corrected = max(product - n / 2, 0.0) if product > 0 else product
    phi = corrected / math.sqrt(margins) if margins else 0.0
    p_1, p_2 = first / n, second / n
    below = _added(p_1 - low_1, high_2 - p_2, phi)
    above = _added(high_1 - p_1, p_2 - low_2, phi)
    return max(p_1 - p_2 - below, -1.0), min(p_1 - p_2 + above, 1.0)  # beyond only by rounding


def _added(first: float, second: float, correlation: float) -> float:
    # Rounding may take a square of zero just below it.
    return math.sqrt(max(first**2 - 2 * correlation * first * second + second**2, 0.0))


def t_interval(values: Sequence[float] | np.ndarray) -> Interval:
    """95% t interval of a mean (Student 1908); (None, None) where spread is not known: one value, or all the same."""
    if len(values) < 2 or np.ptp(values) < SAME:
        return None, None
    mean, n = float(np.mean(values)), len(values)
    reach = float(stdtrit(n - 1, 0.975) * np.std(values, ddof=1)) / math.sqrt(n)
    return mean - reach, mean + reach


def cohens_dz(differences: Sequence[float] | np.ndarray) -> tuple[float | None, Interval]:
    """Cohen's d_z (mean over SD of paired differences; Cohen 1988, p. 48) and its 95% interval.

    The interval inverts the noncentral t distribution (Cumming & Finch 2001, Educ Psychol Meas 61:532-574). None
    where the SD is not known or zero.
    """
    n = len(differences)
    if n < 2 or np.ptp(differences) < SAME:
        return None, (None, None)
    d_z = float(np.mean(differences) / np.std(differences, ddof=1))
    low, high = nctdtrinc(n - 1, [0.975, 0.025], d_z * math.sqrt(n)) / math.sqrt(n)
    return d_z, (float(low), float(high))


def mean_interval(values: Sequence[float], seed: int) -> Interval:
    """95% bootstrap interval (BCa) of a mean; (None, None) where spread is not known, as for `t_interval`."""
    distinct, counts = np.unique(values, return_counts=True)
    found = bootstrap(counts, lambda drawn: drawn @ distinct / len(values), seed)
    return found.interval() if found else (None, None)
