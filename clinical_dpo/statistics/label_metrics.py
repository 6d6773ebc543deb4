"""Metrics of answers with any number of labels.

An answer without a label (None or an empty string) is invalid: it is wrong, a false negative of its item's class and a
false positive of none. For another class it is no true negative, so that specificity falls, and it is no answer that
NPV could count. A class that no item has leaves sensitivity undefined, one that no answer names PPV, one that neither
names F1; a mean over classes leaves out those that are not defined.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
from sklearn.metrics import confusion_matrix

from clinical_dpo.statistics.bootstrap_intervals import Statistic, bootstrapped
from clinical_dpo.statistics.clustered import share_interval
from clinical_dpo.statistics.estimate import Estimate, defined
from clinical_dpo.statistics.groups import Groups

Answers = Sequence[str | None]
Metric = Callable[[np.ndarray], np.ndarray]  # counts (..., k, k + 1) -> (...)
Counts = Callable[[np.ndarray], np.ndarray]  # weights (resamples, items) -> counts (resamples, k, k + 1)
INVALID = ""


def confusion_counts(labels: Sequence[str], answers: Answers, classes: Sequence[str]) -> np.ndarray:
    """Items per label and answer, shape (k, k + 1), by scikit-learn; the last column counts invalid answers."""
    named = [*classes, INVALID]
    return confusion_matrix(labels, [answer or INVALID for answer in answers], labels=named)[:-1]


def resampled_counts(labels: Sequence[str], answers: Answers, classes: Sequence[str]) -> Counts:
    """The function from weights of the items, (resamples, items), to their counts, (resamples, k, k + 1)."""
    cells = item_counts(labels, answers, classes)
    flat = cells.reshape(len(labels), -1)
    return lambda weights: (weights @ flat).reshape(len(weights), *cells.shape[1:])


def item_counts(labels: Sequence[str], answers: Answers, classes: Sequence[str]) -> np.ndarray:
    """The counts of each item alone, (items, k, k + 1)."""
    named = [*classes, INVALID]
    cells = np.zeros((len(labels), len(classes), len(named)))
    for item, (label, answer) in enumerate(zip(labels, answers, strict=True)):
        cells[item, named.index(label), named.index(answer or INVALID)] = 1
    return cells


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.full(np.broadcast(part, whole).shape, np.nan), where=whole > 0)


def _hits(counts: np.ndarray) -> np.ndarray:
    return np.diagonal(counts, axis1=-2, axis2=-1)


def _answered(counts: np.ndarray) -> np.ndarray:
    """Answers per class, (..., k)."""
    return counts[..., :-1].sum(axis=-2)


def _rejections(counts: np.ndarray) -> np.ndarray:
    """Items of other classes answered with another class, (..., k)."""
    valid = counts[..., :-1]
    total = valid.sum(axis=(-2, -1))[..., np.newaxis]
    return total - valid.sum(axis=-1) - valid.sum(axis=-2) + _hits(counts)


def sensitivity(counts: np.ndarray) -> np.ndarray:
    """Share of each class's items answered with it, (..., k), of counts (..., k, k + 1)."""
    return _share(_hits(counts), counts.sum(axis=-1))


def specificity(counts: np.ndarray) -> np.ndarray:
    """Share of the other classes' items answered with another class, (..., k)."""
    support = counts.sum(axis=-1)
    return _share(_rejections(counts), support.sum(axis=-1, keepdims=True) - support)


def ppv(counts: np.ndarray) -> np.ndarray:
    """Share of the answers with each class that are right, (..., k)."""
    return _share(_hits(counts), _answered(counts))


def npv(counts: np.ndarray) -> np.ndarray:
    """Share of the valid answers with another class whose item has another class, (..., k)."""
    answered = _answered(counts)
    return _share(_rejections(counts), answered.sum(axis=-1, keepdims=True) - answered)


def f1(counts: np.ndarray) -> np.ndarray:
    """F1 of each class against the rest, (..., k)."""
    return _share(2 * _hits(counts), counts.sum(axis=-1) + _answered(counts))


def accuracy(counts: np.ndarray) -> np.ndarray:
    """Share of items answered with their label, (...,)."""
    return _share(_hits(counts).sum(axis=-1), counts.sum(axis=(-2, -1)))


def macro_f1(counts: np.ndarray) -> np.ndarray:
    """Unweighted mean of the classes' F1, (...,)."""
    return _mean(f1(counts), np.ones(counts.shape[:-1]))


def weighted_f1(counts: np.ndarray) -> np.ndarray:
    """Mean of the classes' F1, each weighted by its items, (...,)."""
    return _mean(f1(counts), counts.sum(axis=-1))


def balanced_accuracy(counts: np.ndarray) -> np.ndarray:
    """Unweighted mean of the sensitivities of the classes that items have, (...,)."""
    return _mean(sensitivity(counts), np.ones(counts.shape[:-1]))


def _mean(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted mean over the last axis of the values that are defined."""
    known = ~np.isnan(values)
    return _share((np.where(known, values, 0) * weights).sum(axis=-1), (known * weights).sum(axis=-1))


def ppv_at(counts: np.ndarray, index: int, prevalence: float) -> np.ndarray:
    """PPV of one class where it has this prevalence, from its sensitivity and specificity by Bayes' theorem, (...,)."""
    caught = sensitivity(counts)[..., index] * prevalence
    return _share(caught, caught + (1 - specificity(counts)[..., index]) * (1 - prevalence))


def npv_at(counts: np.ndarray, index: int, prevalence: float) -> np.ndarray:
    """NPV of one class where it has this prevalence, (...,)."""
    cleared = specificity(counts)[..., index] * (1 - prevalence)
    return _share(cleared, cleared + (1 - sensitivity(counts)[..., index]) * prevalence)


def share_numbers(counts: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Each share of a class -> its numerator and denominator, (..., k), of counts (..., k, k + 1)."""
    support, answered, rejections = counts.sum(axis=-1), _answered(counts), _rejections(counts)
    return {
        "sensitivity": (_hits(counts), support),
        "specificity": (rejections, support.sum(axis=-1, keepdims=True) - support),
        "ppv": (_hits(counts), answered),
        "npv": (rejections, answered.sum(axis=-1, keepdims=True) - answered),
    }


PER_CLASS = {"sensitivity": sensitivity, "specificity": specificity, "ppv": ppv, "npv": npv}
OVERALL = {"macro_f1": macro_f1, "weighted_f1": weighted_f1, "balanced_accuracy": balanced_accuracy}


def label_estimates(
    labels: Sequence[str],
    answers: Answers,
    classes: Sequence[str],
    seed: int,
    prevalence: Mapping[str, float] | None = None,
    groups: Groups | None = None,
) -> list[Estimate]:
    """Metrics of all classes, then those of each class against the rest.

    Macro F1, weighted F1, balanced accuracy and the values at a named prevalence have bootstrap intervals. Accuracy and
    the shares of each class have Wilson's, and a class's F1 has Wilson's of TP / (TP + FP + FN), of which it is a
    function (Lam et al. 2023, arXiv:2309.14621).

    Args:
        labels: true labels.
        answers: predicted labels, None or "" where an answer gives none.
        classes: all labels of the task.
        seed: of the bootstrap.
        prevalence: label -> share of people who carry it where the model would be used.
        groups: (n,) index of each item's group.
    """
    counts, items = confusion_counts(labels, answers, classes), len(labels)
    resampled = resampled_counts(labels, answers, classes)
    alone = item_counts(labels, answers, classes)
    right = _hits(alone).sum(axis=-1)
    interval, method = share_interval(right, np.ones(items), groups)
    rows = [Estimate("accuracy", "", defined(accuracy(counts)), interval, method, items)]
    rows += [bootstrapped(name, "", _of(metric, resampled), items, seed, groups) for name, metric in OVERALL.items()]
    numbers = share_numbers(alone)
    for index, label in enumerate(classes):
        for name, (part, whole) in numbers.items():
            value = defined(PER_CLASS[name](counts)[index])
            interval, method = share_interval(part[:, index], whole[:, index], groups)
            rows.append(Estimate(name, label, value, interval, method, int(whole[:, index].sum())))
        union = np.maximum(alone[:, index].sum(axis=-1), _answered(alone)[:, index])
        (low, high), method = share_interval(_hits(alone)[:, index], union, groups)
        interval = (None, None) if low is None or high is None else (2 * low / (1 + low), 2 * high / (1 + high))
        rows.append(Estimate("f1", label, defined(f1(counts)[index]), interval, method, items))
        if prevalence and label in prevalence:
            for name, at in (("ppv_at_prevalence", ppv_at), ("npv_at_prevalence", npv_at)):
                metric = partial(at, index=index, prevalence=prevalence[label])
                rows.append(bootstrapped(name, label, _of(metric, resampled), items, seed, groups))
    return rows


def _of(metric: Metric, counts: Counts) -> Statistic:
    """A metric of counts as a statistic of weights."""
    return lambda weights: metric(counts(weights))
