"""An estimate with its interval, as metrics of labels and probabilities give it."""

from typing import NamedTuple

from clinical_dpo.statistics.intervals import Interval


class Estimate(NamedTuple):
    """One metric of one variant's answers.

    Attributes:
        metric: name of the metric.
        label: the class that the metric is about; "" for a metric of all classes.
        value: the estimate; None if the metric is not defined (0 / 0).
        interval: 95% interval; (None, None) without one.
        method: name of the interval's method.
        n: items that the metric is computed on.
    """

    metric: str
    label: str
    value: float | None
    interval: Interval
    method: str
    n: int
