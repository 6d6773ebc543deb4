"""How often simulated intervals contain the true value, and the true F1 of a class."""

from collections.abc import Sequence

import numpy as np

CLASSES = ("positive", "negative")

Row = Sequence[object]


def f1_of(sensitivity: float, specificity: float, prevalence: float) -> float:
    """F1 of a class whose share of the items is `prevalence`."""
    true_positives = prevalence * sensitivity
    return 2 * true_positives / (prevalence + true_positives + (1 - prevalence) * (1 - specificity))


def coverage(low: np.ndarray, high: np.ndarray, truth: float) -> float:
    """Share of intervals that contain the true value. An interval contains its limits, up to rounding."""
    return float(np.mean((low <= truth + 1e-12) & (truth - 1e-12 <= high)))


def disagree(low: np.ndarray, high: np.ndarray, p: np.ndarray) -> float:
    """Share of samples in which the 95% interval excludes 0 and P is at least .05, or includes 0 and P is below .05."""
    return float(np.mean((p < 0.05) != ((low > 0) | (high < 0))))
