"""An effect over several training seeds that share their test items: interval and P by analysis of variance."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq
from scipy.stats import t

from clinical_dpo.errors import UserError
from clinical_dpo.statistics.intervals import LEVEL, SAME, Interval

Statistic = Callable[[np.ndarray], np.ndarray]  # means over items (..., k) -> (...); NaN where not defined
SMALLEST = 1e-15  # P that is still solved for


class SeedEffect(NamedTuple):
    """An effect over training seeds: its mean, interval and P, what each seed gives, and their SD."""

    effect: float
    ci_low: float | None
    ci_high: float | None
    p_value: float | None
    per_seed: tuple[float, ...]
    seed_sd: float | None


def seed_effect(values: Sequence | np.ndarray, statistic: Statistic | None = None, level: float = LEVEL) -> SeedEffect:
    """Mean effect over training seeds: would other seeds and other items say the same?

    All seeds answer the same items, so the mean has two sources of error: the seeds, with seeds - 1 degrees of freedom,
    and the items, with items - 1. Each has a t interval; the two are squared and added (Howe 1974, J Am Stat Assoc
    69:789-794; MOVER without a correlation), and P is the level at which the interval ends at zero. The items' variance
    is that of the two-way analysis of variance, (MS items - MS residual) / (seeds x items), at least 0; what seeds and
    items do together is in the seeds' own. A statistic that is no mean over items enters by jackknife pseudo-values
    (Dorfman, Berbaum & Metz 1992, Invest Radiol 27:723-731). No kept library has such an interval for few seeds.

    Args:
        values: (seeds, items) differences of the two variants' grades; or (seeds, items, k) numbers of which
            `statistic` takes the mean over items.
        statistic: (..., k) means over items -> (...); default the mean itself.
        level: of confidence.

    Returns:
        The mean over seeds. With one seed the interval covers items alone and `seed_sd` is None. There is neither
        interval nor P for one item, and for values that are all alike and not 0, which tell nothing of the spread.

    Raises:
        UserError: not such an array, no items, or a value that is not a finite number.
    """
    array = np.asarray(values, dtype=float)
    if array.ndim != (2 if statistic is None else 3) or not array.size:
        raise UserError(f"seeds x items: shape {array.shape}. Every seed needs the same test items, at least one.")
    if not np.isfinite(array).all():
        where = np.argwhere(~np.isfinite(array))[0]
        raise UserError(f"seeds x items: seed {where[0]}, item {where[1]} is no number. Grade all items of all seeds.")
    seeds, items = array.shape[:2]
    if statistic is None:
        array, statistic = array[:, :, np.newaxis], _only
    per_seed = statistic(array.mean(axis=1))
    effect, each = float(per_seed.mean()), tuple(per_seed.tolist())
    spread = float(per_seed.std(ddof=1)) if seeds > 1 else None
    if items < 2:
        return SeedEffect(effect, None, None, None, each, spread)
    without = (array.sum(axis=1, keepdims=True) - array) / (items - 1)
    pseudo = items * per_seed[:, np.newaxis] - (items - 1) * statistic(without)
    parts = [(_items_variance(pseudo), items - 1)] + ([] if spread is None else [(spread**2 / seeds, seeds - 1)])
    (low, high), p = _interval(effect, parts, level)
    return SeedEffect(effect, low, high, p, each, spread)


def _items_variance(pseudo: np.ndarray) -> float:
    """Variance of the grand mean that comes of the items, the same for all seeds, from values (seeds, items)."""
    seeds, items = pseudo.shape
    of_items = pseudo.mean(axis=0)
    between = seeds * of_items.var(ddof=1)
    if seeds == 1:
        return float(between / items)
    rest = pseudo - of_items - pseudo.mean(axis=1, keepdims=True) + pseudo.mean()
    residual = (rest**2).sum() / ((seeds - 1) * (items - 1))
    return max(float(between - residual), 0.0) / (seeds * items)


def _interval(effect: float, parts: Sequence[tuple[float, int]], level: float) -> tuple[Interval, float | None]:
    """Interval and P from the independent variances of an effect, each with its degrees of freedom."""
    variance = sum(part for part, _ in parts)
    if math.isnan(variance):  # a statistic that is not defined without one of the items
        return (None, None), None
    if variance < SAME**2:
        return (None, None), 1.0 if abs(effect) < SAME else None

    def reach(p: float) -> float:
        return math.sqrt(sum(part * float(t.isf(p / 2, freedom)) ** 2 for part, freedom in parts))

    away = reach(1 - level)
    if abs(effect) < SAME:
        p = 1.0
    elif reach(SMALLEST) <= abs(effect):
        p = SMALLEST
    else:
        p = math.exp(brentq(lambda log_p: reach(math.exp(log_p)) - abs(effect), math.log(SMALLEST), 0.0, xtol=1e-10))
    return (effect - away, effect + away), p


def _only(means: np.ndarray) -> np.ndarray:
    return means[..., 0]
