"""F1 and its paired differences, with intervals and a permutation test.

F1 = 2 J / (1 + J), where J = TP / (TP + FP + FN) is a proportion of items: the share of hits among those that carry the
class or are answered with it. So F1 has a score interval, and a difference of F1 has one by MOVER, as Newcombe's of two
proportions.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.stats import binom, permutation_test

from clinical_dpo.grading.scores import Answers
from clinical_dpo.statistics.intervals import (
    BLOCK,
    LEVEL,
    RESAMPLES,
    SAME,
    Interval,
    agreeing,
    combined,
    wilson,
)


def answer_counts(labels: Sequence[str], answers: Sequence[Answers], classes: Sequence[str]) -> np.ndarray:
    """Items per label and answer of each variant: shape (k, k + 1) for one variant, (k, k + 1, k + 1) for two.

    Args:
        labels: true labels, n items.
        answers: per variant, the n labels parsed, None or "" where an answer gives none; these count last.
        classes: k labels, the positive class first.
    """
    counts = np.zeros((len(classes),) + (len(classes) + 1,) * len(answers), dtype=int)
    np.add.at(counts, tuple(_codes(each, classes) for each in (labels, *answers)), 1)
    return counts


def _codes(words: Answers, classes: Sequence[str]) -> np.ndarray:
    named = [*classes, ""]
    return np.array([named.index(word or "") for word in words], dtype=int)


def class_f1(counts: np.ndarray) -> np.ndarray:
    """F1 of the k classes, (k,), from counts (k, k + 1) of label and answer; NaN where it is 0 / 0."""
    hits = np.diagonal(counts)
    named = counts.sum(axis=1) + counts[:, : len(hits)].sum(axis=0)
    return np.divide(2 * hits, named, out=np.full(len(hits), np.nan), where=named > 0)


def f1_interval(labels: Sequence[str], parsed: Answers, classes: Sequence[str], level: float = LEVEL) -> Interval:
    """Interval of the first class's F1: Wilson's of J (Lam et al. 2023, arXiv:2309.14621, "Wilson indirect").

    (None, None) where F1 is 0 / 0: neither a label nor an answer is that class.
    """
    return _interval(answer_counts(labels, [parsed], classes)[..., np.newaxis], [(0, 0)], [1.0], level)


def macro_f1_interval(labels: Sequence[str], parsed: Answers, classes: Sequence[str], level: float = LEVEL) -> Interval:
    """Interval of the mean F1 of the classes that have one, by MOVER from the interval of each."""
    counts = answer_counts(labels, [parsed], classes)
    terms = [(0, place) for place, score in enumerate(class_f1(counts)) if not np.isnan(score)]
    return _interval(counts[..., np.newaxis], terms, [1 / len(terms)] * len(terms), level, lowest=0.0)


class F1Difference(NamedTuple):
    """F1 of the first variant minus that of the second; None throughout where one of them is 0 / 0."""

    difference: float | None
    interval: Interval
    p_permutation: float | None


def f1_difference(
    labels: Sequence[str],
    first: Answers,
    second: Answers,
    classes: Sequence[str],
    seed: int,
    level: float = LEVEL,
) -> F1Difference:
    """Difference of F1 between two variants that answered the same items: of two classes the positive one's F1.

    Of more classes it is the difference of macro F1. The interval is MOVER's from both F1s' own, with their
    correlation over the items, corrected for continuity as Newcombe's is; it and P never contradict each other
    (`intervals.agreeing`). P: under the null the two answers to an item may change sides (approximate randomization:
    Noreen 1989, for F1 Yeh 2000). For two classes it is exact, over all ways; for more, over 10,000 random ones.

    Args:
        labels: true labels, n items.
        first: labels parsed from the first variant's answers, None or "" where there is none.
        second: the second variant's.
        classes: the positive class, then the other or others.
        seed: of the random swaps.
        level: of the interval.
    """
    counts = answer_counts(labels, [first, second], classes)
    scores = [class_f1(counts.sum(axis=axis)) for axis in (2, 1)]
    defined = [~np.isnan(each) for each in scores]
    if len(classes) == 2:
        terms, weights = [(0, 0), (1, 0)], [1.0, -1.0]
        difference = float(scores[0][0] - scores[1][0])
        p = None if np.isnan(difference) else _exact_p(counts)
    else:
        terms = [(variant, place) for variant in (0, 1) for place in range(len(classes)) if defined[variant][place]]
        weights = [(1 - 2 * variant) / int(defined[variant].sum()) for variant, _ in terms]
        difference = float(np.nanmean(scores[0]) - np.nanmean(scores[1]))
        p = _macro_p(_codes(labels, classes), _codes(first, classes), _codes(second, classes), len(classes), seed)
    if np.isnan(difference) or p is None:
        return F1Difference(None, (None, None), None)
    interval = agreeing(_interval(counts, terms, weights, level), difference, p, level)
    return F1Difference(difference, interval, p)


def _interval(
    counts: np.ndarray,
    terms: Sequence[tuple[int, int]],
    weights: Sequence[float],
    level: float,
    lowest: float = -1.0,
) -> Interval:
    """Interval of a weighted sum of F1s.

    Args:
        counts: items per label, first and second answer.
        terms: (variant, class) of each F1.
        weights: of each.
        level: of confidence.
        lowest: see `intervals.combined`.
    """
    cells = np.indices(counts.shape)
    carries = [(cells[0] == place) | (cells[1 + variant] == place) for variant, place in terms]
    hits = [(cells[0] == place) & (cells[1 + variant] == place) for variant, place in terms]
    numbers = [(int(counts[hit].sum()), int(counts[union].sum())) for hit, union in zip(hits, carries, strict=True)]
    if any(union == 0 for _, union in numbers):
        return None, None
    # How much an item moves J, up to a factor.
    moves = np.array(
        [
            (hit - found / union * carried).ravel()
            for hit, carried, (found, union) in zip(hits, carries, numbers, strict=True)
        ]
    )
    signs = np.sign(weights)
    correlation = _correlation(moves * counts.ravel() @ moves.T, np.outer(signs, signs))
    estimates = [_f1_of(found / union) for found, union in numbers]
    intervals: list[Interval] = []
    for found, union in numbers:
        low, high = wilson(found, union, level)
        intervals.append((_f1_of(low or 0.0), _f1_of(1.0 if high is None else high)))
    return combined(weights, estimates, intervals, correlation, lowest)


def _f1_of(share: float) -> float:
    return 2 * share / (1 + share)


def _correlation(products: np.ndarray, together: np.ndarray) -> np.ndarray:
    """Correlations from sums of products over items, moved by half an item to the side that widens the interval.

    For a difference that is Newcombe's correction of phi: lower, no further than to zero where it is positive. For a
    sum it is higher, at most 1. Where one never varies, as at F1 = 1, a difference takes 0 and a sum 1.

    Args:
        products: (k, k).
        together: (k, k), 1 where two are added, -1 where one is taken from the other.
    """
    scale = np.sqrt(np.outer(np.diagonal(products), np.diagonal(products)))
    apart = np.where(products > 0, np.maximum(products - 0.5, 0), products)
    moved = np.where(together > 0, np.minimum(products + 0.5, scale), apart)
    found = np.divide(moved, scale, out=np.where(together > 0, 1.0, 0.0), where=scale > SAME)
    np.fill_diagonal(found, 1.0)
    return found


def _exact_p(counts: np.ndarray) -> float:
    """Two-sided P of the positive class's F1 over all ways to swap answers; no library goes through them all.

    Only items that one variant alone calls positive matter, and of those with a label all are alike: a swap of each is
    a fair coin, so that two binomials say how many end on the first variant's side.
    """
    said = np.zeros((2, 2, 2), dtype=int)  # positive or not: label, first answer, second answer
    for cell, number in np.ndenumerate(counts):
        said[tuple(int(place > 0) for place in cell)] += number
    positives, hits, alarms = said[0].sum(), said[0, 0, 0], said[1, 0, 0]
    (hit_first, hit_second), (alarm_first, alarm_second) = ((said[k, 0, 1], said[k, 1, 0]) for k in (0, 1))
    split, alarm_split = hit_first + hit_second, alarm_first + alarm_second

    def gain(hit: np.ndarray | int, alarm: np.ndarray | int) -> np.ndarray:
        """Difference of F1 when so many of the hits and false alarms that only one variant has are the first's."""
        tops = [2 * (hits + hit), 2 * (hits + split - hit)]
        named = [alarms + alarm, alarms + alarm_split - alarm]
        with np.errstate(invalid="ignore"):
            ours, theirs = (top / (positives + top / 2 + other) for top, other in zip(tops, named, strict=True))
        return np.asarray(ours - theirs)

    observed = abs(float(gain(hit_first, alarm_first)))
    p, alarm = 0.0, np.arange(alarm_split + 1)
    chances = binom.pmf(alarm, alarm_split, 0.5)
    for hit, chance in enumerate(binom.pmf(np.arange(split + 1), split, 0.5)):
        p += chance * float(chances[~(np.abs(gain(hit, alarm)) < observed - SAME)].sum())
    return float(min(1.0, p))


def _macro_p(labels: np.ndarray, first: np.ndarray, second: np.ndarray, classes: int, seed: int) -> float:
    """Two-sided permutation P of the difference of macro F1, by scipy, from codes of labels and answers."""

    def gain(one: np.ndarray, other: np.ndarray, axis: int = -1) -> np.ndarray:
        return _macro(labels, one, classes, axis) - _macro(labels, other, classes, axis)

    found = permutation_test(
        (first, second), gain, permutation_type="samples", n_resamples=RESAMPLES - 1, batch=BLOCK, rng=seed
    )
    return float(found.pvalue)


def _macro(labels: np.ndarray, answers: np.ndarray, classes: int, axis: int) -> np.ndarray:
    """Macro F1 along an axis; a class that neither a label nor an answer names is left out."""
    found = []
    for place in range(classes):
        carried, named = labels == place, answers == place
        union = carried.sum() + named.sum(axis=axis)
        hits = 2 * (carried & named).sum(axis=axis)
        found.append(np.divide(hits, union, out=np.full(np.shape(union), np.nan), where=union > 0))
    return np.nanmean(found, axis=0)
