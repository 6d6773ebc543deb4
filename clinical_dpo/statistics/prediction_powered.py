"""Estimate the mean of raters' grades from a rated sample and a judge's grades of all items.

The method is prediction-powered inference. The judge, a language model, is cheap and biased. The raters' grades of a
random sample show the judge's bias. The corrected mean is the judge's mean of the unrated items, plus the raters' mean
of the sample, minus the judge's mean of the sample. In this sum the judge's grades have a weight from 0 to 1, which is
tuned on the data. The corrected mean has no bias, however poor the judge is. If raters and judge correlate, the
corrected mean has a smaller standard error than the raters' mean of the sample.

Items of a group, such as the visits of a patient, are not independent. If the items are in groups, the variance is
cluster-robust: the contributions of all items of a group, rated and unrated, are summed before they are squared.
`benchmarks/coverage_corrected_groups.md` reports how often the intervals contain the true mean.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import betaincinv, ndtri, stdtr, stdtrit

from clinical_dpo.statistics.groups import Groups
from clinical_dpo.statistics.intervals import LEVEL, SAME, Interval

# With fewer rated items the interval of a corrected mean may miss the true mean too often.
SMALLEST_SAMPLE = 80
# Fewer rated items on which raters and judge differ tell too little about the judge's errors.
FEWEST_CORRECTIONS = 10


class SampleGroups(NamedTuple):
    """The groups of the rated items and of the unrated items.

    Attributes:
        rated: index of each rated item's group, shape (rated items,).
        others: index of each unrated item's group, shape (unrated items,).
    """

    rated: Groups
    others: Groups


class TunedMean(NamedTuple):
    """A power-tuned prediction-powered mean (`tuned_mean`), and the weight of the judge's grades, from 0 to 1."""

    estimate: float
    weight: float


class CorrectedMean(NamedTuple):
    """A mean of raters' grades that is estimated with a judge's grades.

    Attributes:
        estimate: the mean.
        weight: weight of the judge's grades, from 0 to 1.
        interval: interval of the mean.
    """

    estimate: float
    weight: float
    interval: Interval


class CorrectedDifference(NamedTuple):
    """The difference between two variants in the mean of the raters' grades, estimated with a judge's grades.

    Attributes:
        estimate: the difference.
        weight: weight of the judge's grades, from 0 to 1.
        intervals: one interval for each requested confidence level.
        p_value: two-sided P of the hypothesis that there is no difference. P is below 1 - level if and only if the
            interval with this confidence level excludes zero.
    """

    estimate: float
    weight: float
    intervals: list[Interval]
    p_value: float


def corrections(raters: Sequence[float] | np.ndarray, judge: Sequence[float] | np.ndarray) -> int:
    """The number of rated items to which the raters and the judge gave different grades.

    Args:
        raters, judge: the raters' and the judge's grades of the rated items, in the same order.
    """
    return int(np.sum(np.abs(np.subtract(raters, judge)) > SAME))


def can_correct(
    raters: Sequence[float] | np.ndarray,
    judge: Sequence[float] | np.ndarray,
    others: int,
    groups: SampleGroups | None = None,
) -> bool:
    """Whether the interval of a corrected mean would contain the true mean about as often as its level says.

    Four conditions must hold. There are at least SMALLEST_SAMPLE rated items. Raters and judge differ on at least
    FEWEST_CORRECTIONS of the rated items. The judge also grades at least two items that are not rated. The raters'
    grades are not all equal.

    Args:
        raters, judge: the raters' and the judge's grades of the rated items, in the same order.
        others: number of items that only the judge grades.
        groups: groups of the items; None for independent items. With groups, the first two conditions count groups:
            those with a rated item, and those with an item on which raters and judge differ.
    """
    units = np.arange(len(raters)) if groups is None else groups.rated
    differ = np.abs(np.subtract(raters, judge)) > SAME
    return (
        others > 1
        and len(np.unique(units)) >= SMALLEST_SAMPLE
        and len(np.unique(units[differ])) >= FEWEST_CORRECTIONS
        and float(np.ptp(raters)) > SAME
    )


def tuned_mean(
    raters: Sequence[float] | np.ndarray, judge: Sequence[float] | np.ndarray, others: Sequence[float] | np.ndarray
) -> TunedMean:
    """The power-tuned prediction-powered mean (PPI++: Angelopoulos, Duchi & Zrnic 2023, arXiv:2311.01453).

    The mean is power-tuned: the weight of the judge's grades is the number from 0 to 1 that makes the estimated
    variance of the mean smallest. Estimate and weight equal those of `ppi_mean_pointestimate` of ppi-python 0.2.3. This
    project does not depend on that package, because the package needs numba, which takes a second to import and pins
    NumPy.

    Args:
        raters: raters' grades of the sample, shape (rated items,).
        judge: the judge's grades of the sample, in the same order, shape (rated items,).
        others: the judge's grades of all unrated items, shape (unrated items,).
    """
    y, predicted, rest = (np.asarray(values, dtype=float) for values in (raters, judge, others))
    spread = float(np.var(np.concatenate([predicted, rest]), ddof=1))
    covariance = float(np.mean((y - y.mean()) * (predicted - predicted.mean())))
    weight = 0.0 if spread < SAME else covariance / ((1 + len(y) / len(rest)) * spread)
    weight = min(max(weight, 0.0), 1.0)
    return TunedMean(float(weight * rest.mean() + (y - weight * predicted).mean()), weight)


def corrected_mean(
    raters: Sequence[float] | np.ndarray,
    judge: Sequence[float] | np.ndarray,
    others: Sequence[float] | np.ndarray,
    scale: tuple[float, float],
    level: float = LEVEL,
    groups: SampleGroups | None = None,
) -> CorrectedMean:
    """The power-tuned prediction-powered mean (`tuned_mean`), with an interval for small samples.

    PPI++'s own interval is the estimate plus or minus z standard errors. In small samples it contains the true mean too
    rarely, above all near the ends of the scale. This function therefore uses the interval of Korn & Graubard (1998,
    Surv Methodol 24:193-201) for shares in complex surveys: Clopper and Pearson's interval for the effective sample
    size. The effective size takes account of the degrees of freedom. For n rated items there are n - 2 degrees of
    freedom, because both the mean and the weight of the judge's grades are estimated.
    `benchmarks/coverage_corrected.md` reports how often the interval contains the true mean.

    Args:
        raters, judge, others: as for `tuned_mean`. The raters' grades must not all be equal.
        scale: lowest and highest possible grade. The estimate is limited to the scale.
        level: confidence level of the interval.
        groups: groups of the items; None for independent items. With groups, n is the number of groups with rated
            items.
    """
    estimate, weight = tuned_mean(raters, judge, others)
    low, high = scale
    width = high - low
    share = (float(np.mean(raters)) - low) / width
    variance, units = _variance(raters, judge, others, weight, groups)
    size = share * (1 - share) * width**2 / variance
    size *= float(ndtri((1 + level) / 2) / stdtrit(units - 2, (1 + level) / 2)) ** 2
    at = min(max((estimate - low) / width, 0.0), 1.0)
    successes, failures, tail = size * at, size * (1 - at), (1 - level) / 2
    lowest = float(betaincinv(successes, failures + 1, tail)) if successes > 0 else 0.0
    highest = float(betaincinv(successes + 1, failures, 1 - tail)) if failures > 0 else 1.0
    return CorrectedMean(low + width * at, weight, (low + width * lowest, low + width * highest))


def corrected_difference(
    raters: Sequence[float] | np.ndarray,
    judge: Sequence[float] | np.ndarray,
    others: Sequence[float] | np.ndarray,
    levels: Sequence[float],
    groups: SampleGroups | None = None,
) -> CorrectedDifference:
    """The power-tuned prediction-powered mean of paired differences (`tuned_mean`), with intervals for small samples.

    A pair is the two variants' grades of one item. Most pairs have the difference 0, so a plain t interval contains the
    true difference too rarely. This function therefore adds two pairs to the n rated pairs, as Agresti & Min (2005,
    Stat Med 24:729-740) do for paired shares: half a pair with the difference 1, half a pair with the difference -1,
    and one pair with the difference 0. The interval is a t interval with n - 2 degrees of freedom, because both the
    mean and the weight of the judge's grades are estimated. `benchmarks/coverage_corrected_difference.md` reports how
    often the interval contains the true difference.

    Args:
        raters, judge, others: as for `tuned_mean`, but differences of two variants' grades, first minus second.
        levels: confidence levels of the intervals.
        groups: groups of the items; None for independent items. With groups, n is the number of groups with rated
            items, and the function adds two groups instead of two pairs.
    """
    estimate, weight = tuned_mean(raters, judge, others)
    variance, units = _variance(raters, judge, others, weight, groups, more_pairs=True)
    error, centre = math.sqrt(variance), estimate * units / (units + 2)
    distances = [float(stdtrit(units - 2, (1 + level) / 2)) * error for level in levels]
    intervals: list[Interval] = [(centre - distance, centre + distance) for distance in distances]
    return CorrectedDifference(estimate, weight, intervals, float(2 * stdtr(units - 2, -abs(centre) / error)))


def _variance(
    raters: Sequence[float] | np.ndarray,
    judge: Sequence[float] | np.ndarray,
    others: Sequence[float] | np.ndarray,
    weight: float,
    groups: SampleGroups | None,
    more_pairs: bool = False,
) -> tuple[float, int]:
    """Variance of a tuned mean, and the number of independent units in the sample: items, or groups.

    If the items are in groups, the variance is at least the variance for independent items.

    Args:
        raters, judge, others: as for `tuned_mean`.
        weight: weight of the judge's grades.
        groups: groups of the items; None for independent items.
        more_pairs: whether to compute the variance with two further units (items, or groups) in the sample.
            `corrected_difference` needs and explains them. The returned number of units does not include them.
    """
    y, predicted, rest = (np.asarray(values, dtype=float) for values in (raters, judge, others))
    residuals, judged = y - weight * predicted, np.concatenate([predicted, rest])
    judge_variance = weight**2 * float(np.var(judged, ddof=1)) / len(rest)

    def unbiased(squares: float, n: int) -> float:
        """Return the variance of an estimate from n units (items or groups), with n - 2 degrees of freedom.

        If `more_pairs` (argument of `_variance`) is true, this function adds two further units, which
        `corrected_difference` explains. The variance is then that of an estimate from n + 2 units. The degrees of
        freedom remain n - 2.

        Args:
            squares: sum of the squared contributions of the n units to the estimate.
            n: number of units, without the two further units.
        """
        return (squares + 1 / n**2) * n**2 / (n**2 - 4) if more_pairs else squares * n / (n - 2)

    variance = unbiased(float(np.var(residuals)) / len(y), len(y)) + judge_variance
    if groups is None:
        return variance, len(y)
    parts = [
        (groups.rated, (residuals - residuals.mean()) / len(y)),
        (groups.others, weight * (rest - rest.mean()) / len(rest)),
    ]
    size = 1 + max(int(index.max()) for index, _ in parts)
    sums = sum(np.bincount(index, values, size) for index, values in parts)
    units = len(np.unique(groups.rated))
    return max(variance, unbiased(float(np.sum(np.square(sums))), units)), units
