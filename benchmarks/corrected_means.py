"""Simulate intervals of a judge's mean grades and their differences, corrected by raters, for independent items.

A judge grades all items, and raters grade a sample of them. `benchmarks.coverage` writes the results to its tables.
"""

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
    """Interval of a difference of shares of right answers, as the tables of a run show it.

    Args:
        both, b, c, neither: numbers of items answered rightly by both variants, only by the first, only by the second,
            and by none.
    """
    effect = (b - c) / (both + b + c + neither)
    return agreeing(newcombe_paired(both, b, c, neither), effect, mcnemar_exact(b, c))


def verdicts(generator: np.random.Generator, right: np.ndarray, judge: tuple[float, float]) -> np.ndarray:
    """Draw a judge's verdicts on answers: 1 for right, 0 for wrong.

    Args:
        generator: source of the draws.
        right: 1 for each right answer, 0 for each wrong answer.
        judge: share of right answers that the judge calls right, and share of wrong answers that it calls wrong.
    """
    sensitivity, specificity = judge
    draws = generator.random(right.shape)
    return np.where(right > 0, draws < sensitivity, draws >= specificity).astype(float)


def ppi_interval(raters: np.ndarray, judge: np.ndarray, others: np.ndarray) -> tuple[float, float]:
    """The published 95% interval of PPI++ (prediction-powered inference): estimate -+ z standard errors.

    It has no correction for small samples.

    Args:
        raters: the raters' grades of the sample.
        judge: the judge's grades of the same sample.
        others: the judge's grades of all other items.
    """
    estimate, weight = tuned_mean(raters, judge, others)
    error = np.sqrt(weight**2 * np.var(others) / len(others) + np.var(raters - weight * judge) / len(raters))
    half_width = float(ndtri(0.975)) * float(error)
    return estimate - half_width, estimate + half_width


def mean_rows(samples: int) -> Iterator[Row]:
    """Yield the table's rows: how often intervals of one variant's share of right answers contain the true share.

    Args:
        samples: number of simulated test sets per row.
    """
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
    """Limits of three intervals of one variant's share of right answers, from one test set.

    Args:
        raters, judge, others: as in `ppi_interval`.

    Returns:
        The limits of the interval of PPI++, of the interval from the rated items alone, and of the interval that a run
        shows. The seventh number is 1 if the raters' sample can correct the judge, else 0.
    """
    alone = exact_interval(int(raters.sum()), len(raters))
    if not can_correct(raters, judge, len(others)):
        return (*ppi_interval(raters, judge, others), *alone, *alone, 0.0)
    shown = corrected_mean(raters, judge, others, (0, 1)).interval
    return (*ppi_interval(raters, judge, others), *alone, *shown, 1.0)


def difference_rows(samples: int) -> Iterator[Row]:
    """Yield the table's rows: how often intervals of a difference of right answers contain the true difference.

    Args:
        samples: number of simulated test sets per row.
    """
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
    """Limits of three intervals of the difference of two variants' shares of right answers, from one test set.

    Args:
        first, second: the raters' grades of the sample, for the first and the second variant.
        judge: the judge's grade of the first variant minus that of the second, for each item of the sample.
        others: the same differences for all other items.

    Returns:
        Seven numbers as in `mean_limits`.
    """
    sample, counts = first - second, paired_counts(first.tolist(), second.tolist())
    alone = paired_interval(*counts)
    if not can_correct(sample, judge, len(others)):
        return (*ppi_interval(sample, judge, others), *alone, *alone, 0.0)
    shown = corrected_difference(sample, judge, others, [0.95]).intervals[0]
    return (*ppi_interval(sample, judge, others), *alone, *shown, 1.0)


def summary(rows: np.ndarray, truth: float) -> list[str]:
    """Five cells of a table's row: coverage of three intervals, share of corrected test sets, ratio of mean widths.

    The ratio is the width of the interval that a run shows, divided by that of the interval from the rated items alone.

    Args:
        rows: array of shape (test sets, 7). Each row is from `mean_limits` or `difference_limits`.
        truth: the true value, which an interval should contain.
    """
    limits = [rows[:, start : start + 2] for start in (0, 2, 4)]
    covered = [np.mean((low <= truth + 1e-12) & (truth - 1e-12 <= high)) for low, high in (each.T for each in limits)]
    widths = [np.mean(each[:, 1] - each[:, 0]) for each in limits]
    shares = [f"{share:.4f}" for share in covered]
    return [*shares, f"{np.mean(rows[:, 6]):.0%}", f"{widths[2] / widths[1]:.2f}"]
