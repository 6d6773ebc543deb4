"""Compute metrics of answers with labels, from the number of items per label and answer.

An answer without a label (None or an empty string) is invalid. It is wrong and is never dropped: it is a false negative
of its item's class and a false positive of no class. For any other class, it is not a true negative, so specificity
falls, and NPV does not count it. Sensitivity is not defined for a class without items, PPV for a class without answers,
and F1 for a class without both. A mean over classes leaves out classes whose value is not defined.

Counts have the shape (..., k, k + 1): k labels, k answers, and invalid answers last. A metric of each class has the
shape (..., k), a metric of all classes (...,). A value that is not defined is NaN.
"""

from collections.abc import Sequence

import numpy as np
from sklearn.metrics import confusion_matrix

Answers = Sequence[str | None]
INVALID = ""


def confusion_counts(labels: Sequence[str], answers: Answers, classes: Sequence[str]) -> np.ndarray:
    """Return the number of items per label and answer, shape (k, k + 1), by scikit-learn; all zero without items.

    Args:
        labels: true labels.
        answers: predicted labels; None or "" for an answer without a label.
        classes: all k labels of the task.
    """
    named = [*classes, INVALID]
    if not labels:
        return np.zeros((len(classes), len(named)), dtype=int)
    return confusion_matrix(labels, [answer or INVALID for answer in answers], labels=named)[:-1]


def hits(counts: np.ndarray) -> np.ndarray:
    """Return the number of right answers of each class: counts (..., k, k + 1) -> (..., k)."""
    return np.diagonal(counts, axis1=-2, axis2=-1)


def answered(counts: np.ndarray) -> np.ndarray:
    """Return the number of answers with each class: counts (..., k, k + 1) -> (..., k)."""
    return counts[..., :-1].sum(axis=-2)


def rejections(counts: np.ndarray) -> np.ndarray:
    """Return the number of right rejections of each class: counts (..., k, k + 1) -> (..., k).

    These are the items without the class whose answer is valid and does not give the class.
    """
    valid = counts[..., :-1]
    total = valid.sum(axis=(-2, -1))[..., np.newaxis]
    return total - valid.sum(axis=-1) - valid.sum(axis=-2) + hits(counts)


def sensitivity(counts: np.ndarray) -> np.ndarray:
    """Return the share of each class's items that are answered with this class: counts (..., k, k + 1) -> (..., k)."""
    return share(hits(counts), counts.sum(axis=-1))


def specificity(counts: np.ndarray) -> np.ndarray:
    """Return the specificity of each class: counts (..., k, k + 1) -> (..., k).

    Of the items without the class, this is the share whose answer is valid and does not give the class.
    """
    support = counts.sum(axis=-1)
    return share(rejections(counts), support.sum(axis=-1, keepdims=True) - support)


def ppv(counts: np.ndarray) -> np.ndarray:
    """Return the share of the answers with each class that are right: counts (..., k, k + 1) -> (..., k)."""
    return share(hits(counts), answered(counts))


def npv(counts: np.ndarray) -> np.ndarray:
    """Return the negative predictive value of each class: counts (..., k, k + 1) -> (..., k).

    Of the valid answers that do not give the class, this is the share whose item does not have the class.
    """
    said = answered(counts)
    return share(rejections(counts), said.sum(axis=-1, keepdims=True) - said)


def f1(counts: np.ndarray) -> np.ndarray:
    """Return F1 of each class against all others, 2 TP / (2 TP + FP + FN): counts (..., k, k + 1) -> (..., k)."""
    return share(2 * hits(counts), counts.sum(axis=-1) + answered(counts))


def accuracy(counts: np.ndarray) -> np.ndarray:
    """Return the share of items that are answered with their label: counts (..., k, k + 1) -> (...,)."""
    return share(hits(counts).sum(axis=-1), counts.sum(axis=(-2, -1)))


def macro_f1(counts: np.ndarray) -> np.ndarray:
    """Return the unweighted mean of the classes' F1. `counts` is as in `weighted_f1`."""
    return _mean(f1(counts), np.ones(counts.shape[:-1]))


def weighted_f1(counts: np.ndarray) -> np.ndarray:
    """Return the mean of the classes' F1, in which each class has the weight of its number of items.

    Args:
        counts: (..., k, k + 1) number of items by right label and by answer. The last answer is "invalid".

    Returns:
        An array of the shape (...,).
    """
    return _mean(f1(counts), counts.sum(axis=-1))


def balanced_accuracy(counts: np.ndarray) -> np.ndarray:
    """Return the unweighted mean of the sensitivities of all classes that have an item.

    `counts` is as in `weighted_f1`.
    """
    return _mean(sensitivity(counts), np.ones(counts.shape[:-1]))


def share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Return part / whole; NaN where the whole is 0."""
    return np.divide(part, whole, out=np.full(np.broadcast(part, whole).shape, np.nan), where=whole > 0)


def _mean(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the weighted mean, over the last axis, of the values that are defined."""
    known = ~np.isnan(values)
    return share((np.where(known, values, 0) * weights).sum(axis=-1), (known * weights).sum(axis=-1))


def defined(value: float | np.ndarray) -> float | None:
    """Return a number as a float, or None for NaN."""
    return None if np.isnan(value) else float(value)
