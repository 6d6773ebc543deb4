"""Tests of two variants on the same items: McNemar's in its forms, the paired t test, the signed-rank test."""

from collections.abc import Sequence

import numpy as np
from scipy.stats import binom, ttest_rel
from scipy.stats import wilcoxon as signed_rank
from statsmodels.stats.contingency_tables import mcnemar

from clinical_dpo.statistics.intervals import SAME

EXACT_UP_TO = 500  # pairs that differ: above it the signed-rank test takes the normal approximation


def mcnemar_exact(b: int, c: int) -> float:
    """Two-sided exact P of McNemar's test (McNemar 1947), by statsmodels: twice the smaller binomial(b + c, 1/2) tail.

    Args:
        b: items right under the first variant only.
        c: items right under the second variant only.

    Returns:
        1 for b = c, where both tails hold the middle: nothing speaks against equality.
    """
    return float(mcnemar([[0, b], [c, 0]], exact=True).pvalue)


def mcnemar_mid_p(b: int, c: int) -> float:
    """Two-sided mid-P of McNemar's test (Fagerland et al. 2013, BMC Med Res Methodol 13:91).

    The exact P with the probability of the table seen counted half in each tail: less conservative, and close to the
    level in practice without a guarantee. statsmodels has no mid-P.

    Returns:
        1 for b = c, where each tail is a half.
    """
    return 1.0 if b == c else mcnemar_exact(b, c) - float(binom.pmf(min(b, c), b + c, 0.5))


def mcnemar_chi2(b: int, c: int, *, corrected: bool) -> tuple[float, float]:
    """Chi-squared and P (1 degree of freedom) of McNemar's test, with or without Edwards' correction; by statsmodels.

    Returns:
        (0, 1) for b = c: without discordant pairs the formula is 0 / 0, with them the correction overshoots.
    """
    if b == c:
        return 0.0, 1.0
    found = mcnemar([[0, b], [c, 0]], exact=False, correction=corrected)
    return float(found.statistic), float(found.pvalue)


def paired_t(x: Sequence[float], y: Sequence[float]) -> tuple[float | None, float | None]:
    """t and two-tailed P of the paired t test (Student 1908) of x - y, n - 1 degrees of freedom; by scipy.

    Returns:
        (0, 1) where all differences are zero. (None, None) where the test is not defined: fewer than two pairs, or
        the same difference in every pair. scipy's P there, 0 or NaN, would call two pairs a proof.
    """
    differences = np.subtract(x, y)
    if len(differences) < 2:
        return None, None
    if np.ptp(differences) < SAME:
        return (0.0, 1.0) if abs(differences[0]) < SAME else (None, None)
    found = ttest_rel(x, y)
    return float(found.statistic), float(found.pvalue)


def wilcoxon(x: Sequence[float], y: Sequence[float]) -> tuple[float, float]:
    """Rank sum of the positive differences x - y and two-sided P of the signed-rank test (Wilcoxon 1945).

    Pairs without a difference are left out, equal differences share their mean rank. P is exact given the ranks, ties
    included, which scipy has for no more than 13 pairs (the permutation distribution, as R's
    coin::wilcoxsign_test(distribution = "exact")); beyond 500 pairs it is scipy's normal approximation.

    Returns:
        (0, 1) where no pair differs.
    """
    differences = np.subtract(x, y)
    differences = np.round(differences[np.abs(differences) > SAME], 12)  # rounding must not break a tie
    _, which, counts = np.unique(np.abs(differences), return_inverse=True, return_counts=True)
    doubled = (2 * np.cumsum(counts) - counts + 1)[which]  # twice the mean ranks: whole numbers
    rank_sum, whole = int(doubled[differences > 0].sum()), int(doubled.sum())
    if len(doubled) > EXACT_UP_TO:
        return rank_sum / 2, float(signed_rank(differences, method="asymptotic").pvalue)
    chances = np.ones(1)  # of each doubled rank sum
    for rank in doubled:
        chances = (np.pad(chances, (0, rank)) + np.pad(chances, (rank, 0))) / 2
    return rank_sum / 2, min(1.0, float(2 * chances[: min(rank_sum, whole - rank_sum) + 1].sum()))
