"""Sizes of effects with 95% intervals: proportions, means, standardised differences, F1."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import nctdtrinc, ndtri, stdtrit

from clinical_dpo.resampling import Interval, bootstrap, swap_p
from clinical_dpo.scores import Answers

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


def answer_counts(labels: Sequence[str], answers: Sequence[Answers], classes: Sequence[str]) -> np.ndarray:
    """Items per label and answer of each variant: shape (2, 3) for one variant, (2, 3, 3) for two.

    Args:
        labels: true labels, n items.
        answers: per variant, the n labels parsed, None or "" where an answer gives none; these count last.
        classes: the positive class, then the other.
    """
    named = [*classes, ""]
    counts = np.zeros((2,) + (3,) * len(answers), dtype=int)
    for label, *found in zip(labels, *answers, strict=True):
        counts[(classes.index(label), *(named.index(one or "") for one in found))] += 1
    return counts


def class_f1(counts: np.ndarray) -> np.ndarray:
    """F1 of both classes, (..., 2), from counts (..., 2, 3) of label and answer; NaN where it is 0 / 0."""
    hits = np.stack([counts[..., 0, 0], counts[..., 1, 1]], axis=-1)
    named = counts.sum(axis=-1) + counts[..., :2].sum(axis=-2)
    return np.divide(2 * hits, named, out=np.full(hits.shape, np.nan), where=named > 0)


def macro_f1(counts: np.ndarray) -> np.ndarray:
    """Mean F1 of the classes that have one, (...), from counts (..., 2, 3)."""
    return np.nanmean(class_f1(counts), axis=-1)  # an item has a label, so that never both are 0 / 0


def f1_intervals(
    labels: Sequence[str], parsed: Answers, classes: Sequence[str], seed: int
) -> tuple[Interval, Interval]:
    """95% bootstrap intervals (BCa) of the positive class's F1 and of macro F1.

    (None, None) for one item, an F1 of 0 / 0, and one that is the same in all resamples (every answer right, or no
    positive item found), which says nothing of other items.
    """
    counts = answer_counts(labels, [parsed], classes)
    found = [bootstrap(counts, statistic, seed) for statistic in (lambda drawn: class_f1(drawn)[..., 0], macro_f1)]
    first, macro = [one.interval() if one else (None, None) for one in found]
    return first, macro


class F1Difference(NamedTuple):
    """F1 of the first variant minus that of the second; None throughout where one of them is 0 / 0.

    One item has neither interval nor bootstrap P. Where every resample gives the same difference there is no interval
    either; the bootstrap P is 1 for a difference of 0, and None for another.
    """

    difference: float | None
    interval: Interval
    p_bootstrap: float | None
    p_permutation: float | None


def f1_difference(
    labels: Sequence[str], first: Answers, second: Answers, classes: Sequence[str], seed: int
) -> F1Difference:
    """Difference of the positive class's F1 between two variants that answered the same items.

    Pairs are kept together: the bootstrap (BCa) draws items with both answers, the permutation test swaps the two
    answers of an item.

    Args:
        labels: true labels, n items.
        first: labels parsed from the first variant's answers, None or "" where there is none.
        second: the second variant's.
        classes: the positive class, then the other.
        seed: of the resampling.
    """
    counts = answer_counts(labels, [first, second], classes)
    difference, found = float(_f1_gain(counts)), bootstrap(counts, _f1_gain, seed)
    interval, p_bootstrap = (found.interval(), found.p_value()) if found else ((None, None), None)
    known = None if np.isnan(difference) else difference
    return F1Difference(known, interval, p_bootstrap, swap_p(counts, _f1_gain, seed))


def _f1_gain(counts: np.ndarray) -> np.ndarray:
    """From counts (..., label, first answer, second answer)."""
    return class_f1(counts.sum(axis=-1))[..., 0] - class_f1(counts.sum(axis=-2))[..., 0]
