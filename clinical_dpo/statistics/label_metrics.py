"""Metrics of answers to tasks with any number of labels, with intervals. `grading.scores` defines the metrics."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np

from clinical_dpo.grading import scores
from clinical_dpo.grading.scores import INVALID, Answers, confusion_counts, defined
from clinical_dpo.statistics.bootstrap_intervals import Statistic, bootstrapped
from clinical_dpo.statistics.clustered import combined_interval, ratio, share_interval
from clinical_dpo.statistics.estimate import Estimate
from clinical_dpo.statistics.f1_effects import f1_interval, macro_f1_interval
from clinical_dpo.statistics.groups import Groups, interval_method
from clinical_dpo.statistics.intervals import LEVEL, Interval, mover_interval, wilson

Metric = Callable[[np.ndarray], np.ndarray]  # counts (..., k, k + 1) -> (...)
Counts = Callable[[np.ndarray], np.ndarray]  # weights (resamples, items) -> counts (resamples, k, k + 1)


def resampled_counts(labels: Sequence[str], answers: Answers, classes: Sequence[str]) -> Counts:
    """Return a function that counts the weighted items of every combination of true label and answer.

    The function takes weights of the items, an array of shape (resamples, items). It returns an array of shape
    (resamples, classes, classes + 1). Its entry (r, i, j) is the total weight, in resample r, of the items with label i
    and answer j. Answers without a label have the last index.
    """
    cells = item_counts(labels, answers, classes)
    flat = cells.reshape(len(labels), -1)
    return lambda weights: (weights @ flat).reshape(len(weights), *cells.shape[1:])


def item_counts(labels: Sequence[str], answers: Answers, classes: Sequence[str]) -> np.ndarray:
    """Mark each item's combination of true label and answer in an array of shape (items, classes, classes + 1).

    The entry of an item is 1 at its label and answer, and 0 elsewhere. Answers without a label have the last index.
    """
    named = [*classes, INVALID]
    cells = np.zeros((len(labels), len(classes), len(named)))
    for item, (label, answer) in enumerate(zip(labels, answers, strict=True)):
        cells[item, named.index(label), named.index(answer or INVALID)] = 1
    return cells


def ppv_at(counts: np.ndarray, index: int, prevalence: float) -> np.ndarray:
    """PPV (positive predictive value) of a class at a prevalence, from sensitivity and specificity by Bayes' theorem.

    Args:
        counts: numbers of items, an array of shape (..., classes, classes + 1). The last two axes are the true label
            and the answer. Answers without a label have the last index.
        index: index of the class.
        prevalence: share of people who carry the label.

    Returns:
        PPV, an array of shape (...); NaN where PPV is not defined.
    """
    caught = scores.sensitivity(counts)[..., index] * prevalence
    return scores.share(caught, caught + (1 - scores.specificity(counts)[..., index]) * (1 - prevalence))


def npv_at(counts: np.ndarray, index: int, prevalence: float) -> np.ndarray:
    """NPV (negative predictive value) of a class at a prevalence, from sensitivity and specificity by Bayes' theorem.

    Args:
        counts: numbers of items, an array of shape (..., classes, classes + 1). The last two axes are the true label
            and the answer. Answers without a label have the last index.
        index: index of the class.
        prevalence: share of people who carry the label.

    Returns:
        NPV, an array of shape (...); NaN where NPV is not defined.
    """
    cleared = scores.specificity(counts)[..., index] * (1 - prevalence)
    return scores.share(cleared, cleared + (1 - scores.sensitivity(counts)[..., index]) * prevalence)


def share_numbers(counts: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return the numerators and the denominators of sensitivity, specificity, PPV and NPV for each class.

    Args:
        counts: numbers of items, an array of shape (..., classes, classes + 1). The last two axes are the true label
            and the answer. Answers without a label have the last index.

    Returns:
        `sensitivity`, `specificity`, `ppv` or `npv` -> (numerators, denominators). Both are arrays of shape
        (..., classes).
    """
    hits, rejections, answered = scores.hits(counts), scores.rejections(counts), scores.answered(counts)
    support = counts.sum(axis=-1)
    return {
        "sensitivity": (hits, support),
        "specificity": (rejections, support.sum(axis=-1, keepdims=True) - support),
        "ppv": (hits, answered),
        "npv": (rejections, answered.sum(axis=-1, keepdims=True) - answered),
    }


PER_CLASS = {
    "sensitivity": scores.sensitivity,
    "specificity": scores.specificity,
    "ppv": scores.ppv,
    "npv": scores.npv,
}
OVERALL = {
    "macro_f1": scores.macro_f1,
    "weighted_f1": scores.weighted_f1,
    "balanced_accuracy": scores.balanced_accuracy,
}


def balanced_accuracy_interval(
    labels: Sequence[str], answers: Answers, classes: Sequence[str], level: float = LEVEL, groups: Groups | None = None
) -> Interval:
    """Interval of balanced accuracy, by MOVER (`intervals.mover_interval`).

    Balanced accuracy is the mean sensitivity of the classes that occur in `labels`. MOVER combines the intervals of
    these sensitivities. Without groups, the sensitivities are independent, because each item counts only for the
    class that is its true label. With groups, the correlations of the sensitivities are computed over groups.

    Args:
        labels, answers, classes: as for `label_estimates`, with at least one item.
        level: confidence level.
        groups: index of each item's group, an array of shape (items,); None for independent items.
    """
    of_class = [np.array([label == name for label in labels], dtype=float) for name in classes if name in labels]
    right = np.array([label == answer for label, answer in zip(labels, answers, strict=True)], dtype=float)
    weights = [1 / len(of_class)] * len(of_class)
    if groups is not None:
        ratios = [ratio(right * counted, counted, groups, level) for counted in of_class]
        return combined_interval(ratios, weights, lowest=0.0)
    numbers = [(float((right * counted).sum()), float(counted.sum())) for counted in of_class]
    intervals = [wilson(hits, n, level) for hits, n in numbers]
    return mover_interval(weights, [hits / n for hits, n in numbers], intervals, np.eye(len(weights)), lowest=0.0)


MOVER: dict[str, Callable[..., Interval]] = {  # metric of OVERALL -> its interval where the bootstrap gives none
    "macro_f1": macro_f1_interval,
    "weighted_f1": partial(macro_f1_interval, weighted=True),
    "balanced_accuracy": balanced_accuracy_interval,
}


def overall_estimate(
    name: str,
    labels: Sequence[str],
    answers: Answers,
    classes: Sequence[str],
    seed: int,
    groups: Groups | None = None,
) -> Estimate:
    """A metric of all classes with its bootstrap interval.

    If the bootstrap gives no interval, for example because all answers are right, the interval is by MOVER
    (`intervals.mover_interval`).

    Args:
        name: name of the metric, a key of OVERALL.
        labels, answers, classes, seed, groups: as for `label_estimates`, with at least one item.
    """
    statistic = _of(OVERALL[name], resampled_counts(labels, answers, classes))
    estimate = bootstrapped(name, "", statistic, len(labels), seed, groups)
    if estimate.interval[0] is not None:
        return estimate
    interval = MOVER[name](labels, answers, classes, groups=groups)
    return estimate._replace(interval=interval, method=interval_method("mover", groups))


def label_estimates(
    labels: Sequence[str],
    answers: Answers,
    classes: Sequence[str],
    seed: int,
    prevalence: Mapping[str, float] | None = None,
    groups: Groups | None = None,
) -> list[Estimate]:
    """Metrics of all classes, then the metrics of each class against the other classes.

    The kind of interval depends on the metric:

    - accuracy, and the sensitivity, specificity, PPV and NPV of each class: `clustered.share_interval`, which is
      Wilson's interval for independent items.
    - macro F1, weighted F1 and balanced accuracy: interval of `overall_estimate`.
    - F1 of each class: `f1_effects.f1_interval`.
    - PPV and NPV at a given prevalence: bootstrap interval.

    Args:
        labels: the true label of each item.
        answers: the predicted label of each item; None or "" for an answer without a label.
        classes: all labels of the task.
        seed: seed of the bootstrap.
        prevalence: maps a label to its prevalence, which is the share of people with this label in the population for
            which the model is meant. A label without an entry has no PPV and NPV at a prevalence.
        groups: index of each item's group, an array of shape (items,); None for independent items.
    """
    counts, items = confusion_counts(labels, answers, classes), len(labels)
    resampled = resampled_counts(labels, answers, classes)
    alone = item_counts(labels, answers, classes)
    interval, method = share_interval(scores.hits(alone).sum(axis=-1), np.ones(items), groups)
    rows = [Estimate("accuracy", "", defined(scores.accuracy(counts)), interval, method, items)]
    rows += [overall_estimate(name, labels, answers, classes, seed, groups) for name in OVERALL]
    numbers = share_numbers(alone)
    for index, label in enumerate(classes):
        for name, (part, whole) in numbers.items():
            value = defined(PER_CLASS[name](counts)[index])
            interval, method = share_interval(part[:, index], whole[:, index], groups)
            rows.append(Estimate(name, label, value, interval, method, int(whole[:, index].sum())))
        interval = f1_interval(labels, answers, [label, *(name for name in classes if name != label)], groups=groups)
        method = interval_method("wilson", groups)
        rows.append(Estimate("f1", label, defined(scores.f1(counts)[index]), interval, method, items))
        if prevalence and label in prevalence:
            for name, at in (("ppv_at_prevalence", ppv_at), ("npv_at_prevalence", npv_at)):
                metric = partial(at, index=index, prevalence=prevalence[label])
                rows.append(bootstrapped(name, label, _of(metric, resampled), items, seed, groups))
    return rows


def _of(metric: Metric, counts: Counts) -> Statistic:
    """Return a function that computes a metric from the weights of the items.

    Args:
        metric: function that computes the metric from counts of shape (..., classes, classes + 1).
        counts: result of `resampled_counts`, a function that computes counts from weights of shape (resamples, items).
    """
    return lambda weights: metric(counts(weights))
