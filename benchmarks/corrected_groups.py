"""Rows of coverage of corrected means and differences of test items in groups (`benchmarks.coverage`)."""

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
    """True share of right answers over all groups, for each logit."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    return [float(expit(logit + GROUP_SD * nodes) @ weights / weights.sum()) for logit in logits]


def grouped_verdicts(
    generator: np.random.Generator, right: np.ndarray, judge: tuple[float, float], codes: Groups
) -> np.ndarray:
    """A judge's verdicts on answers. It errs alike on items of a group: half of the variance of its draws is shared."""
    draws = ndtr((generator.normal(size=codes.max() + 1)[codes] + generator.normal(size=len(codes))) / 2**0.5)
    sensitivity, specificity = judge
    return np.where(right, draws < sensitivity, draws >= specificity).astype(float)


def drawn(generator: np.random.Generator, groups: int, logits: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """Right answers of two variants (2, ITEMS) and the groups, in random order. The first RATED are the sample."""
    _, first, second, codes = grouped_sample(generator, ITEMS, groups, logits, 0.5)
    order = generator.permutation(ITEMS)
    return np.array([first, second])[:, order], codes[order]


def mean_rows(samples: int) -> Iterator[Row]:
    """Rows of coverage of one variant's share of right answers."""
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
    """Limits as if items were independent, of the sample alone and as shown, and whether the sample corrects."""
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
    """Rows of coverage of the difference of two variants' shares of right answers."""
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
    """The same as `mean_limits` for a difference."""
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
