"""Texts of differences, of their intervals and of margins, in the unit of a metric."""

from clinical_dpo.config.metrics import METRICS

MOST_DIGITS = 3  # most digits added to a limit that would otherwise be rounded to one of the edges


def in_points(metric: str) -> bool:
    """Whether differences of a metric are shown in percentage points: true if the metric's highest value is 1."""
    return METRICS[metric].high <= 1


def margin_text(metric: str, value: float) -> str:
    """Text of a margin: "5 points" (percentage points), or "0.2" for a metric whose highest value is above 1."""
    return f"{100 * value:g} points" if in_points(metric) else f"{value:g}"


def amount(metric: str, value: float, extra: int = 0) -> str:
    """Text of a difference: in percentage points if the metric's highest value is 1, else in the metric's unit.

    Args:
        metric: a key of METRICS.
        value: the difference.
        extra: digits to add to the usual precision. Percentage points usually have one digit after the point, and
            other units have two.
    """
    return f"{100 * value:z.{1 + extra}f}" if in_points(metric) else f"{value:z.{2 + extra}f}"


def signed_amount(metric: str, value: float) -> str:
    """Text of a difference as `amount` writes it, with a plus sign if the rounded difference is above zero: "+3.1"."""
    text = amount(metric, value)
    return f"+{text}" if float(text) > 0 else text


def interval_text(metric: str, interval: tuple[float, float, float], edges: tuple[float, ...] = ()) -> str:
    """Text of the interval of a difference: "95% interval 0.4 to 5.8".

    Each limit has enough digits to show whether it is above or below each edge. At most MOST_DIGITS digits are added
    for this purpose.

    Args:
        metric: a key of METRICS.
        interval: the confidence level, the lower limit and the upper limit.
        edges: values that the limits are compared with, such as zero and the margin.
    """
    level, *limits = interval
    extra = 0
    while extra < MOST_DIGITS and any(
        float(amount(metric, limit, extra)) == float(amount(metric, edge, extra)) for limit in limits for edge in edges
    ):
        extra += 1
    low, high = (amount(metric, limit, extra) for limit in limits)
    return f"{100 * level:.3g}% interval {low} to {high}"


def with_interval(
    metric: str, effect: float, interval: tuple[float, float, float], edges: tuple[float, ...] = ()
) -> str:
    """Text of a difference, then of its interval from `interval_text`: "+3.1, 95% interval 0.4 to 5.8"."""
    return f"{signed_amount(metric, effect)}, {interval_text(metric, interval, edges)}"
