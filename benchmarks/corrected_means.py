"""Rows of coverage of the intervals of means and differences that raters' samples correct (`benchmarks.coverage`)."""

from collections.abc import Iterator, Sequence
from functools import cache

import numpy as np
from scipy.special import ndtri

from clinical_dpo.statistics.intervals import Interval, agreeing, clopper_pearson, newcombe_paired
from clinical_dpo.statistics.paired_tests import mcnemar_exact, paired_counts
from clinical_dpo.statistics.prediction_powered import can_correct, corrected_difference, corrected_mean, tuned_mean

ITEMS = 410  # of which raters grade some, and the judge all
RATED = (80, 160)
ACCURACIES = (0.6, 0.8, 0.95)
JUDGES = {  # judge -> share of right answers that it calls right, and of wrong answers that it calls wrong
    "good": (0.93, 0.88),
    "poor": (0.7, 0.6),
    "lenient": (0.98, 0.35),
    "harsh": (0.6, 0.98),
    "random": (0.5, 0.5),
}
# Judge -> the same for answers of the first variant, and for those of the second variant.
JUDGES_OF_PAIRS = {
    "good": (JUDGES["good"], JUDGES["good"]),
    "poor": (JUDGES["poor"], JUDGES["poor"]),
    "lenient": (JUDGES["lenient"], JUDGES["lenient"]),
    "prefers the first": ((0.98, 0.4), (0.85, 0.9)),
}
PAIRED = ((0.8, 0.8), (0.85, 0.75), (0.95, 0.9))
SHARED = 0.7  # share of items on which both variants share a random draw

Row = Sequence[object]


exact_interval = cache(clopper_pearson)


@cache
def paired_interval(both: int, b: int, c: int, neither: int) -> Interval:
    """The interval of a difference of shares in the tables of a run."""
    effect = (b - c) / (both + b + c + neither)
    return agreeing(newcombe_paired(both, b, c, neither), effect, mcnemar_exact(b, c))


def verdicts(generator: np.random.Generator, right: np.ndarray, judge: tuple[float, float]) -> np.ndarray:
    """A judge's verdicts on answers, right (1) or wrong (0)."""
    sensitivity, specificity = judge
    draws = generator.random(right.shape)
    return np.where(right > 0, draws < sensitivity, draws >= specificity).astype(float)


def ppi_interval(raters: np.ndarray, judge: np.ndarray, others: np.ndarray) -> tuple[float, float]:
    """The published 95% interval of PPI++: estimate -+ z standard errors, without a correction for small samples."""
    estimate, weight = tuned_mean(raters, judge, others)
    error = np.sqrt(weight**2 * np.var(others) / len(others) + np.var(raters - weight * judge) / len(raters))
    half_width = float(ndtri(0.975)) * float(error)
    return estimate - half_width, estimate + half_width


def mean_rows(samples: int) -> Iterator[Row]:
    """Rows of coverage of one variant's share of right answers."""
    generator = np.random.default_rng(24)
    for rated in RATED:
        for name, judge in JUDGES.items():
            for accuracy in ACCURACIES:
                right = (generator.random((samples, ITEMS)) < accuracy).astype(float)
                judged = verdicts(generator, right, judge)
                rows = [
                    mean_limits(sample, own, others)
                    for sample, own, others in zip(right[:, :rated], judged[:, :rated], judged[:, rated:], strict=True)
                ]
                yield [name, accuracy, rated, *summary(np.array(rows), accuracy)]


def mean_limits(raters: np.ndarray, judge: np.ndarray, others: np.ndarray) -> tuple[float, ...]:
    """Limits of PPI++, of the sample alone and as shown, and whether the sample corrects the judge."""
    alone = exact_interval(int(raters.sum()), len(raters))
    if not can_correct(raters, judge, len(others)):
        return (*ppi_interval(raters, judge, others), *alone, *alone, 0.0)
    shown = corrected_mean(raters, judge, others, (0, 1)).interval
    return (*ppi_interval(raters, judge, others), *alone, *shown, 1.0)


def difference_rows(samples: int) -> Iterator[Row]:
    """Rows of coverage of the difference of two variants' shares of right answers."""
    generator = np.random.default_rng(25)
    for rated in RATED:
        for name, judges in JUDGES_OF_PAIRS.items():
            for accuracies in PAIRED:
                draws = np.broadcast_to(generator.random((samples, ITEMS)), (2, samples, ITEMS))
                own = generator.random((2, samples, ITEMS))
                draws = np.where(generator.random((samples, ITEMS)) < SHARED, draws, own)
                right = [(draw < accuracy).astype(float) for draw, accuracy in zip(draws, accuracies, strict=True)]
                judged = [verdicts(generator, each, judge) for each, judge in zip(right, judges, strict=True)]
                difference = judged[0] - judged[1]
                rows = [
                    difference_limits(first, second, both[:rated], both[rated:])
                    for first, second, both in zip(right[0][:, :rated], right[1][:, :rated], difference, strict=True)
                ]
                truth = accuracies[0] - accuracies[1]
                yield [name, f"{accuracies[0]:.2f}, {accuracies[1]:.2f}", rated, *summary(np.array(rows), truth)]


def difference_limits(
    first: np.ndarray, second: np.ndarray, judge: np.ndarray, others: np.ndarray
) -> tuple[float, ...]:
    """The same as `mean_limits` for a difference."""
    sample, counts = first - second, paired_counts(first.tolist(), second.tolist())
    alone = paired_interval(*counts)
    if not can_correct(sample, judge, len(others)):
        return (*ppi_interval(sample, judge, others), *alone, *alone, 0.0)
    shown = corrected_difference(sample, judge, others, [0.95]).intervals[0]
    return (*ppi_interval(sample, judge, others), *alone, *shown, 1.0)


def summary(rows: np.ndarray, truth: float) -> list[str]:
    """Three coverages; the share of corrected samples; width as shown, beside that of the sample alone.

    Args:
        rows: (samples, 7) limits of a first interval, of the sample alone and as shown, and whether it is corrected.
        truth: the true value.
    """
    limits = [rows[:, start : start + 2] for start in (0, 2, 4)]
    covered = [np.mean((low <= truth + 1e-12) & (truth - 1e-12 <= high)) for low, high in (each.T for each in limits)]
    widths = [np.mean(each[:, 1] - each[:, 0]) for each in limits]
    shares = [f"{share:.4f}" for share in covered]
    return [*shares, f"{np.mean(rows[:, 6]):.0%}", f"{widths[2] / widths[1]:.2f}"]
