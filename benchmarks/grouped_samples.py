"""Simulate intervals of differences between two variants, for test items in groups.

`benchmarks.coverage` writes the results to its tables.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from scipy.special import expit

from benchmarks.coverage_measures import CLASSES, Row, coverage, f1_of
from benchmarks.seed_samples import ITEMS, POSITIVES
from clinical_dpo.statistics.clustered import share_difference
from clinical_dpo.statistics.f1_effects import f1_difference
from clinical_dpo.statistics.intervals import agreeing, newcombe_paired
from clinical_dpo.statistics.paired_tests import mcnemar_exact

GROUP_SD = 1.5  # SD between groups, on the logit scale


def grouped_sample(
    generator: np.random.Generator, items: int, groups: int, logits: Sequence[float], positives: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Draw test items in groups of different sizes.

    Half of the variance between groups, on the logit scale, is common to both variants.

    Args:
        generator: source of the draws.
        items, groups: number of items and of groups.
        logits: mean logit of a right answer, for the first and the second variant.
        positives: share of positive items.

    Returns:
        Four arrays over the items: whether the label is positive, whether the first variant is right, whether the
        second variant is right, and the number of the item's group.
    """
    codes = np.repeat(np.arange(groups), generator.multinomial(items, generator.dirichlet(np.full(groups, 2.0))))
    codes = np.unique(codes, return_inverse=True)[1]
    common = generator.normal(0, GROUP_SD / 2**0.5, groups)
    right = [
        generator.random(items) < expit(logit + common + generator.normal(0, GROUP_SD / 2**0.5, groups))[codes]
        for logit in logits
    ]
    return generator.random(items) < positives, right[0], right[1], codes


def difference_of_shares(first: np.ndarray, second: np.ndarray, groups: np.ndarray) -> tuple[float | None, ...]:
    """Lower limit, upper limit and P of a difference of right answers: first for grouped, then for independent items.

    Args:
        first, second: whether each answer of the first and of the second variant is right.
        groups: number of each item's group.
    """
    clustered = share_difference(first, second, groups)
    both, b, c = (int((x & y).sum()) for x, y in ((first, second), (first, ~second), (~first, second)))
    p = mcnemar_exact(b, c)
    interval = agreeing(newcombe_paired(both, b, c, len(groups) - both - b - c), clustered.effect, p)
    return *clustered.interval, clustered.p_value, *interval, p


def difference_of_f1(
    positive: np.ndarray, first: np.ndarray, second: np.ndarray, groups: np.ndarray, classes: Sequence[str]
) -> tuple[float | None, ...]:
    """Lower limit, upper limit and P of a difference of F1: first for grouped, then for independent items.

    Args:
        positive: whether each item's label is positive.
        first, second: whether each answer of the first and of the second variant is right.
        groups: number of each item's group.
        classes: names of the positive and of the negative class.
    """
    named = [np.where(of, *classes).tolist() for of in (positive, first == positive, second == positive)]
    effects = [f1_difference(*named, classes, 1, groups=each) for each in (groups, None)]
    return tuple(number for each in effects for number in (*each.interval, each.p_permutation))


def clustered_rows(samples: int, measure: str) -> Iterator[Row]:
    """Yield the table's rows for items in groups: coverage of intervals that respect and that ignore the groups.

    Args:
        samples: number of samples per row.
        measure: the compared measure, `right answers` or `F1`.
    """
    generator = np.random.default_rng(24)
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    for groups in (20, 60, 120):
        for logits in ((2.0, 2.0), (3.5, 3.5), (2.5, 2.0)):
            accuracies = [expit(logit + GROUP_SD * nodes) @ weights / weights.sum() for logit in logits]
            drawn = (grouped_sample(generator, ITEMS, groups, logits, POSITIVES) for _ in range(samples))
            if measure == "F1":
                limits = [difference_of_f1(*sample, CLASSES) for sample in drawn]
                first, second = (f1_of(accuracy, accuracy, POSITIVES) for accuracy in accuracies)
            else:
                limits = [difference_of_shares(*sample[1:]) for sample in drawn]
                first, second = accuracies
            low, high, p, *independent, independent_p = np.array(limits, dtype=float).T
            numbers = [coverage(low, high, first - second), np.mean(p < 0.05)]
            numbers += [coverage(*independent, first - second), np.mean(independent_p < 0.05)]
            yield [groups, "{:.2f}, {:.2f}".format(*accuracies), *(f"{number:.4f}" for number in numbers)]
