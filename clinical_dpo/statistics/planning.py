"""Plans made before any answer exists: how many test items a comparison needs, and which difference it can detect."""

from collections.abc import Callable
from functools import cache

from clinical_dpo.config.metrics import MetricDefinition
from clinical_dpo.statistics.power import (
    POWER,
    detectable_accuracy_difference,
    detectable_mean_difference,
    mcnemar_power,
    paired_t_power,
)

DISCORDANCES = (0.1, 0.2, 0.3, 0.4, 0.5)  # shares of items that exactly one of two variants answers right
SD_SHARES = (0.125, 0.25, 0.375)  # SD of the paired differences, as shares of the metric's scale
USUAL_DISCORDANCE, USUAL_SD_SHARE = 0.2, 0.25  # assumed for `smallest_detectable` in the tables
MOST_ITEMS = 1_000_000


def spreads(metric: MetricDefinition) -> list[float]:
    """Return the spreads that the plan assumes for a metric, smallest first.

    For a metric of right answers, a spread is a discordance: the share of items that one variant answers right and the
    other wrong. For a mean, a spread is an SD of the paired differences, on the metric's scale.
    """
    return [share * (metric.high - metric.low) for share in SD_SHARES] if metric.kind == "mean" else [*DISCORDANCES]


def items_needed(metric: MetricDefinition, margin: float, spread: float, alpha: float) -> int | None:
    """Number of items that the metric's test needs to detect a difference as large as the margin with 80% power.

    For F1, the difference is a difference of shares of right answers, because the test of F1 compares these.

    Args:
        metric: the task's metric.
        margin: the difference to detect, on the metric's scale.
        spread: for a metric of right answers, the discordance (share of items that exactly one variant answers right).
            For a mean, the SD of the paired differences.
        alpha: two-sided level of the test.

    Returns:
        Number of items. With one item fewer, the power is below 80%. The number is None if it is above MOST_ITEMS. It
        is also None if the margin is larger than the discordance, because a difference cannot exceed the discordance.
    """
    if metric.kind == "mean":
        return _fewest_for_mean(margin / spread, alpha)
    return _fewest_for_shares(margin, spread, alpha) if margin <= spread else None


def smallest_detectable(metric: MetricDefinition, n: int, alpha: float, spread: float | None = None) -> float | None:
    """The smallest difference that the metric's test detects with 80% power on n items; None if there is none.

    Args:
        metric: the task's metric.
        n: number of items.
        alpha: two-sided level of the test.
        spread: for a metric of right answers, the discordance (share of items that exactly one variant answers right),
            by default USUAL_DISCORDANCE. For a mean, the SD of the paired differences, by default USUAL_SD_SHARE of the
            metric's scale.
    """
    if metric.kind == "mean":
        return _detectable_mean(n, spread or USUAL_SD_SHARE * (metric.high - metric.low), alpha)
    return _detectable_share(n, spread or USUAL_DISCORDANCE, alpha)


# Cached, because all comparisons of a table need the same numbers.
_detectable_mean, _detectable_share = cache(detectable_mean_difference), cache(detectable_accuracy_difference)


@cache
def _fewest_for_shares(difference: float, discordance: float, alpha: float) -> int | None:
    return _fewest(lambda n: mcnemar_power(n, discordance, difference, alpha))


@cache
def _fewest_for_mean(d_z: float, alpha: float) -> int | None:
    return _fewest(lambda n: paired_t_power(n, d_z, alpha))


def _fewest(power: Callable[[int], float]) -> int | None:
    """Search for the smallest number of items, at least 2, with which the test has at least the power POWER.

    The search doubles the number until this power is reached, then bisects. It returns None if the power is lower even
    with MOST_ITEMS items.

    Args:
        power: function that computes the power of the test with a given number of items.
    """
    few, many = 1, 2
    while power(many) < POWER:
        if many == MOST_ITEMS:
            return None
        few, many = many, min(2 * many, MOST_ITEMS)
    while many - few > 1:
        middle = (few + many) // 2
        few, many = (few, middle) if power(middle) >= POWER else (middle, many)
    return many
