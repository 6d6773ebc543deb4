"""Bootstrap intervals of metrics whose interval has no formula, by scipy."""

import warnings
from collections.abc import Callable

import numpy as np
from scipy.stats import DegenerateDataWarning, bootstrap

from clinical_dpo.grading.scores import defined
from clinical_dpo.statistics.estimate import Estimate
from clinical_dpo.statistics.intervals import BLOCK, LEVEL, RESAMPLES, SAME, Interval

METHOD = "percentile_bootstrap"
UNDEFINED = 0.05  # share of resamples without a value, above which there is no interval

Statistic = Callable[[np.ndarray], np.ndarray]  # weights (resamples, items) -> (resamples,), NaN where not defined


def bootstrap_interval(statistic: Statistic, items: int, seed: int) -> Interval:
    """95% percentile bootstrap interval (Efron & Tibshirani 1993, ch. 13) over 10,000 resamples of the items.

    A resample is a vector of weights: how often each item is drawn. Resamples in which the statistic is not defined,
    such as those without an item of a class, are left out.

    Args:
        statistic: of weights.
        items: number of items.
        seed: of the draws.

    Returns:
        (None, None) for fewer than two items, where more than one resample in twenty is not defined, and where all
        resamples give the same value: an interval of width zero would claim certainty.
    """
    if items < 2:
        return None, None

    def of_resamples(drawn: np.ndarray, axis: int = -1) -> np.ndarray:
        with np.errstate(invalid="ignore", divide="ignore"):
            return statistic(_weights(drawn, items))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DegenerateDataWarning)  # such resamples have no interval here
        resampled = bootstrap(
            (np.arange(items),),
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
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def _weights(drawn: np.ndarray, items: int) -> np.ndarray:
    """Shape (resamples, items): how often each item is among the drawn ones, (resamples, items) or (items,)."""
    rows = np.atleast_2d(drawn)
    offsets = items * np.arange(len(rows))[:, np.newaxis]
    return np.bincount((rows + offsets).ravel(), minlength=rows.size).reshape(rows.shape).astype(float)


def bootstrapped(metric: str, label: str, statistic: Statistic, items: int, seed: int) -> Estimate:
    """A statistic of all items, each counted once, with its bootstrap interval.

    Args:
        metric: its name.
        label: the class it is of; "" for all.
        statistic: of weights.
        items: number of items.
        seed: of the draws.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        value = statistic(np.ones((1, items)))[0]
    return Estimate(metric, label, defined(value), bootstrap_interval(statistic, items, seed), METHOD, items)
