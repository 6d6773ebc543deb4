"""F1 of two classes and its paired differences, with 95% intervals."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from clinical_dpo.grading.scores import Answers
from clinical_dpo.statistics.resampling import Interval, bootstrap, swap_p


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
