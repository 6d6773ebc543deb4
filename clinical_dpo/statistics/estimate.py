"""The type of an estimate with its interval."""

from typing import NamedTuple

from clinical_dpo.statistics.intervals import Interval


class Estimate(NamedTuple):
    """The estimate of one metric of one variant's answers, with its interval.

    Attributes:
        metric: name of the metric.
        label: the class that the metric is about; "" for a metric of all classes.
        value: the estimate; None if the metric is not defined (0 / 0).
        interval: 95% interval; (None, None) if there is no interval.
        method: name of the interval's method.
        n: number of items that the metric is computed on.
    """

    metric: str
    label: str
    value: float | None
    interval: Interval
    method: str
    n: int
