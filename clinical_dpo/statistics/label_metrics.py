"""Estimates of metrics of answers with any number of labels; `grading.scores` defines the metrics."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np

from clinical_dpo.grading import scores
from clinical_dpo.grading.scores import INVALID, Answers, confusion_counts, defined
from clinical_dpo.statistics.bootstrap_intervals import Statistic, bootstrapped
from clinical_dpo.statistics.estimate import Estimate
from clinical_dpo.statistics.f1_effects import f1_interval
from clinical_dpo.statistics.intervals import wilson

Metric = Callable[[np.ndarray], np.ndarray]  # counts (..., k, k + 1) -> (...)
Counts = Callable[[np.ndarray], np.ndarray]  # weights (resamples, items) -> counts (resamples, k, k + 1)


def resampled_counts(labels: Sequence[str], answers: Answers, classes: Sequence[str]) -> Counts:
    """The function from weights of the items, (resamples, items), to their counts, (resamples, k, k + 1)."""
    named = [*classes, INVALID]
    cells = np.zeros((len(labels), len(classes), len(named)))
    for item, (label, answer) in enumerate(zip(labels, answers, strict=True)):
        cells[item, named.index(label), named.index(answer or INVALID)] = 1
    flat = cells.reshape(len(labels), -1)
    return lambda weights: (weights @ flat).reshape(len(weights), len(classes), len(named))


def ppv_at(counts: np.ndarray, index: int, prevalence: float) -> np.ndarray:
    """PPV of one class where it has this prevalence, from its sensitivity and specificity by Bayes' theorem, (...,)."""
    caught = scores.sensitivity(counts)[..., index] * prevalence
    return scores.share(caught, caught + (1 - scores.specificity(counts)[..., index]) * (1 - prevalence))


def npv_at(counts: np.ndarray, index: int, prevalence: float) -> np.ndarray:
    """NPV of one class where it has this prevalence, (...,)."""
    cleared = scores.specificity(counts)[..., index] * (1 - prevalence)
    return scores.share(cleared, cleared + (1 - scores.sensitivity(counts)[..., index]) * prevalence)


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


def label_estimates(
    labels: Sequence[str],
    answers: Answers,
    classes: Sequence[str],
    seed: int,
    prevalence: Mapping[str, float] | None = None,
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
    """
    counts, items = confusion_counts(labels, answers, classes), len(labels)
    resampled = resampled_counts(labels, answers, classes)
    hits, rejections, answered = scores.hits(counts), scores.rejections(counts), scores.answered(counts)
    right = int(hits.sum())
    rows = [Estimate("accuracy", "", defined(scores.accuracy(counts)), wilson(right, items), "wilson", items)]
    rows += [bootstrapped(name, "", _of(metric, resampled), items, seed) for name, metric in OVERALL.items()]
    numbers = {  # of each share: its two numbers, per class
        "sensitivity": (hits, counts.sum(axis=-1)),
        "specificity": (rejections, items - counts.sum(axis=-1)),
        "ppv": (hits, answered),
        "npv": (rejections, answered.sum() - answered),
    }
    for index, label in enumerate(classes):
        for name, (part, whole) in numbers.items():
            value = defined(PER_CLASS[name](counts)[index])
            rows.append(
                Estimate(name, label, value, wilson(int(part[index]), int(whole[index])), "wilson", int(whole[index]))
            )
        interval = f1_interval(labels, answers, [label, *(name for name in classes if name != label)])
        rows.append(Estimate("f1", label, defined(scores.f1(counts)[index]), interval, "wilson", items))
        if prevalence and label in prevalence:
            for name, at in (("ppv_at_prevalence", ppv_at), ("npv_at_prevalence", npv_at)):
                metric = partial(at, index=index, prevalence=prevalence[label])
                rows.append(bootstrapped(name, label, _of(metric, resampled), items, seed))
    return rows


def _of(metric: Metric, counts: Counts) -> Statistic:
    """A metric of counts as a statistic of weights."""
    return lambda weights: metric(counts(weights))
