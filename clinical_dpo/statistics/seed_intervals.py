"""The mean effect over several training seeds that share the same test items.

The interval and P come from an analysis of variance. A training seed is the number from which the random draws of
training start.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq
from scipy.stats import t

from clinical_dpo.errors import UserError
from clinical_dpo.statistics.intervals import LEVEL, SAME, Interval

Statistic = Callable[[np.ndarray], np.ndarray]  # means over items (..., k) -> (...); NaN if not defined
SMALLEST = 1e-15  # smaller P values are reported as this value


class SeedEffect(NamedTuple):
    """An effect over training seeds: its mean, interval and P, the effect of each seed, and the SD between seeds."""

    effect: float
    ci_low: float | None
    ci_high: float | None
    p_value: float | None
    per_seed: tuple[float, ...]
    seed_sd: float | None


def seed_effect(values: Sequence | np.ndarray, statistic: Statistic | None = None, level: float = LEVEL) -> SeedEffect:
    """Mean effect over training seeds, with an interval that holds for other seeds and other items.

    The mean has two sources of error: the seeds, with seeds - 1 degrees of freedom, and the items, with items - 1
    degrees of freedom. The error due to the items does not average out over the seeds, because all seeds have the same
    items. Each source has a t interval. The squared half-widths of the two intervals are added (Howe 1974, J Am Stat
    Assoc 69:789-794). P belongs to this interval: with the confidence level 1 - P, one limit of the interval is 0.

    The variance due to the items comes from the two-way analysis of variance: (MS items - MS residual) /
    (seeds x items), at least 0. The interaction of seeds and items is part of the variance due to the seeds. A
    statistic that is not a mean over items is replaced by its jackknife pseudo-values (Dorfman, Berbaum & Metz 1992,
    Invest Radiol 27:723-731). No maintained library has such an interval for few seeds.

    Args:
        values: without `statistic`, the difference of two variants' grades for each seed and item, shape (seeds,
            items). With `statistic`, k numbers for each seed and item, shape (seeds, items, k).
        statistic: function that computes the effect of a seed. Each of the k numbers is first averaged over the items.
            The function takes these averages as an array of shape (..., k), and returns the effects as an array of
            shape (...). If `statistic` is None, the effect is the mean difference.
        level: confidence level.

    Returns:
        The effect. With one seed, the interval accounts for the items only, and `seed_sd` is None. If the variance and
        the effect are 0, the limits of the interval are None and P is 1. The limits and P are None in three cases:

        - There is only one item.
        - `statistic` returns NaN for the averages over all items, or for averages without one item (jackknife).
        - The variance is 0 and the effect is not 0. Equal values tell nothing about the spread.

    Raises:
        UserError: `values` has another shape or no items, or a value is not a finite number.
    """
    array = np.asarray(values, dtype=float)
    if array.ndim != (2 if statistic is None else 3) or not array.size:
        expected = "(seeds, items)" if statistic is None else "(seeds, items, numbers)"
        raise UserError(
            f"grades by training seed and item: the array has the shape {array.shape}. Pass an array of the shape "
            f"{expected} with at least one value."
        )
    if not np.isfinite(array).all():
        seed, item = np.argwhere(~np.isfinite(array))[0][:2]
        raise UserError(
            f"grades by training seed and item: the grade of item {item + 1} of {array.shape[1]} with seed {seed + 1} "
            f"of {array.shape[0]} is not a finite number. Grade all items of all seeds."
        )
    seeds, items = array.shape[:2]
    if statistic is None:
        array, statistic = array[:, :, np.newaxis], mean_of_items
    per_seed = statistic(array.mean(axis=1))
    effect, effects = float(per_seed.mean()), tuple(per_seed.tolist())
    spread = float(per_seed.std(ddof=1)) if seeds > 1 else None
    if items < 2:
        return SeedEffect(effect, None, None, None, effects, spread)
    left_out = (array.sum(axis=1, keepdims=True) - array) / (items - 1)  # means without one of the items
    pseudo = items * per_seed[:, np.newaxis] - (items - 1) * statistic(left_out)
    parts = [(_items_variance(pseudo), items - 1)] + ([] if spread is None else [(spread**2 / seeds, seeds - 1)])
    (low, high), p = _interval(effect, parts, level)
    return SeedEffect(effect, low, high, p, effects, spread)


def _items_variance(pseudo: np.ndarray) -> float:
    """The part of the grand mean's variance that is due to the items.

    Args:
        pseudo: value, or jackknife pseudo-value, of each seed and item, shape (seeds, items).
    """
    seeds, items = pseudo.shape
    item_means = pseudo.mean(axis=0)
    between = seeds * item_means.var(ddof=1)
    if seeds == 1:
        return float(between / items)
    residuals = pseudo - item_means - pseudo.mean(axis=1, keepdims=True) + pseudo.mean()
    residual = (residuals**2).sum() / ((seeds - 1) * (items - 1))
    return max(float(between - residual), 0.0) / (seeds * items)


def _interval(effect: float, parts: Sequence[tuple[float, int]], level: float) -> tuple[Interval, float | None]:
    """Interval and P of an effect from the independent parts of its variance.

    Args:
        effect: the effect.
        parts: each part of the variance, with its degrees of freedom.
        level: confidence level.

    Returns:
        Interval and P. All values are None if the variance is NaN. If the variance is 0, the limits are None, and P is
        1 for an effect of 0 and None for any other effect.
    """
    variance = sum(part for part, _ in parts)
    if math.isnan(variance):  # the statistic is not defined if one of the items is left out
        return (None, None), None
    if variance < SAME**2:
        return (None, None), 1.0 if abs(effect) < SAME else None

    def half_width(p: float) -> float:
        return math.sqrt(sum(part * float(t.isf(p / 2, freedom)) ** 2 for part, freedom in parts))

    half = half_width(1 - level)
    if abs(effect) < SAME:
        p = 1.0
    elif half_width(SMALLEST) <= abs(effect):
        p = SMALLEST
    else:
        p = math.exp(
            brentq(lambda log_p: half_width(math.exp(log_p)) - abs(effect), math.log(SMALLEST), 0.0, xtol=1e-10)
        )
    return (effect - half, effect + half), p


def mean_of_items(means: np.ndarray) -> np.ndarray:
    """Remove the last axis of an array of means: shape (..., 1) becomes shape (...).

    This function is the `statistic` of `seed_effect` if the effect of a seed is a mean over the items. `seed_effect`
    computes the means.
    """
    return means[..., 0]
