"""Seeded resampling of test items and training seeds: bootstrap, paired permutation, hierarchical bootstrap.

A statistic of the items depends on them through counts of equal items alone (how many have this label and these
answers), and drawing items with replacement makes the counts multinomial. So a resample is one row of counts, and a
statistic is a function of many rows at once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr, ndtri

from clinical_dpo.errors import UserError

RESAMPLES = 10_000
BLOCK = 1_000  # resamples held in memory at once
FEW = 100  # cells up to which a multinomial draw is faster than drawing every item
ROUNDING = 1e-12

Interval = tuple[float | None, float | None]
Statistic = Callable[[np.ndarray], np.ndarray]  # counts (resamples, *cells) -> (resamples,); NaN where not defined


@dataclass(frozen=True)
class Bootstrap:
    """A statistic, its values in the resamples, and the two constants of the BCa method (0 and 0: percentiles)."""

    estimate: float
    drawn: np.ndarray
    bias: float = 0.0
    acceleration: float = 0.0

    def interval(self) -> Interval:
        """95% BCa interval (Efron 1987, J Am Stat Assoc 82:171-185; Efron & Tibshirani 1993, eq. 14.9 and 14.10).

        (None, None) where all resamples give the same value: items that are all alike tell nothing of the spread.
        """
        if self._same():
            return None, None
        z = self.bias + ndtri([0.025, 0.975])
        low, high = np.quantile(self.drawn, ndtr(self.bias + z / (1 - self.acceleration * z)))
        return float(low), float(high)

    def p_value(self) -> float | None:
        """Two-sided P of the value zero: twice the level at which the interval's nearer limit would be zero.

        The interval turned into a test (Efron & Tibshirani 1993, ch. 15.4), so that the two never contradict each
        other; no smaller than the resamples can show. Where all resamples give the same value, 1 if that is zero and
        None if it is not.
        """
        if self._same():
            return 1.0 if abs(self.estimate) < ROUNDING else None
        resamples = len(self.drawn)
        below = np.clip(_rank(self.drawn, 0.0), 1 / (resamples + 1), resamples / (resamples + 1))
        distance = ndtri(below) - self.bias
        level = ndtr(distance / (1 + self.acceleration * distance) - self.bias)
        return float(2 * min(level, 1 - level))

    def _same(self) -> bool:
        return bool(np.ptp(self.drawn) < ROUNDING)


def _rank(drawn: np.ndarray, value: float) -> float:
    """Share of values below `value`; those equal to it count half."""
    return float((np.mean(drawn < value - ROUNDING) + np.mean(drawn <= value + ROUNDING)) / 2)


def _draw(generator: np.random.Generator, cells: np.ndarray) -> np.ndarray:
    """BLOCK resamples of the items, (BLOCK, cells)."""
    n, width = int(cells.sum()), len(cells)
    if width <= FEW:
        return generator.multinomial(n, cells / n, BLOCK)
    drawn = np.repeat(np.arange(width), cells)[generator.integers(n, size=(BLOCK, n))]
    drawn += width * np.arange(BLOCK)[:, np.newaxis]
    return np.bincount(drawn.ravel(), minlength=BLOCK * width).reshape(BLOCK, width)


def bootstrap(counts: np.ndarray, statistic: Statistic, seed: int) -> Bootstrap | None:
    """Bootstrap of the items, 10,000 resamples; None for one item, or where the statistic is not defined.

    Resamples in which it is not defined are left out.

    Args:
        counts: items per cell, of any shape.
        statistic: of arrays (resamples, *shape of counts).
        seed: the same seed gives the same resamples.
    """
    counts = np.asarray(counts)
    estimate = float(statistic(counts[np.newaxis])[0])
    if np.isnan(estimate) or counts.sum() < 2:
        return None
    generator = np.random.default_rng(seed)
    blocks = (_draw(generator, counts.ravel()).reshape(-1, *counts.shape) for _ in range(RESAMPLES // BLOCK))
    drawn = np.concatenate([statistic(block) for block in blocks])
    drawn = drawn[~np.isnan(drawn)]
    bias = float(ndtri(_rank(drawn, estimate)))
    return Bootstrap(estimate, drawn, bias if np.isfinite(bias) else 0.0, _acceleration(counts, statistic))


def _acceleration(counts: np.ndarray, statistic: Statistic) -> float:
    """A sixth of the skewness of the jackknife values (Efron & Tibshirani 1993, eq. 14.15)."""
    cells = counts.ravel()
    occupied = np.flatnonzero(cells)
    without = np.concatenate(
        [
            statistic((cells - np.eye(len(cells), dtype=int)[block]).reshape(-1, *counts.shape))
            for block in np.array_split(occupied, -(-len(occupied) // BLOCK))
        ]
    )
    known = ~np.isnan(without)
    without, weights = without[known], cells[occupied][known]
    if not len(without):
        return 0.0
    away = np.average(without, weights=weights) - without
    scale = float(weights @ away**2) ** 1.5
    return float(weights @ away**3) / (6 * scale) if scale > ROUNDING**3 else 0.0


def swap_p(counts: np.ndarray, difference: Statistic, seed: int) -> float | None:
    """Two-sided P of a paired permutation test: under the null the two answers to an item may change places.

    Approximate randomization (Noreen 1989; for F1: Yeh 2000, COLING) with 10,000 draws. The observed arrangement
    counts as one of them (Phipson & Smyth 2010), so P is never 0. None where the difference is not defined.

    Args:
        counts: (..., k, k) items per pair of answers, the first variant's before the second's.
        difference: of arrays (draws, ..., k, k); changes its sign when the variants are swapped.
        seed: of the draws.
    """
    observed = abs(float(difference(counts[np.newaxis])[0]))
    if np.isnan(observed):
        return None
    pairs = np.triu(counts + counts.swapaxes(-1, -2), 1)  # both orders of two different answers
    kept = np.random.default_rng(seed).binomial(pairs, 0.5, (RESAMPLES, *counts.shape))
    same = counts * np.eye(counts.shape[-1], dtype=int)
    drawn = np.abs(difference(kept + (pairs - kept).swapaxes(-1, -2) + same))
    drawn = drawn[~np.isnan(drawn)]
    return float((1 + np.sum(drawn >= observed - ROUNDING)) / (1 + len(drawn)))


class SeedEffect(NamedTuple):
    """An effect over training seeds: its mean, 95% interval and P, what each seed gives, and their SD."""

    effect: float
    ci_low: float | None
    ci_high: float | None
    p_value: float | None
    per_seed: tuple[float, ...]
    seed_sd: float | None


def hierarchical_bootstrap(values: Sequence | np.ndarray, seed: int, statistic: Statistic | None = None) -> SeedEffect:
    """Bootstrap over training seeds and test items together: would other seeds and other items say the same?

    All seeds answer the same items, so the design is crossed: each resample draws seeds and items independently
    (Owen 2007, Ann Appl Stat 1:386-411), an item for all seeds at once. One seed fewer than there are is drawn: the
    variance between few seeds would come out too small by (seeds - 1) / seeds otherwise (Rao & Wu 1988). Percentile
    interval. It knows no t correction: with fewer than about five seeds read `seed_sd` and `per_seed` beside it.

    Args:
        values: (seeds, items) differences of the two variants' grades; or (seeds, items, k) numbers of which
            `statistic` takes the mean over items.
        seed: of the resampling.
        statistic: (..., k) means over items -> (...); default the mean itself.

    Returns:
        The mean over seeds. With one seed the interval covers items alone and `seed_sd` is None; with one item
        there is neither interval nor P. Values that are all alike have no interval, as in `Bootstrap`.

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
    generator, draws, drawn = np.random.default_rng(seed), max(seeds - 1, 1), []
    for _ in range(RESAMPLES // BLOCK):
        chosen_items = _draw(generator, np.ones(items, dtype=int)) / items
        chosen_seeds = generator.multinomial(draws, np.full(seeds, 1 / seeds), BLOCK) / draws
        effects = statistic(np.tensordot(chosen_items, array, axes=(1, 1)))
        drawn.append((chosen_seeds * effects).sum(axis=1))
    both = np.concatenate(drawn)
    found = Bootstrap(effect, both[~np.isnan(both)])
    return SeedEffect(effect, *found.interval(), found.p_value(), each, spread)


def _only(means: np.ndarray) -> np.ndarray:
    return means[..., 0]
