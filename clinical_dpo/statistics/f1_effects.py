"""F1 and its paired differences, with intervals and a permutation test.

F1 = 2 J / (1 + J), where J = TP / (TP + FP + FN) is a proportion: the share of true positives among the items that have
the class as their label or as their answer. The interval of F1 is therefore a score interval of J, transformed to F1.
MOVER (`intervals.mover_interval`) computes the interval of the difference between two F1 values from their two
intervals. Newcombe's interval of the difference of two proportions is computed in the same way. If items are in groups,
the intervals are those of `clustered`, and the permutation test swaps the answers to all items of a group at once.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from clinical_dpo.grading.scores import INVALID, Answers, confusion_counts, f1
from clinical_dpo.statistics.clustered import Ratio, combined_interval, ratio, swap_p
from clinical_dpo.statistics.f1_permutation import exact_p, macro_p
from clinical_dpo.statistics.groups import Groups
from clinical_dpo.statistics.intervals import LEVEL, Interval, agreeing, mover_correlation, mover_interval, wilson


def _joint_counts(labels: Sequence[str], first: Answers, second: Answers, classes: Sequence[str]) -> np.ndarray:
    """Count the items of every combination of true label, first variant's answer and second variant's answer.

    Returns:
        An array of shape (classes, classes + 1, classes + 1). Entry (i, j, l) is the number of items with label i, the
        first variant's answer j and the second variant's answer l. Answers without a label have the last index.
    """
    counts = np.zeros((len(classes), len(classes) + 1, len(classes) + 1), dtype=int)
    np.add.at(counts, tuple(_codes(names, classes) for names in (labels, first, second)), 1)
    return counts


def _codes(names: Answers, classes: Sequence[str]) -> np.ndarray:
    """Index of each name in `classes`, an array of shape (items,). None and "" have the index len(classes)."""
    with_invalid = [*classes, INVALID]
    return np.array([with_invalid.index(name or INVALID) for name in names], dtype=int)


def f1_interval(
    labels: Sequence[str], parsed: Answers, classes: Sequence[str], level: float = LEVEL, groups: Groups | None = None
) -> Interval:
    """Interval of the first class's F1, computed from Wilson's interval of the share TP / (TP + FP + FN).

    Lam et al. (2023, arXiv:2309.14621) call this interval "Wilson indirect". It is (None, None) if F1 is not defined,
    because no item has the first class as its true label or as its parsed label.

    Args:
        labels: the true label of each item.
        parsed: the label parsed from each answer; None or "" for an answer without a label.
        classes: all labels of the task. F1 is computed for the first one.
        level: confidence level.
        groups: index of each item's group, an array of shape (items,); None for independent items.
    """
    if groups is not None:
        first = _class_ratios(labels, parsed, classes, groups, level)[0]
        return combined_interval([first], [1.0], _f1_from_j)
    counts = confusion_counts(labels, parsed, classes)
    return _interval(counts[..., np.newaxis], [(0, 0)], [1.0], level)


def macro_f1_interval(
    labels: Sequence[str],
    parsed: Answers,
    classes: Sequence[str],
    level: float = LEVEL,
    groups: Groups | None = None,
    *,
    weighted: bool = False,
) -> Interval:
    """Interval of the classes' mean F1, by MOVER (`intervals.mover_interval`) from the interval of each class's F1.

    Classes without a defined F1 are left out. If there are no items, the interval is (None, None).

    Args:
        labels, parsed, level, groups: as for `f1_interval`.
        classes: all labels of the task, in any order.
        weighted: whether each class is weighted by its number of items, as in weighted F1.
    """
    counts = confusion_counts(labels, parsed, classes)
    shares = counts.sum(axis=1) if weighted else np.ones(len(classes))
    shares = np.where(np.isnan(f1(counts)), 0, shares)
    chosen = np.flatnonzero(shares).tolist()
    if not chosen:
        return None, None
    weights = (shares[chosen] / shares.sum()).tolist()
    if groups is not None:
        ratios = _class_ratios(labels, parsed, classes, groups, level)
        return combined_interval([ratios[index] for index in chosen], weights, _f1_from_j, lowest=0.0)
    return _interval(counts[..., np.newaxis], [(0, index) for index in chosen], weights, level, lowest=0.0)


class F1Difference(NamedTuple):
    """F1 of the first variant minus F1 of the second. All values are None if a variant's F1 is not defined (0 / 0)."""

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
    groups: Groups | None = None,
) -> F1Difference:
    """Difference of F1 between two variants that answered the same items, with interval and P.

    With two classes it is the difference of the positive class's F1. With more classes it is the difference of macro
    F1. `f1_differences` describes the interval and P.

    Args:
        labels: the true label of each item.
        first: the label parsed from each of the first variant's answers; None or "" for an answer without a label.
        second: the labels parsed from the second variant's answers, as in `first`.
        classes: the positive class, then the other classes.
        seed: seed of the random swaps.
        level: confidence level.
        groups: index of each item's group, an array of shape (items,); None for independent items.
    """
    return f1_differences(labels, first, second, classes, seed, [level], macro=len(classes) > 2, groups=groups)[0]


def f1_differences(
    labels: Sequence[str],
    first: Answers,
    second: Answers,
    classes: Sequence[str],
    seed: int,
    levels: Sequence[float],
    *,
    macro: bool,
    groups: Groups | None = None,
) -> list[F1Difference]:
    """Difference of macro F1, or of the positive class's F1, with one P and an interval at each level.

    MOVER (`intervals.mover_interval`) computes the intervals from the interval of each F1 value and the correlations
    between the F1 values. The correlations are computed over the items, or over the groups if there are groups. They
    have a continuity correction, as in Newcombe's interval. If an interval contradicts P, the limit that is closer to
    zero is changed (`intervals.agreeing`).

    P is that of a permutation test. Under the null hypothesis the two answers to an item can be swapped (approximate
    randomization: Noreen 1989; Yeh 2000 for F1). An exact test covers all possible swaps. For independent items, the
    test of the positive class's F1 is always exact, and the test of macro F1 is exact for up to 13 items. For items in
    groups, both tests are exact for up to 13 groups. A test that is not exact uses 10,000 permutations: the observed
    one and 9,999 random ones.

    Args:
        labels: the true label of each item.
        first: the label parsed from each of the first variant's answers; None or "" for an answer without a label.
        second: the labels parsed from the second variant's answers, as in `first`.
        classes: the positive class, then the other classes.
        seed: seed of the random swaps.
        levels: confidence levels.
        macro: True compares the mean of all classes' F1, False the positive class's F1.
        groups: index of each item's group, an array of shape (items,); None for independent items. With groups, the
            test swaps all answers to the items of a group at once.

    Returns:
        One result for each confidence level, in the order of `levels`. All results have the same difference and P, but
        different intervals.
    """
    counts = _joint_counts(labels, first, second, classes)
    scores = [f1(counts.sum(axis=axis)) for axis in (2, 1)]
    defined = [~np.isnan(score) for score in scores]
    if not macro:
        terms, weights = [(0, 0), (1, 0)], [1.0, -1.0]
        difference = float(scores[0][0] - scores[1][0])
    else:
        terms = [(variant, index) for variant in (0, 1) for index in range(len(classes)) if defined[variant][index]]
        weights = [(1 - 2 * variant) / int(defined[variant].sum()) for variant, _ in terms]
        difference = float(np.nanmean(scores[0]) - np.nanmean(scores[1]))
    if np.isnan(difference):
        return [F1Difference(None, (None, None), None) for _ in levels]
    if groups is not None:
        p = _grouped_p(labels, first, second, classes if macro else classes[:1], groups, seed)
    elif macro:
        p = macro_p(_codes(labels, classes), _codes(first, classes), _codes(second, classes), len(classes), seed)
    else:
        p = exact_p(counts)

    def interval(level: float) -> Interval:
        if groups is None:
            return _interval(counts, terms, weights, level)
        ratios = [_class_ratios(labels, answers, classes, groups, level) for answers in (first, second)]
        return combined_interval([ratios[variant][index] for variant, index in terms], weights, _f1_from_j)

    return [F1Difference(difference, agreeing(interval(level), difference, p, level), p) for level in levels]


def _class_ratios(
    labels: Sequence[str], parsed: Answers, classes: Sequence[str], groups: Groups, level: float
) -> list[Ratio]:
    """J = TP / (TP + FP + FN) of each class, with an interval for items in groups.

    Args:
        labels: the true label of each item.
        parsed: the label parsed from each answer; None or "" for an answer without a label.
        classes: the classes.
        groups: index of each item's group, an array of shape (items,).
        level: confidence level.
    """
    return [
        ratio(hits, union, groups, level) for hits, union, _ in (_class_items(labels, parsed, name) for name in classes)
    ]


def _class_items(labels: Sequence[str], parsed: Answers, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Compare each item's true label and parsed label with the class `name`.

    Returns:
        Three arrays of shape (items,). The first is 1 where both labels are the class, otherwise 0. The second is 1
        where at least one of the two labels is the class, otherwise 0. The third is how many of the two labels are the
        class: 0, 1 or 2.
    """
    labelled, answered = (np.array([each == name for each in names], dtype=float) for names in (labels, parsed))
    return labelled * answered, np.maximum(labelled, answered), labelled + answered


def _grouped_p(
    labels: Sequence[str], first: Answers, second: Answers, classes: Sequence[str], groups: Groups, seed: int
) -> float:
    """P of a permutation test for items in groups.

    A permutation swaps the two variants' answers in some of the groups. In such a group, it swaps the answers to all
    items.

    Args:
        labels, first, second, groups, seed: as for `f1_differences`.
        classes: the classes whose mean F1 is compared.
    """

    def sums(parsed: Answers) -> np.ndarray:
        """Numerators and denominators of F1, summed over the items of each group, of shape (groups, 2 x classes).

        The first half of the columns has the numerators: for each class, 2 TP. The second half has the denominators:
        for each class, 2 TP + FP + FN.
        """
        items = [_class_items(labels, parsed, name) for name in classes]
        columns = [2 * hits for hits, _, _ in items] + [total for _, _, total in items]
        return np.column_stack([np.bincount(groups, column) for column in columns])

    def macro(totals: np.ndarray) -> np.ndarray:
        numerator, total = totals[..., : len(classes)], totals[..., len(classes) :]
        undefined = 0.0 if len(classes) == 1 else np.nan  # the mean leaves out a class without labels and answers
        scores = np.divide(numerator, total, out=np.full(total.shape, undefined), where=total > 0)
        return np.nanmean(scores, axis=-1)

    return swap_p(macro, sums(first), sums(second), seed)


def _interval(
    counts: np.ndarray,
    terms: Sequence[tuple[int, int]],
    weights: Sequence[float],
    level: float,
    lowest: float = -1.0,
) -> Interval:
    """MOVER interval (`intervals.mover_interval`) of a weighted sum of F1 values, for independent items.

    Args:
        counts: numbers of items, an array of shape (classes, classes + 1, classes + 1). The axes are the true label,
            the first variant's answer and the second variant's answer. With a single variant the last axis has length
            1.
        terms: for each F1 of the sum, the index of the variant (0 or 1) and the index of the class.
        weights: weight of each F1.
        level: confidence level.
        lowest: the lowest possible value of the sum. The highest possible value is 1.
    """
    cells = np.indices(counts.shape)
    unions = [(cells[0] == index) | (cells[1 + variant] == index) for variant, index in terms]
    hits = [(cells[0] == index) & (cells[1 + variant] == index) for variant, index in terms]
    numbers = [(int(counts[hit].sum()), int(counts[union].sum())) for hit, union in zip(hits, unions, strict=True)]
    if any(in_union == 0 for _, in_union in numbers):
        return None, None
    # Residual of an item in the J of each term.
    residuals = np.array(
        [
            (hit - in_hits / in_union * union).ravel()
            for hit, union, (in_hits, in_union) in zip(hits, unions, numbers, strict=True)
        ]
    )
    signs = np.sign(weights)
    correlation = mover_correlation(residuals * counts.ravel() @ residuals.T, np.outer(signs, signs))
    estimates = [_f1_from_j(in_hits / in_union) for in_hits, in_union in numbers]
    intervals: list[Interval] = []
    for in_hits, in_union in numbers:
        low, high = wilson(in_hits, in_union, level)
        intervals.append((_f1_from_j(low or 0.0), _f1_from_j(1.0 if high is None else high)))
    return mover_interval(weights, estimates, intervals, correlation, lowest)


def _f1_from_j(j: float) -> float:
    return 2 * j / (1 + j)
