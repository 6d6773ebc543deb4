"""Tests of two variants on the same items: McNemar's tests, the paired t test and the signed-rank test."""

from collections.abc import Sequence

import numpy as np
from scipy.stats import binom, ttest_rel
from scipy.stats import wilcoxon as signed_rank
from statsmodels.stats.contingency_tables import mcnemar

from clinical_dpo.statistics.intervals import SAME

EXACT_UP_TO = 500  # number of differing pairs above which the signed-rank test uses the normal approximation


def paired_counts(first: Sequence[float], second: Sequence[float]) -> tuple[int, int, int, int]:
    """Count the items by the two variants' grades, which are 0 or 1.

    Args:
        first, second: grades of the first and of the second variant, with the items in the same order.

    Returns:
        Four numbers of items: both grades are 1, only the first is 1, only the second is 1, neither is 1.
    """
    pairs = list(zip(first, second, strict=True))
    return pairs.count((1, 1)), pairs.count((1, 0)), pairs.count((0, 1)), pairs.count((0, 0))


def mcnemar_exact(b: int, c: int) -> float:
    """Two-sided exact P of McNemar's test (McNemar 1947), by statsmodels: twice the smaller binomial(b + c, 1/2) tail.

    Args:
        b: number of items that only the first variant answers right.
        c: number of items that only the second variant answers right.

    Returns:
        P. It is 1 for b = c, because both tails then include the middle of the distribution.
    """
    return float(mcnemar([[0, b], [c, 0]], exact=True).pvalue)


def mcnemar_mid_p(b: int, c: int) -> float:
    """Two-sided mid-P of McNemar's test (Fagerland et al. 2013, BMC Med Res Methodol 13:91).

    The exact P counts the probability of the observed table fully in each tail. Mid-P counts half of this probability.
    It is less conservative than the exact P. Its error rate is close to the significance level in practice, but no
    theorem guarantees this. statsmodels has no mid-P.

    Args:
        b: number of items that only the first variant answers right.
        c: number of items that only the second variant answers right.

    Returns:
        Mid-P. It is 1 for b = c, because each tail is then one half.
    """
    return 1.0 if b == c else mcnemar_exact(b, c) - float(binom.pmf(min(b, c), b + c, 0.5))


def mcnemar_chi2(b: int, c: int, *, corrected: bool) -> tuple[float, float]:
    """Chi-squared and P (1 degree of freedom) of McNemar's test, with or without Edwards' correction, by statsmodels.

    Args:
        b: number of items that only the first variant answers right.
        c: number of items that only the second variant answers right.
        corrected: whether to apply Edwards' continuity correction.

    Returns:
        Chi-squared and P. If b equals c, they are (0, 1), and the formula is not used. The formula would give 0 / 0 if
        b and c are both 0. With the correction, it would give a chi-squared above 0 if b and c are equal and positive.
    """
    if b == c:
        return 0.0, 1.0
    result = mcnemar([[0, b], [c, 0]], exact=False, correction=corrected)
    return float(result.statistic), float(result.pvalue)


def paired_t(x: Sequence[float], y: Sequence[float]) -> tuple[float | None, float | None]:
    """t and two-tailed P of the paired t test (Student 1908) of the differences x - y, by scipy.

    Args:
        x, y: grades of the first and of the second variant, with the items in the same order.

    Returns:
        t and P. Three cases are not left to scipy:

        - Fewer than two pairs: (None, None).
        - Two or more pairs, and all differences are zero: (0, 1).
        - Two or more pairs, and all differences are equal but not zero: (None, None). The variance is 0, so the test is
          not defined. scipy would return a P of about 0, even for two pairs.
    """
    differences = np.subtract(x, y)
    if len(differences) < 2:
        return None, None
    if np.ptp(differences) < SAME:
        return (0.0, 1.0) if abs(differences[0]) < SAME else (None, None)
    result = ttest_rel(x, y)
    return float(result.statistic), float(result.pvalue)


def wilcoxon(x: Sequence[float], y: Sequence[float]) -> tuple[float, float]:
    """Rank sum of the positive differences x - y, and two-sided P of the signed-rank test (Wilcoxon 1945).

    Pairs without a difference are left out. Equal differences get their mean rank. For up to EXACT_UP_TO pairs, P is
    exact, even with equal differences. It comes from the permutation distribution of the observed ranks, as in R's
    coin::wilcoxsign_test(distribution = "exact"). scipy has this P for at most 13 pairs. For more than EXACT_UP_TO
    pairs, P comes from scipy's normal approximation.

    Returns:
        Rank sum and P. They are (0, 1) if all differences are zero.
    """
    differences = np.subtract(x, y)
    differences = np.round(differences[np.abs(differences) > SAME], 12)  # rounding must not break a tie
    _, inverse, counts = np.unique(np.abs(differences), return_inverse=True, return_counts=True)
    doubled = (2 * np.cumsum(counts) - counts + 1)[inverse]  # twice the mean ranks, which are integers
    rank_sum, total = int(doubled[differences > 0].sum()), int(doubled.sum())
    if len(doubled) > EXACT_UP_TO:
        return rank_sum / 2, float(signed_rank(differences, method="asymptotic").pvalue)
    chances = np.ones(1)  # probability of each doubled rank sum
    for rank in doubled:
        chances = (np.pad(chances, (0, rank)) + np.pad(chances, (rank, 0))) / 2
    return rank_sum / 2, min(1.0, float(2 * chances[: min(rank_sum, total - rank_sum) + 1].sum()))
