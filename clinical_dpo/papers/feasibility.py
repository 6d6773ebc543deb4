"""Exhaustive searches for the whole-number counts that can give a printed number.

A printed value or P stands for every number that rounds to it. A number halfway between two printable values may round
to either of them. "<.001" stands for all numbers below .001, and ">.99" for all numbers above .99. As in GRIM (Brown &
Heathers 2017, Soc Psychol Personal Sci 8:363-369), a printed number is compared with the numbers that whole counts can
give. An F1 depends on two counts: right answers among the positive items, and right answers among the negative items.
"""

import math
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from scipy.special import bdtr, chdtrc, stdtrit

# Forms of McNemar's test: exact (McNemar 1947), mid-P of the exact test (Fagerland et al. 2013, BMC Med Res Methodol
# 13:91), chi-squared without and with the continuity correction (Edwards 1948, Psychometrika 13:185-187).
TESTS = ("exact", "midp", "chi2", "chi2_corrected")
TINY = 1e-9  # decimal values are not exact in binary
Range = tuple[float, float]


def printed_range(value: float, decimals: int) -> Range:
    """Lowest and highest number that round to `value` with `decimals` digits after the point."""
    half = 0.5 * 10**-decimals
    return value - half, value + half


def p_range(printed: str) -> Range:
    """Lowest and highest P that may be printed as `printed`: "<.001" gives (0, .001), ".55" gives (.545, .555)."""
    number = float(printed.lstrip("<>"))
    if printed[0] in "<>":
        return (0.0, number) if printed[0] == "<" else (number, 1.0)
    return printed_range(number, len(printed.partition(".")[2]))


def counts(value: float, decimals: int, n: int) -> list[int]:
    """All whole numbers k from 0 to n for which k / n rounds to `value` with `decimals` digits after the point."""
    low, high = printed_range(value, decimals)
    return [k for k in range(n + 1) if low - TINY <= k / n <= high + TINY]


def mcnemar_p(test: str, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Two-sided P of McNemar's test for each pair of discordant counts. If both counts are 0, P is 1.

    Args:
        test: form of the test, one of TESTS.
        b: array of the numbers of items that only the first of two variants answers rightly.
        c: array of the same shape: the numbers of items that only the second variant answers rightly.
    """
    pairs, smaller, gap = b + c, np.minimum(b, c), np.abs(b - c)
    if test in ("exact", "midp"):
        doubled = 2 * bdtr(smaller, pairs, 0.5)
        if test == "exact":
            return np.minimum(doubled, 1.0)
        below = np.where(smaller > 0, bdtr(np.maximum(smaller - 1, 0), pairs, 0.5), 0.0)
        return np.where(pairs == 0, 1.0, doubled / 2 + below)
    corrected = np.maximum(gap - 1, 0) if test == "chi2_corrected" else gap
    return chdtrc(1, corrected**2 / np.maximum(pairs, 1))


@cache
def _cumulative_matches(test: str, n: int, printed: str) -> np.ndarray:
    """Count the pairs of discordant counts (b, c) with which McNemar's test gives a printed P.

    b is the number of items that only the first of two variants answers rightly. c is the number of items that only the
    second variant answers rightly. b + c is at most n.

    Args:
        test: form of the test, one of TESTS.
        n: number of items.
        printed: P as printed.

    Returns:
        An array of cumulative counts, of shape (2n + 1, n + 2). Element [i, k] is the number of pairs that give the
        printed P and have c - b = i - n and b < k.
    """
    gap, b = np.arange(-n, n + 1)[:, None], np.arange(n + 1)[None]
    c = b + gap
    low, high = p_range(printed)
    p = mcnemar_p(test, *np.broadcast_arrays(b, np.maximum(c, 0)))
    matches = (p >= low - TINY) & (p <= high + TINY)
    if printed[0] in "<>":
        matches &= (p < high) if printed[0] == "<" else (p > low)
    matches &= (c >= 0) & (b + c <= n)
    return np.concatenate([np.zeros((2 * n + 1, 1), dtype=int), matches.cumsum(axis=1)], axis=1)


def f1_counts(
    value: float, decimals: int, positives: int, negatives: int, average: str = "binary", unparsable: int = 0
) -> np.ndarray:
    """Find how many positive and how many negative items can have a right answer if the F1 rounds to `value`.

    Args:
        value: printed F1. The F1 of a class is 2 TP / (2 TP + FP + FN).
        decimals: digits of the printed F1 after the point.
        positives: number of items of the positive class.
        negatives: number of items of the negative class.
        average: "binary" (F1 of the positive class) or "macro" (mean F1 of both classes).
        unparsable: largest number of negative items with an answer that is neither label; only with average "binary".
            Such an answer is wrong, but it is no false positive. A positive item with such an answer is a false
            negative.

    Returns:
        An array of shape (possibilities, 2). The first column is the number of positive items with a right answer, the
        second column the number of negative items with a right answer.
    """
    tp, fp = np.arange(positives + 1)[:, None], np.arange(negatives + 1)[None]
    tn, fn = negatives - fp, positives - tp
    f1 = 2 * tp / np.maximum(2 * tp + fp + fn, 1)
    if average == "macro":
        f1 = (f1 + 2 * tn / np.maximum(2 * tn + fp + fn, 1)) / 2
    low, high = printed_range(value, decimals)
    rows, columns = np.nonzero((f1 >= low - TINY) & (f1 <= high + TINY))
    right = np.stack([rows, negatives - columns], axis=1)
    if unparsable:
        right = np.concatenate([right - [0, wrong] for wrong in range(unparsable + 1)])
        right = np.unique(right[right[:, 1] >= 0], axis=0)
    return right


def _bounds(first: np.ndarray, second: np.ndarray, sizes: Sequence[int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For two variants, find the discordant counts b and c that their counts of right answers allow.

    b is the number of items that only the first variant answers rightly. c is the number of items that only the second
    variant answers rightly. In a class of s items with r1 and r2 right answers, c - b = r2 - r1, and b runs from max(0,
    r1 - r2) to min(r1, s - r2). The classes are independent, so these differences and limits are added over the
    classes.

    Args:
        first: array of shape (candidates of the first variant, classes). A candidate is a possible count of right
            answers in each class.
        second: array of shape (candidates of the second variant, classes).
        sizes: number of items in each class.

    Returns:
        Three arrays of shape (candidates of the first variant, candidates of the second variant): c - b, the smallest
        b, and the largest b.
    """
    gap, smallest, largest = (np.zeros((len(first), len(second)), dtype=np.int32) for _ in range(3))
    for index, size in enumerate(sizes):
        r1, r2 = (right[:, index].astype(np.int32) for right in (first, second))
        r1 = r1[:, None]
        gap += r2 - r1
        smallest += np.maximum(0, r1 - r2)
        largest += np.minimum(r1, size - r2)
    return gap, smallest, largest


def discordant_counts(
    first: np.ndarray, second: np.ndarray, sizes: Sequence[int], test: str, printed: str
) -> list[tuple[int, int]]:
    """Find all discordant counts (b, c) that agree with the printed values of two variants and the printed P.

    b is the number of items that only the first variant answers rightly. c is the number of items that only the second
    variant answers rightly.

    Args:
        first: array of shape (candidates, classes). A row holds the number of right answers in each class. The rows
            are all the possibilities that give the printed value of the first variant.
        second: such an array for the printed value of the second variant. Its number of rows may differ.
        sizes: number of items in each class.
        test: form of McNemar's test, one of TESTS.
        printed: P as printed, which compares the two variants.
    """
    n = sum(sizes)
    gap, smallest, largest = (values.ravel() for values in _bounds(first, second, sizes))
    allowed = np.zeros((2 * n + 1, n + 2), dtype=int)  # +1 where a run of b begins, -1 after its end
    np.add.at(allowed, (gap + n, smallest), 1)
    np.add.at(allowed, (gap + n, largest + 1), -1)
    possible = (allowed.cumsum(axis=1)[:, :-1] > 0) & (np.diff(_cumulative_matches(test, n, printed), axis=1) > 0)
    return sorted((int(b), int(b + row - n)) for row, b in np.argwhere(possible))


class PositiveCounts(NamedTuple):
    """Possible numbers of positive test items, given the printed F1s of several variants and the printed P values.

    Each P value is from McNemar's test of one variant against the next variant.
    """

    links: list[list[int]]  # for each P, the numbers of positives that allow this P alone
    chain: list[int]  # the numbers of positives that allow all P at once, on one test set


def possible_positives(
    f1s: Sequence[float],
    p_values: Sequence[str],
    n: int,
    decimals: int = 2,
    average: str = "binary",
    unparsable: int = 0,
) -> dict[str, PositiveCounts]:
    """Find each number of positive items, from 1 to n - 1, that can give the printed F1s and P.

    For each variant, the search tries all confusion tables whose F1 rounds to the printed F1. It combines each table of
    a variant with each table of the next variant. For each such pair of tables, it tries all possible discordant counts
    (numbers of items that only one of the two variants answers rightly).

    Args:
        f1s: printed F1s of several variants on the same items, in order.
        p_values: printed P. Each compares a variant with the next one in `f1s`.
        n: number of items.
        decimals: digits of the printed F1s after the point.
        average: "binary" (F1 of the positive class) or "macro" (mean F1 of both classes).
        unparsable: only with average "binary". At most this many negative items of each variant have an answer that is
            neither label (see `f1_counts`).

    Returns:
        For each form of McNemar's test (TESTS), the numbers of positive items with which it can give the printed P.
    """
    possible = {test: PositiveCounts([[] for _ in p_values], []) for test in TESTS}
    for positives in range(1, n):
        sizes = (positives, n - positives)
        tables = [f1_counts(f1, decimals, *sizes, average, unparsable) for f1 in f1s]
        bounds = [_bounds(tables[link], tables[link + 1], sizes) for link in range(len(p_values))]
        for test, positive_counts in possible.items():
            reachable = np.ones(len(tables[0]), dtype=bool)  # tables of this variant that the chain so far allows
            for link, (gap, smallest, largest) in enumerate(bounds):
                matches = _cumulative_matches(test, n, p_values[link])
                allowed = matches[gap + n, largest + 1] > matches[gap + n, smallest]
                if allowed.any():
                    positive_counts.links[link].append(positives)
                reachable = (allowed & reachable[:, None]).any(axis=0)
            if reachable.any():
                positive_counts.chain.append(positives)
    return possible


def implied_sd(mean_1: float, mean_2: float, decimals: int, n: int, printed: str) -> Range:
    """Lowest and highest SD of paired differences that the printed means and the P of a paired t test imply.

    The SD (standard deviation) is |difference of the means| x sqrt(n) / t, where t is the test's statistic. The
    difference of two rounded means is known to within one unit of their last digit. If the printed P begins with "<",
    or if the difference may be 0, the lowest SD is 0.

    Args:
        mean_1, mean_2: printed means.
        decimals: digits of the printed means after the point.
        n: number of pairs.
        printed: P as printed.
    """
    gap, unit = abs(mean_2 - mean_1), 10.0**-decimals
    low, high = p_range(printed)
    t_high = math.inf if low == 0 else float(-stdtrit(n - 1, low / 2))
    t_low = float(-stdtrit(n - 1, high / 2))
    root_n = math.sqrt(n)
    return max(gap - unit, 0.0) * root_n / t_high, math.inf if t_low <= 0 else (gap + unit) * root_n / t_low


def possible_sd(mean_1: float, mean_2: float, decimals: int, n: int, scale: Range) -> Range:
    """Lowest and highest SD of paired differences that two printed means of whole-number grades allow.

    The grades are whole numbers, so their differences are too. The SD (standard deviation) of the differences is lowest
    if the differences take only two neighbouring values. The SD is at most the sum of the largest SDs of the two sets
    of grades. For a mean m on a bounded scale, the largest SD is sqrt((high - m) (m - low)) (Bhatia & Davis 2000, Am
    Math Mon 107:353-357).

    Args:
        mean_1, mean_2: printed means.
        decimals: digits of the printed means after the point.
        n: number of pairs.
        scale: lowest and highest grade.
    """
    gap, unit = abs(mean_2 - mean_1), 10.0**-decimals
    ends = (max(gap - unit, 0.0), gap + unit)
    shares = [0.0] if math.floor(ends[1]) > ends[0] else [end % 1 for end in ends]  # whole number between
    half, (low, high) = unit / 2, scale
    largest = 0.0
    for mean in (mean_1, mean_2):
        nearest = min(max((low + high) / 2, mean - half), mean + half)  # the middle of the scale has the largest SD
        largest += math.sqrt((high - nearest) * (nearest - low))
    correction = math.sqrt(n / (n - 1))
    return correction * math.sqrt(min(share * (1 - share) for share in shares)), correction * largest
