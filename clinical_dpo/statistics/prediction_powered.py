"""Means of raters' grades, from grades of a sample and a judge's grades of all items (prediction-powered inference).

The judge is cheap and biased. The raters' grades of a random sample show its bias. The corrected mean is the judge's
mean of the other items, plus the raters' mean of the sample minus the judge's mean of the sample. The judge's grades
have a weight that the data tune. The corrected mean has no bias, however poor the judge is. Its standard error is
smaller than that of the sample alone if raters and judge correlate.

Items of a group, such as the visits of a patient, are not independent. The variance is then cluster-robust: each group
counts with the sum of what its rated and its other items add to the estimate. `benchmarks/coverage_corrected_groups.md`
has the coverage.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import betaincinv, ndtri, stdtr, stdtrit

from clinical_dpo.statistics.groups import Groups
from clinical_dpo.statistics.intervals import LEVEL, SAME, Interval

SMALLEST_SAMPLE = 80  # items; with fewer rated items the interval of a corrected mean may miss the truth too often
FEWEST_CORRECTIONS = 10  # rated items on which raters and judge differ; fewer tell too little about the judge's errors


class SampleGroups(NamedTuple):
    """The groups of items: index of the group of each rated item (n,), and of each other item (N,)."""

    rated: Groups
    others: Groups


class TunedMean(NamedTuple):
    """A power-tuned prediction-powered mean: the estimate, and the weight of the judge's grades from 0 to 1."""

    estimate: float
    weight: float


class CorrectedMean(NamedTuple):
    """A corrected mean with its interval, and the weight of the judge's grades from 0 to 1."""

    estimate: float
    weight: float
    interval: Interval


class CorrectedDifference(NamedTuple):
    """A corrected difference of means.

    Attributes:
        estimate: the difference.
        weight: of the judge's grades, from 0 to 1.
        intervals: one for each requested level.
        p_value: two-sided P of no difference. It is below 1 - level exactly if the interval of that level excludes
            zero.
    """

    estimate: float
    weight: float
    intervals: list[Interval]
    p_value: float


def corrections(raters: Sequence[float] | np.ndarray, judge: Sequence[float] | np.ndarray) -> int:
    """The number of rated items on which raters and judge differ."""
    return int(np.sum(np.abs(np.subtract(raters, judge)) > SAME))


def can_correct(
    raters: Sequence[float] | np.ndarray,
    judge: Sequence[float] | np.ndarray,
    others: int,
    groups: SampleGroups | None = None,
) -> bool:
    """Whether the interval of a corrected mean has about its stated coverage.

    Args:
        raters, judge: grades of the rated items by both.
        others: number of items that only the judge grades.
        groups: groups of the items. Groups then count instead of items: those with rated items, and those with
            corrections.
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

    Estimate and weight equal those of `ppi_mean_pointestimate` of ppi-python 0.2.3. That package needs numba, which
    takes a second to import and pins NumPy, so this project does not depend on it.

    Args:
        raters: raters' grades of the sample (n,).
        judge: the judge's grades of the sample (n,), in the same order.
        others: the judge's grades of all other items (N,).
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
    """The power-tuned mean with an interval for small samples.

    PPI++'s interval, estimate -+ z standard errors, contains the true mean too rarely in small samples, above all near
    the ends of the scale. This interval is that of Korn & Graubard (1998, Surv Methodol 24:193-201) for shares in
    complex surveys: Clopper and Pearson's with the effective sample size, which counts degrees of freedom (here n - 2,
    because the weight is estimated too). `benchmarks/coverage_corrected.md` has its coverage.

    Args:
        raters, judge, others: as for `tuned_mean`; the raters' grades are not all equal.
        scale: lowest and highest possible grade. The estimate is limited to the scale.
        level: of the interval.
        groups: groups of the items; None for independent items. The degrees of freedom are then those of the groups
            with rated items.
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
    """The power-tuned mean of paired differences, with intervals for small samples.

    Few pairs differ, so the plain t interval contains the true difference too rarely. As Agresti & Min (2005, Stat Med
    24:729-740) do for paired shares, the interval counts two more pairs: half a pair with the difference 1, half a pair
    with -1, and one without a difference. It is a t interval with n - 2 degrees of freedom, because the weight is
    estimated too. `benchmarks/coverage_corrected_difference.md` has its coverage.

    Args:
        raters, judge, others: differences of grades, first variant minus second; see `tuned_mean`.
        levels: of the intervals.
        groups: groups of the items; None for independent items. The interval then counts two more groups, and n is the
            number of groups with rated items.
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

    Groups lower no variance: it is at least that of independent items.

    Args:
        raters, judge, others: as for `tuned_mean`.
        weight: of the judge's grades.
        groups: groups of the items; None for independent items.
        more_pairs: whether two more pairs count, as in `corrected_difference`.
    """
    y, predicted, rest = (np.asarray(values, dtype=float) for values in (raters, judge, others))
    residuals, judged = y - weight * predicted, np.concatenate([predicted, rest])
    judge_variance = weight**2 * float(np.var(judged, ddof=1)) / len(rest)

    def unbiased(squares: float, n: int) -> float:
        """The variance from the sum of the squares of what n units add to the estimate."""
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
