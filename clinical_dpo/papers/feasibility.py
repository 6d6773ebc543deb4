"""Which counts could lie behind a printed number: exhaustive searches over what rounds to it.

A printed value stands for every value that rounds to it, ties included; a printed P likewise, "<.001" and ">.99" for
all on that side. Comparing test statistics with what the printed granularity allows follows GRIM (Brown & Heathers
2017, Soc Psychol Personal Sci 8:363-369). "Right" counts are pairs (right among positives, right among negatives).
"""

import math
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from scipy.special import bdtr, chdtrc, stdtrit

# Exact (McNemar 1947), its mid-P (Fagerland et al. 2013, BMC Med Res Methodol 13:91), chi-squared without and with
# the continuity correction (Edwards 1948, Psychometrika 13:185-187).
TESTS = ("exact", "midp", "chi2", "chi2_corrected")
TINY = 1e-9  # decimal values are not exact in binary
Range = tuple[float, float]


def printed_range(value: float, decimals: int) -> Range:
    """Lowest and highest value that could round to `value` at `decimals` digits."""
    half = 0.5 * 10**-decimals
    return value - half, value + half


def p_range(printed: str) -> Range:
    """Lowest and highest P that could be printed so: "<.001" gives (0, .001), ".55" gives (.545, .555)."""
    number = float(printed.lstrip("<>"))
    if printed[0] in "<>":
        return (0.0, number) if printed[0] == "<" else (number, 1.0)
    return printed_range(number, len(printed.partition(".")[2]))


def counts(value: float, decimals: int, n: int) -> list[int]:
    """Counts of n whose share rounds to `value`."""
    low, high = printed_range(value, decimals)
    return [k for k in range(n + 1) if low - TINY <= k / n <= high + TINY]


def mcnemar_p(test: str, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Two-sided P of one of TESTS for discordant counts b and c of any equal shape; 1 where b = c = 0."""
    pairs, fewer, gap = b + c, np.minimum(b, c), np.abs(b - c)
    if test in ("exact", "midp"):
        doubled = 2 * bdtr(fewer, pairs, 0.5)
        if test == "exact":
            return np.minimum(doubled, 1.0)
        below = np.where(fewer > 0, bdtr(np.maximum(fewer - 1, 0), pairs, 0.5), 0.0)
        return np.where(pairs == 0, 1.0, doubled / 2 + below)
    reach = np.maximum(gap - 1, 0) if test == "chi2_corrected" else gap
    return chdtrc(1, reach**2 / np.maximum(pairs, 1))


@cache
def _hits(test: str, n: int, printed: str) -> np.ndarray:
    """How many b below column k give the printed P at c - b = row - n; (2n + 1, n + 2), 0 in column 0."""
    gap, b = np.arange(-n, n + 1)[:, None], np.arange(n + 1)[None]
    c = b + gap
    low, high = p_range(printed)
    p = mcnemar_p(test, *np.broadcast_arrays(b, np.maximum(c, 0)))
    fits = (p >= low - TINY) & (p <= high + TINY)
    if printed[0] in "<>":
        fits &= (p < high) if printed[0] == "<" else (p > low)
    fits &= (c >= 0) & (b + c <= n)
    return np.concatenate([np.zeros((2 * n + 1, 1), dtype=int), fits.cumsum(axis=1)], axis=1)


def f1_counts(
    value: float, decimals: int, positives: int, negatives: int, average: str = "binary", unparsable: int = 0
) -> np.ndarray:
    """All right counts, (k, 2), of confusion tables whose F1 rounds to `value`.

    Args:
        value: F1 = 2 TP / (2 TP + FP + FN).
        decimals: digits it is printed with.
        positives: items of the positive class.
        negatives: items of the other.
        average: binary (the positive class's F1) or macro (mean of both classes').
        unparsable: answers to negative items that may be neither label. Such an answer is wrong, yet the positive
            class's F1 does not see it; to a positive item it is a false negative like any other. binary only.
    """
    tp, fp = np.arange(positives + 1)[:, None], np.arange(negatives + 1)[None]
    tn, fn = negatives - fp, positives - tp
    f1 = 2 * tp / np.maximum(2 * tp + fp + fn, 1)
    if average == "macro":
        f1 = (f1 + 2 * tn / np.maximum(2 * tn + fp + fn, 1)) / 2
    low, high = printed_range(value, decimals)
    rows, columns = np.nonzero((f1 >= low - TINY) & (f1 <= high + TINY))
    rights = np.stack([rows, negatives - columns], axis=1)
    if unparsable:
        rights = np.concatenate([rights - [0, lost] for lost in range(unparsable + 1)])
        rights = np.unique(rights[rights[:, 1] >= 0], axis=0)
    return rights


def _bounds(first: np.ndarray, second: np.ndarray, sizes: Sequence[int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """c - b, fewest b and most b for all pairs of right counts; each (k1, k2).

    Within a class of s items, r1 and r2 of them right, c - b = r2 - r1 and b runs from max(0, r1 - r2) to
    min(r1, s - r2); the classes are independent, so the sum takes every value between the sums of these limits.
    """
    gap, fewest, most = (np.zeros((len(first), len(second)), dtype=np.int32) for _ in range(3))
    for index, size in enumerate(sizes):
        r1, r2 = (rights[:, index].astype(np.int32) for rights in (first, second))
        r1 = r1[:, None]
        gap += r2 - r1
        fewest += np.maximum(0, r1 - r2)
        most += np.minimum(r1, size - r2)
    return gap, fewest, most


def discordants(
    first: np.ndarray, second: np.ndarray, sizes: Sequence[int], test: str, printed: str
) -> list[tuple[int, int]]:
    """All discordant counts (b, c) that some pair of right counts allows and whose P is the printed one.

    Args:
        first: right counts (k, classes) that fit the first printed value.
        second: those that fit the second; b counts items right in the first only.
        sizes: items per class.
        test: one of TESTS.
        printed: P as printed.
    """
    n = sum(sizes)
    gap, fewest, most = (values.ravel() for values in _bounds(first, second, sizes))
    allowed = np.zeros((2 * n + 1, n + 2), dtype=int)  # +1 where a run of b begins, -1 after its end
    np.add.at(allowed, (gap + n, fewest), 1)
    np.add.at(allowed, (gap + n, most + 1), -1)
    fits = (allowed.cumsum(axis=1)[:, :-1] > 0) & (np.diff(_hits(test, n, printed), axis=1) > 0)
    return sorted((int(b), int(b + row - n)) for row, b in np.argwhere(fits))


class Fit(NamedTuple):
    """Numbers of positives for which a chain of printed F1s and the P between neighbours can hold."""

    links: list[list[int]]  # each P alone
    chain: list[int]  # all P at once, on one test set


def fitting_positives(
    f1s: Sequence[float],
    p_values: Sequence[str],
    n: int,
    decimals: int = 2,
    average: str = "binary",
    unparsable: int = 0,
) -> dict[str, Fit]:
    """Test -> the numbers of positives among n items, 1 to n - 1, that allow the printed F1s and P.

    Exhaustive: all confusion tables that round to each F1, and all discordant counts that they allow.

    Args:
        f1s: printed F1s of variants on the same items, k.
        p_values: printed P between each and the next, k - 1.
        n: items.
        decimals: digits of the F1s.
        average: as in `f1_counts`.
        unparsable: as in `f1_counts`; of each variant.
    """
    fits = {test: Fit([[] for _ in p_values], []) for test in TESTS}
    for positives in range(1, n):
        sizes = (positives, n - positives)
        tables = [f1_counts(f1, decimals, *sizes, average, unparsable) for f1 in f1s]
        bounds = [_bounds(tables[link], tables[link + 1], sizes) for link in range(len(p_values))]
        for test, fit in fits.items():
            reached = np.ones(len(tables[0]), dtype=bool)  # tables of the current variant that the chain so far allows
            for link, (gap, fewest, most) in enumerate(bounds):
                seen = _hits(test, n, p_values[link])
                allowed = seen[gap + n, most + 1] > seen[gap + n, fewest]
                if allowed.any():
                    fit.links[link].append(positives)
                reached = (allowed & reached[:, None]).any(axis=0)
            if reached.any():
                fit.chain.append(positives)
    return fits


def implied_sd(mean_1: float, mean_2: float, decimals: int, n: int, printed: str) -> Range:
    """Lowest and highest SD of n paired differences that a printed paired-t P implies: |difference| sqrt(n) / t.

    The difference of two rounded means is known to one unit of their last digit. "<" leaves the low end at 0, a
    difference that may be 0 leaves it there too.
    """
    gap, unit = abs(mean_2 - mean_1), 10.0**-decimals
    low, high = p_range(printed)
    t_high = math.inf if low == 0 else float(-stdtrit(n - 1, low / 2))
    t_low = float(-stdtrit(n - 1, high / 2))
    reach = math.sqrt(n)
    return max(gap - unit, 0.0) * reach / t_high, math.inf if t_low <= 0 else (gap + unit) * reach / t_low


def possible_sd(mean_1: float, mean_2: float, decimals: int, n: int, scale: Range) -> Range:
    """Lowest and highest SD that n paired differences of whole grades can have, given both printed means.

    Lowest: differences are whole, so at best two neighbouring numbers occur. Highest: the sum of both largest SDs of
    a mean on a bounded scale, sqrt((high - m) (m - low)) (Bhatia & Davis 2000, Am Math Mon 107:353-357).
    """
    gap, unit = abs(mean_2 - mean_1), 10.0**-decimals
    ends = (max(gap - unit, 0.0), gap + unit)
    shares = [0.0] if math.floor(ends[1]) > ends[0] else [end % 1 for end in ends]  # a whole number lies between
    half, (low, high) = unit / 2, scale
    largest = 0.0
    for mean in (mean_1, mean_2):
        nearest = min(max((low + high) / 2, mean - half), mean + half)  # the middle of the scale has the largest SD
        largest += math.sqrt((high - nearest) * (nearest - low))
    correction = math.sqrt(n / (n - 1))
    return correction * math.sqrt(min(share * (1 - share) for share in shares)), correction * largest
