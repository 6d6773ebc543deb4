"""Samples of test items in groups, for the simulation of coverage."""

from collections.abc import Sequence

import numpy as np
from scipy.special import expit

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
    """Lower limit, upper limit and P of a difference of right answers: first with groups, then without.

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
    """Lower limit, upper limit and P of a difference of F1: first with groups, then without.

    Args:
        positive: whether each item's label is positive.
        first, second: whether each answer of the first and of the second variant is right.
        groups: number of each item's group.
        classes: names of the positive and of the negative class.
    """
    named = [np.where(of, *classes).tolist() for of in (positive, first == positive, second == positive)]
    effects = [f1_difference(*named, classes, 1, groups=each) for each in (groups, None)]
    return tuple(number for each in effects for number in (*each.interval, each.p_permutation))
