"""Compute classification metrics from the number of items per true class and predicted class.

An answer without a predicted class (None or an empty string) is invalid. An invalid answer counts as wrong. For its
item's true class, it is a false negative. For every other class, it is neither a true negative nor a false positive,
but the denominator of specificity includes the item. So an invalid answer lowers the specificity of the other classes.
PPV and NPV leave out invalid answers.

Sensitivity is not defined for a class without items. PPV is not defined for a class that no answer gives. F1 is not
defined for a class if the class has no items and no answer gives it. A mean over classes leaves out classes whose value
is not defined.

Counts are arrays of numbers of items, with the shape (..., true classes, answers). The last axis has one entry for each
class, then one for invalid answers. A metric of each class has the shape (..., classes), and a metric of all classes
has the shape (...). A value that is not defined is NaN.
"""

from collections.abc import Sequence

import numpy as np
from sklearn.metrics import confusion_matrix

Answers = Sequence[str | None]
INVALID = ""


def confusion_counts(labels: Sequence[str], answers: Answers, classes: Sequence[str]) -> np.ndarray:
    """Return the number of items by true class and by answer, as an array of shape (true classes, answers).

    The second axis has one entry for each class, then one for answers without a class. Without items, all counts are
    zero.

    Args:
        labels: true class of each item.
        answers: predicted class of each item; None or "" for an answer without a class.
        classes: all classes of the task, in the order that both axes use.
    """
    named = [*classes, INVALID]
    if not labels:
        return np.zeros((len(classes), len(named)), dtype=int)
    return confusion_matrix(labels, [answer or INVALID for answer in answers], labels=named)[:-1]


def hits(counts: np.ndarray) -> np.ndarray:
    """Return the number of right answers of each class, as an array of shape (..., classes).

    `counts` holds numbers of items and has the shape (..., true classes, answers). The last axis has one entry for each
    class, then one for invalid answers.
    """
    return np.diagonal(counts, axis1=-2, axis2=-1)


def answered(counts: np.ndarray) -> np.ndarray:
    """Return the number of answers that give each class, as an array of shape (..., classes).

    `counts` holds numbers of items and has the shape (..., true classes, answers). The last axis has one entry for each
    class, then one for invalid answers.
    """
    return counts[..., :-1].sum(axis=-2)


def rejections(counts: np.ndarray) -> np.ndarray:
    """Return the number of true negatives of each class, as an array of shape (..., classes).

    An item is a true negative of a class if it belongs to another class, and its answer is valid and does not give the
    class.

    `counts` holds numbers of items and has the shape (..., true classes, answers). The last axis has one entry for each
    class, then one for invalid answers.
    """
    valid = counts[..., :-1]
    total = valid.sum(axis=(-2, -1))[..., np.newaxis]
    return total - valid.sum(axis=-1) - valid.sum(axis=-2) + hits(counts)


def sensitivity(counts: np.ndarray) -> np.ndarray:
    """Return the sensitivity (recall) of each class, as an array of shape (..., classes).

    The denominator is the number of items of the class, including items with an invalid answer. A class without items
    has NaN.

    `counts` holds numbers of items and has the shape (..., true classes, answers). The last axis has one entry for each
    class, then one for invalid answers.
    """
    return share(hits(counts), counts.sum(axis=-1))


def specificity(counts: np.ndarray) -> np.ndarray:
    """Return the specificity of each class, as an array of shape (..., classes).

    The denominator is the number of items of all other classes. The numerator is the number of these items whose answer
    is valid and does not give the class.

    `counts` holds numbers of items and has the shape (..., true classes, answers). The last axis has one entry for each
    class, then one for invalid answers.
    """
    support = counts.sum(axis=-1)
    return share(rejections(counts), support.sum(axis=-1, keepdims=True) - support)


def ppv(counts: np.ndarray) -> np.ndarray:
    """Return the positive predictive value (precision) of each class, as an array of shape (..., classes).

    `counts` holds numbers of items and has the shape (..., true classes, answers). The last axis has one entry for each
    class, then one for invalid answers.
    """
    return share(hits(counts), answered(counts))


def npv(counts: np.ndarray) -> np.ndarray:
    """Return the negative predictive value of each class, as an array of shape (..., classes).

    The denominator is the number of valid answers that do not give the class. The numerator is the number of these
    answers whose item does not have the class.

    `counts` holds numbers of items and has the shape (..., true classes, answers). The last axis has one entry for each
    class, then one for invalid answers.
    """
    said = answered(counts)
    return share(rejections(counts), said.sum(axis=-1, keepdims=True) - said)


def f1(counts: np.ndarray) -> np.ndarray:
    """Return F1 of each class against all other classes, 2 TP / (2 TP + FP + FN), as an array of shape (..., classes).

    `counts` holds numbers of items and has the shape (..., true classes, answers). The last axis has one entry for each
    class, then one for invalid answers.
    """
    return share(2 * hits(counts), counts.sum(axis=-1) + answered(counts))


def accuracy(counts: np.ndarray) -> np.ndarray:
    """Return the share of items that are answered with their true class, as an array of shape (...).

    `counts` holds numbers of items and has the shape (..., true classes, answers). The last axis has one entry for each
    class, then one for invalid answers.
    """
    return share(hits(counts).sum(axis=-1), counts.sum(axis=(-2, -1)))


def macro_f1(counts: np.ndarray) -> np.ndarray:
    """Return the unweighted mean of the classes' F1, as an array of shape (...).

    `counts` holds numbers of items and has the shape (..., true classes, answers). The last axis has one entry for each
    class, then one for invalid answers.
    """
    return _mean(f1(counts), np.ones(counts.shape[:-1]))


def weighted_f1(counts: np.ndarray) -> np.ndarray:
    """Return the mean of the classes' F1, weighted by the number of items of each class, as an array of shape (...).

    `counts` holds numbers of items and has the shape (..., true classes, answers). The last axis has one entry for each
    class, then one for invalid answers.
    """
    return _mean(f1(counts), counts.sum(axis=-1))


def balanced_accuracy(counts: np.ndarray) -> np.ndarray:
    """Return the unweighted mean of the sensitivities of all classes that have an item, as an array of shape (...).

    `counts` holds numbers of items and has the shape (..., true classes, answers). The last axis has one entry for each
    class, then one for invalid answers.
    """
    return _mean(sensitivity(counts), np.ones(counts.shape[:-1]))


def share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Divide `part` by `whole`, element by element. Where `whole` is 0, the result is NaN."""
    return np.divide(part, whole, out=np.full(np.broadcast(part, whole).shape, np.nan), where=whole > 0)


def _mean(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the weighted mean over the last axis. NaN values are left out."""
    known = ~np.isnan(values)
    return share((np.where(known, values, 0) * weights).sum(axis=-1), (known * weights).sum(axis=-1))


def defined(value: float | np.ndarray) -> float | None:
    """Return a number as a float, or None for NaN."""
    return None if np.isnan(value) else float(value)
