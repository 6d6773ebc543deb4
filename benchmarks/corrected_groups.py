"""Simulate intervals of a judge's mean grades and their differences, corrected by raters, for test items in groups.

A judge grades all items, and raters grade a sample of them. `benchmarks.coverage` writes the results to its tables.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from scipy.special import expit, ndtr

from benchmarks.corrected_means import ITEMS, JUDGES, JUDGES_OF_PAIRS, summary
from benchmarks.grouped_samples import GROUP_SD, grouped_sample
from clinical_dpo.statistics.clustered import ratio, share_difference
from clinical_dpo.statistics.groups import Groups
from clinical_dpo.statistics.prediction_powered import SampleGroups, can_correct, corrected_difference, corrected_mean

GROUPS = (120, 200)
RATED = 160
LOGITS = ((0.5, 0.5), (2.0, 2.0), (3.5, 3.0))  # of right answers of two variants
NAMES = ("good", "poor", "lenient", "harsh")  # judges of one variant

Row = Sequence[object]


def shares(logits: Sequence[float]) -> list[float]:
    """True share of right answers for each mean logit, averaged over the random effects of the groups."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    return [float(expit(logit + GROUP_SD * nodes) @ weights / weights.sum()) for logit in logits]


def grouped_verdicts(
    generator: np.random.Generator, right: np.ndarray, judge: tuple[float, float], codes: Groups
) -> np.ndarray:
    """Draw a judge's verdicts on answers: 1 for right, 0 for wrong.

    The judge errs alike on items of a group: half of the variance of its draws is common to the group.

    Args:
        generator: source of the draws.
        right: whether each answer is right.
        judge: share of right answers that the judge calls right, and share of wrong answers that it calls wrong.
        codes: number of each item's group.
    """
    draws = ndtr((generator.normal(size=codes.max() + 1)[codes] + generator.normal(size=len(codes))) / 2**0.5)
    sensitivity, specificity = judge
    return np.where(right, draws < sensitivity, draws >= specificity).astype(float)


def drawn(generator: np.random.Generator, groups: int, logits: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """Draw a test set: which answers of two variants are right, and the group of each item.

    Args:
        generator: source of the draws.
        groups: number of groups.
        logits: mean logit of a right answer, for each variant.

    Returns:
        An array of shape (2 variants, ITEMS) that is True for right answers, and an array with the number of each
        item's group. Items are in random order. The raters grade the first RATED items.
    """
    _, first, second, codes = grouped_sample(generator, ITEMS, groups, logits, 0.5)
    order = generator.permutation(ITEMS)
    return np.array([first, second])[:, order], codes[order]


def mean_rows(samples: int) -> Iterator[Row]:
    """Yield the table's rows: how often intervals of one variant's share of right answers contain the true share.

    Args:
        samples: number of simulated test sets per row.
    """
    generator = np.random.default_rng(26)
    for groups in GROUPS:
        for name in NAMES:
            for logits in LOGITS:
                limits = []
                for _ in range(samples):
                    right, codes = drawn(generator, groups, logits)
                    limits.append(
                        mean_limits(right[0], grouped_verdicts(generator, right[0], JUDGES[name], codes), codes)
                    )
                truth = shares(logits)[0]
                yield [groups, name, f"{truth:.2f}", *summary(np.array(limits), truth)]


def mean_limits(right: np.ndarray, judged: np.ndarray, codes: Groups) -> tuple[float, ...]:
    """Limits of three intervals of one variant's share of right answers, from one test set.

    Args:
        right: whether each answer is right.
        judged: the judge's verdict on each answer.
        codes: number of each item's group.

    Returns:
        The limits of the interval that ignores the groups, of the interval from the rated items alone, and of the
        interval that a run shows. The seventh number is 1 if the raters' sample can correct the judge, else 0.
    """
    raters, judge, others = right[:RATED].astype(float), judged[:RATED], judged[RATED:]
    alone = ratio(raters, np.ones(RATED), codes[:RATED]).interval
    independent = alone
    if can_correct(raters, judge, len(others)):
        independent = corrected_mean(raters, judge, others, (0, 1)).interval
    index = SampleGroups(codes[:RATED], codes[RATED:])
    if not can_correct(raters, judge, len(others), index):
        return (*independent, *alone, *alone, 0.0)
    return (*independent, *alone, *corrected_mean(raters, judge, others, (0, 1), groups=index).interval, 1.0)


def difference_rows(samples: int) -> Iterator[Row]:
    """Yield the table's rows: how often intervals of a difference of right answers contain the true difference.

    Args:
        samples: number of simulated test sets per row.
    """
    generator = np.random.default_rng(27)
    for groups in GROUPS:
        for name, judges in JUDGES_OF_PAIRS.items():
            for logits in LOGITS:
                limits = []
                for _ in range(samples):
                    right, codes = drawn(generator, groups, logits)
                    judged = [
                        grouped_verdicts(generator, each, judge, codes)
                        for each, judge in zip(right, judges, strict=True)
                    ]
                    limits.append(difference_limits(right, judged[0] - judged[1], codes))
                first, second = shares(logits)
                yield [groups, name, f"{first:.2f}, {second:.2f}", *summary(np.array(limits), first - second)]


def difference_limits(right: np.ndarray, judged: np.ndarray, codes: Groups) -> tuple[float, ...]:
    """Limits of three intervals of the difference of two variants' shares of right answers, from one test set.

    Args:
        right: whether each answer is right, an array of shape (2 variants, items).
        judged: for each item, the judge's verdict on the first variant's answer minus that on the second variant's.
        codes: number of each item's group.

    Returns:
        Seven numbers as in `mean_limits`.
    """
    first, second = right[:, :RATED].astype(float)
    raters, judge, others = first - second, judged[:RATED], judged[RATED:]
    alone = share_difference(first, second, codes[:RATED]).interval
    independent = alone
    if can_correct(raters, judge, len(others)):
        independent = corrected_difference(raters, judge, others, [0.95]).intervals[0]
    index = SampleGroups(codes[:RATED], codes[RATED:])
    if not can_correct(raters, judge, len(others), index):
        return (*independent, *alone, *alone, 0.0)
    return (*independent, *alone, *corrected_difference(raters, judge, others, [0.95], index).intervals[0], 1.0)
