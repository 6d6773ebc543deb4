"""Metrics of answers with labels, from the number of items per label and answer.

An answer without a label (None or an empty string) is invalid. It is wrong and is never dropped: it is a false negative
of its item's class and a false positive of no class. For another class it is no true negative, so specificity falls,
and it is no answer that NPV could count. Sensitivity is not defined for a class without items, PPV for a class without
answers, and F1 for a class without both. A mean over classes leaves out those that are not defined.

Counts have the shape (..., k, k + 1): k labels, k answers, and invalid answers last. A metric of each class has the
shape (..., k), a metric of all classes (...,). A value that is not defined is NaN.
"""

from collections.abc import Sequence

import numpy as np
from sklearn.metrics import confusion_matrix

Answers = Sequence[str | None]
INVALID = ""


def confusion_counts(labels: Sequence[str], answers: Answers, classes: Sequence[str]) -> np.ndarray:
    """Items per label and answer, shape (k, k + 1), by scikit-learn; all zero without items.

    Args:
        labels: true labels.
        answers: predicted labels, None or "" where an answer gives none.
        classes: all k labels of the task.
    """
    named = [*classes, INVALID]
    if not labels:
        return np.zeros((len(classes), len(named)), dtype=int)
    return confusion_matrix(labels, [answer or INVALID for answer in answers], labels=named)[:-1]


def hits(counts: np.ndarray) -> np.ndarray:
    """Right answers per class, (..., k)."""
    return np.diagonal(counts, axis1=-2, axis2=-1)


def answered(counts: np.ndarray) -> np.ndarray:
    """Answers per class, (..., k)."""
    return counts[..., :-1].sum(axis=-2)


def rejections(counts: np.ndarray) -> np.ndarray:
    """Items of other classes answered with another class, (..., k)."""
    valid = counts[..., :-1]
    total = valid.sum(axis=(-2, -1))[..., np.newaxis]
    return total - valid.sum(axis=-1) - valid.sum(axis=-2) + hits(counts)


def sensitivity(counts: np.ndarray) -> np.ndarray:
    """Share of each class's items answered with it, (..., k)."""
    return share(hits(counts), counts.sum(axis=-1))


def specificity(counts: np.ndarray) -> np.ndarray:
    """Share of the other classes' items answered with another class, (..., k)."""
    support = counts.sum(axis=-1)
    return share(rejections(counts), support.sum(axis=-1, keepdims=True) - support)


def ppv(counts: np.ndarray) -> np.ndarray:
    """Share of the answers with each class that are right, (..., k)."""
    return share(hits(counts), answered(counts))


def npv(counts: np.ndarray) -> np.ndarray:
    """Share of the valid answers with another class whose item has another class, (..., k)."""
    said = answered(counts)
    return share(rejections(counts), said.sum(axis=-1, keepdims=True) - said)


def f1(counts: np.ndarray) -> np.ndarray:
    """F1 of each class against the rest, 2 TP / (2 TP + FP + FN), (..., k)."""
    return share(2 * hits(counts), counts.sum(axis=-1) + answered(counts))


def accuracy(counts: np.ndarray) -> np.ndarray:
    """Share of items answered with their label, (...,)."""
    return share(hits(counts).sum(axis=-1), counts.sum(axis=(-2, -1)))


def macro_f1(counts: np.ndarray) -> np.ndarray:
    """Unweighted mean of the classes' F1, (...,)."""
    return _mean(f1(counts), np.ones(counts.shape[:-1]))


def weighted_f1(counts: np.ndarray) -> np.ndarray:
    """Mean of the classes' F1, each weighted by its items, (...,)."""
    return _mean(f1(counts), counts.sum(axis=-1))


def balanced_accuracy(counts: np.ndarray) -> np.ndarray:
    """Unweighted mean of the sensitivities of all classes with an item, (...,)."""
    return _mean(sensitivity(counts), np.ones(counts.shape[:-1]))


def share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """A quotient, NaN where the whole is 0."""
    return np.divide(part, whole, out=np.full(np.broadcast(part, whole).shape, np.nan), where=whole > 0)


def _mean(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted mean over the last axis of the values that are defined."""
    known = ~np.isnan(values)
    return share((np.where(known, values, 0) * weights).sum(axis=-1), (known * weights).sum(axis=-1))


def defined(value: float | np.ndarray) -> float | None:
    """A number, or None for NaN."""
    return None if np.isnan(value) else float(value)
