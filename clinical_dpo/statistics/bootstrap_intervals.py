"""Bootstrap intervals, by scipy, for metrics whose interval has no closed formula."""

import warnings
from collections.abc import Callable

import numpy as np
from scipy.stats import DegenerateDataWarning, bootstrap, norm, t

from clinical_dpo.grading.scores import defined
from clinical_dpo.statistics.estimate import Estimate
from clinical_dpo.statistics.groups import Groups
from clinical_dpo.statistics.intervals import BLOCK, LEVEL, RESAMPLES, SAME, Interval

METHOD, CLUSTER_METHOD = "percentile_bootstrap", "cluster_bootstrap"
BASIC_METHOD, BASIC_CLUSTER_METHOD = "basic_bootstrap", "basic_cluster_bootstrap"
UNDEFINED = 0.05  # largest share of resamples without a value; with a larger share there is no interval

Statistic = Callable[[np.ndarray], np.ndarray]  # weights (resamples, items) -> (resamples,), NaN where not defined


def bootstrap_interval(statistic: Statistic, items: int, seed: int, groups: Groups | None = None) -> Interval:
    """95% percentile bootstrap interval (Efron & Tibshirani 1993, ch. 13) over 10,000 resamples of the items.

    The weight of an item in a resample is the number of times that the item is drawn. Resamples in which the statistic
    is not defined are left out. An example is a resample without an item of some class.

    If the items are in groups, whole groups are drawn, and a drawn group brings all its items (Field & Welsh 2007, J R
    Stat Soc B 69:369-390). With few groups, percentiles give too narrow an interval. The limits are therefore expanded
    percentiles (Hesterberg 2015, Am Stat 69:371-386).

    Args:
        statistic: function of weights, an array of shape (resamples, items). It returns one value per resample, NaN
            where the statistic is not defined.
        items: number of items.
        seed: seed of the draws.
        groups: index of each item's group, an array of shape (items,); None for independent items.

    Returns:
        Lower and upper limit. Both are None if there are fewer than two items or groups, or if more than 5% of the
        resamples are left out. Both are also None if all resamples give the same value, because an interval of width
        zero would claim certainty.
    """
    units = items if groups is None else int(groups.max()) + 1
    if units < 2:
        return None, None

    def of_resamples(drawn: np.ndarray, axis: int = -1) -> np.ndarray:
        with np.errstate(invalid="ignore", divide="ignore"):
            counts = _weights(drawn, units)
            return statistic(counts if groups is None else counts[:, groups])

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DegenerateDataWarning)  # a statistic that never varies has no interval
        resampled = bootstrap(
            (np.arange(units),),
            of_resamples,
            vectorized=True,
            n_resamples=RESAMPLES,
            batch=BLOCK,
            method="percentile",
            rng=seed,
        )
    values = resampled.bootstrap_distribution
    values = values[~np.isnan(values)]
    if len(values) < (1 - UNDEFINED) * RESAMPLES or np.ptp(values) < SAME:
        return None, None
    tail = (1 - LEVEL) / 2
    if groups is not None:
        tail = float(norm.sf(np.sqrt(units / (units - 1)) * t.isf(tail, units - 1)))
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)


def _weights(drawn: np.ndarray, units: int) -> np.ndarray:
    """Count how often each unit (item or group) is drawn in each resample.

    Args:
        drawn: indices of the drawn units, an array of shape (resamples, units), or (units,) for a single resample.
        units: number of units.

    Returns:
        The counts, an array of shape (resamples, units).
    """
    rows = np.atleast_2d(drawn)
    offsets = units * np.arange(len(rows))[:, np.newaxis]
    return np.bincount((rows + offsets).ravel(), minlength=rows.size).reshape(rows.shape).astype(float)


def bootstrapped(
    metric: str,
    label: str,
    statistic: Statistic,
    items: int,
    seed: int,
    groups: Groups | None = None,
    *,
    is_error: bool = False,
) -> Estimate:
    """Compute a statistic of all items, each with weight 1, and its 95% bootstrap interval.

    The interval is the percentile interval of `bootstrap_interval`, unless `is_error` is true.

    If `is_error` is true, the interval is the basic bootstrap interval, which mirrors the percentiles at the estimate
    (Davison & Hinkley 1997, section 5.2). Reason: resampling adds noise, which makes a sum of absolute errors larger,
    so the percentiles may lie above the estimate. A negative lower limit is raised to zero. An upper limit below the
    estimate is raised to the estimate.

    Args:
        metric: name of the metric.
        label: the class that the metric is about; "" for all classes.
        statistic: function of weights, an array of shape (resamples, items). It returns one value per resample, NaN
            where the statistic is not defined.
        items: number of items.
        seed: seed of the draws.
        groups: index of each item's group, an array of shape (items,); None for independent items.
        is_error: whether the statistic is a sum of absolute errors.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        value = statistic(np.ones((1, items)))[0]
    interval, method = bootstrap_interval(statistic, items, seed, groups), METHOD if groups is None else CLUSTER_METHOD
    if is_error:
        low, high = interval
        method = BASIC_METHOD if groups is None else BASIC_CLUSTER_METHOD
        if low is not None and high is not None:
            interval = max(0.0, float(2 * value - high)), float(max(2 * value - low, value))
    return Estimate(metric, label, defined(value), interval, method, items)
