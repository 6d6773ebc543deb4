"""An estimate with its interval, as metrics of labels and probabilities give it."""

from typing import NamedTuple

from clinical_dpo.statistics.intervals import Interval


class Estimate(NamedTuple):
    """One metric of one variant's answers.

    Attributes:
        metric: its name.
        label: the class it is of; "" for a metric of all classes.
        value: None where the metric is not defined (0 / 0).
        interval: 95%; (None, None) where there is none.
        method: of the interval.
        n: items that the metric is computed on.
    """

    metric: str
    label: str
    value: float | None
    interval: Interval
    method: str
    n: int
