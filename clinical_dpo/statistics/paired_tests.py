"""Tests of two variants on the same items: McNemar's in its forms, the paired t test, the signed-rank test."""

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import bdtr, chdtrc, ndtr, stdtr

from clinical_dpo.statistics.intervals import SAME

EXACT_UP_TO = 500  # pairs that differ: above it the signed-rank test takes the normal approximation


def mcnemar_exact(b: int, c: int) -> float:
    """Two-sided exact P of McNemar's test (McNemar 1947): twice the smaller binomial(b + c, 1/2) tail, at most 1.

    Args:
        b: items right under the first variant only.
        c: items right under the second variant only.

    Returns:
        1 for b = c = 0: without a discordant pair nothing speaks against equality.
    """
    return min(1.0, 2 * float(bdtr(min(b, c), b + c, 0.5)))


def mcnemar_mid_p(b: int, c: int) -> float:
    """Two-sided mid-P of McNemar's test (Fagerland et al. 2013, BMC Med Res Methodol 13:91).

    The exact P with the probability of the table seen counted half in each tail: less conservative, and close to the
    level in practice without a guarantee.

    Returns:
        1 for b = c, where each tail is a half.
    """
    if b == c:
        return 1.0
    return 2 * float(bdtr(min(b, c), b + c, 0.5)) - math.comb(b + c, b) / 2 ** (b + c)


def mcnemar_chi2(b: int, c: int, *, corrected: bool) -> tuple[float, float]:
    """Chi-squared and P (1 degree of freedom) of McNemar's test, with or without Edwards' correction (1948).

    Returns:
        (0, 1) for b = c: without discordant pairs the formula is 0 / 0, with them the correction overshoots.
    """
    if b == c:
        return 0.0, 1.0
    statistic = (abs(b - c) - corrected) ** 2 / (b + c)
    return statistic, float(chdtrc(1, statistic))


def paired_t(x: Sequence[float], y: Sequence[float]) -> tuple[float | None, float | None]:
    """t and two-tailed P of the paired t test (Student 1908) of x - y, n - 1 degrees of freedom.

    Returns:
        (0, 1) where all differences are zero. (None, None) where the test is not defined: fewer than two pairs, or
        the same difference in every pair. The formula's limit there, P = 0, would call two pairs a proof.
    """
    differences = np.subtract(x, y)
    n = len(differences)
    if n < 2:
        return None, None
    if np.ptp(differences) < SAME:
        return (0.0, 1.0) if abs(differences[0]) < SAME else (None, None)
    t = float(differences.mean() / (differences.std(ddof=1) / math.sqrt(n)))
    return t, float(2 * stdtr(n - 1, -abs(t)))


def wilcoxon(x: Sequence[float], y: Sequence[float]) -> tuple[float, float]:
    """Rank sum of the positive differences x - y and two-sided P of the signed-rank test (Wilcoxon 1945).

    Pairs without a difference are left out, equal differences share their mean rank. P is exact given the ranks, ties
    included (the permutation distribution, as R's coin::wilcoxsign_test(distribution = "exact")); beyond 500 pairs it
    comes from the normal approximation.

    Returns:
        (0, 1) where no pair differs.
    """
    differences = np.subtract(x, y)
    differences = np.round(differences[np.abs(differences) > SAME], 12)  # rounding must not break a tie
    _, place, counts = np.unique(np.abs(differences), return_inverse=True, return_counts=True)
    doubled = (2 * np.cumsum(counts) - counts + 1)[place]  # twice the mean ranks: whole numbers
    rank_sum, whole = int(doubled[differences > 0].sum()), int(doubled.sum())
    smaller = min(rank_sum, whole - rank_sum)
    if len(doubled) <= EXACT_UP_TO:
        chances = np.ones(1)  # of each doubled rank sum
        for rank in doubled:
            chances = (np.pad(chances, (0, rank)) + np.pad(chances, (rank, 0))) / 2
        p = 2 * chances[: smaller + 1].sum()
    else:
        p = 2 * ndtr((smaller - whole / 2) / (math.sqrt(float(doubled @ doubled)) / 2))
    return rank_sum / 2, min(1.0, float(p))
