"""Metrics of every model and variant on one task, with 95% confidence intervals."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from clinical_dpo import scores
from clinical_dpo.errors import UserError
from clinical_dpo.records import Row

COLUMNS = (
    *("task", "model", "variant", "metric", "estimate", "ci_low", "ci_high", "ci_method", "n", "invalid_rate"),
    *("positive_class", "grader", "proxy", "data", "status"),
)
HEADLINES = {"f1": "f1", "accuracy": "accuracy", "likert": "mean_likert"}  # a task's `metric` -> its row's metric
RESAMPLES = 10_000

Interval = tuple[float | None, float | None]
Grades = Mapping[tuple[str, str], Sequence[Mapping[str, str]]]


def wilson(successes: int, n: int) -> Interval:
    """95% score interval of a proportion (Wilson 1927); (None, None) for n = 0."""
    if n == 0:
        return None, None
    low, high = proportion_confint(successes, n, alpha=0.05, method="wilson")
    return float(low), float(high)


def t_interval(values: Sequence[float]) -> Interval:
    """95% t interval of a mean; (None, None) where spread is not known: fewer than two values, or all the same."""
    if len(values) < 2 or np.ptp(values) < 1e-12:
        return None, None
    low, high = stats.t.interval(0.95, len(values) - 1, loc=np.mean(values), scale=stats.sem(values))
    return float(low), float(high)


def bootstrap_f1(
    labels: Sequence[str], parsed: scores.Answers, classes: Sequence[str], seed: int
) -> tuple[Interval, Interval]:
    """95% bootstrap percentile intervals of the first class's F1 and of macro F1 (Efron & Tibshirani 1993, ch. 13).

    F1 depends on the items only through the counts of (label, answer), and drawing items with replacement makes these
    counts multinomial: 10,000 resamples are one draw. Resamples in which an F1 is 0 / 0 are left out of its interval.
    Answers without any error give a point, as every bootstrap does.

    Args:
        labels: true labels, n items.
        parsed: predicted labels, None or "" where invalid.
        classes: the positive class, then the other.
        seed: of the resampling; the same seed gives the same interval.
    """
    answers = [*classes, ""]
    observed = np.zeros((2, 3))
    for label, found in zip(labels, parsed, strict=True):
        observed[classes.index(label), answers.index(found or "")] += 1
    drawn = np.random.default_rng(seed).multinomial(len(labels), observed.ravel() / len(labels), RESAMPLES)
    counts = drawn.reshape(RESAMPLES, 2, 3)  # resample, label, answer
    hits = np.stack([counts[:, 0, 0], counts[:, 1, 1]], axis=1)
    named = counts.sum(axis=2) + counts[:, :, :2].sum(axis=1)
    per_class = np.full(hits.shape, np.nan)
    np.divide(2 * hits, named, out=per_class, where=named > 0)
    return _percentiles(per_class[:, 0]), _percentiles(np.nanmean(per_class, axis=1))


def _percentiles(values: np.ndarray) -> Interval:
    known = values[~np.isnan(values)]
    if not len(known):
        return None, None
    low, high = np.percentile(known, [2.5, 97.5])
    return float(low), float(high)


def task_metrics(grades: Grades, task: Mapping[str, Any]) -> list[Row]:
    """Rows of COLUMNS: every metric of every model and variant, the headline metric first.

    A task with labels has f1, macro_f1, accuracy, sensitivity and specificity, one graded right or wrong has accuracy,
    one graded 1 to 5 has mean_likert; all have invalid_rate. Where grades are still awaited the numbers are None,
    `status` is pending and `n` counts the items awaited. A metric that is not defined (no positive item) is None too.

    Args:
        grades: (model, variant) -> rows of its grades table.
        task: `name`, `metric` (headline: f1, accuracy or likert), `data` (real or synthetic), `seed`, and for a task
            with labels `positive` and `negative`.

    Raises:
        UserError: no rows, a label the task does not have, or a grade off its scale; the message names the item.
    """
    return [
        row
        for (model, variant), rows in grades.items()
        for row in _variant_metrics(rows, task, {"task": task["name"], "model": model, "variant": variant})
    ]


def _variant_metrics(rows: Sequence[Mapping[str, str]], task: Mapping[str, Any], names: Row) -> list[Row]:
    if not rows:
        raise UserError(f"grades of {'/'.join(names.values())}: no rows. The test split needs at least one item.")
    shared = names | {
        "positive_class": task.get("positive") or "",
        "grader": rows[0]["grader"],
        "proxy": rows[0]["proxy"],
        "data": task["data"],
    }
    blank = dict.fromkeys(COLUMNS)
    awaited = sum(row["status"] == "pending" for row in rows)
    if awaited:
        pending = {"n": awaited, "status": "pending"}
        return [blank | shared | pending | {"metric": metric} for metric in _metric_names(task)]
    invalid = sum(row["valid"] == "false" for row in rows)
    found = _label_metrics(rows, task) if task.get("positive") else _graded_metrics(rows, task)
    found["invalid_rate"] = (invalid / len(rows), wilson(invalid, len(rows)), "wilson", len(rows))
    complete = {"invalid_rate": invalid / len(rows), "status": "complete"}
    return [
        blank
        | shared
        | complete
        | {"metric": metric, "estimate": estimate, "ci_low": low, "ci_high": high}
        # A method without its interval would claim what was not computed.
        | {"ci_method": None if low is None else method, "n": n}
        for metric in _metric_names(task)
        for estimate, (low, high), method, n in [found[metric]]
    ]


def _metric_names(task: Mapping[str, Any]) -> list[str]:
    headline = HEADLINES[task["metric"]]
    others = ["f1", "macro_f1", "accuracy", "sensitivity", "specificity"] if task.get("positive") else []
    return [headline, *(name for name in others if name != headline), "invalid_rate"]


Found = dict[str, tuple[float | None, Interval, str, int]]  # metric -> estimate, interval, its method, n


def _label_metrics(rows: Sequence[Mapping[str, str]], task: Mapping[str, Any]) -> Found:
    classes = [task["positive"], task["negative"]]
    for row in rows:
        for field, allowed in (("label", classes), ("parsed", [*classes, ""])):
            if row[field] not in allowed:
                raise UserError(
                    f"grades of {task['name']}, item {row['id']}, field '{field}': '{row[field]}' is no label of this "
                    f"task. Its labels: {', '.join(classes)}."
                )
    labels, parsed = [row["label"] for row in rows], [row["parsed"] for row in rows]
    positive, n = classes[0], len(rows)
    positives = labels.count(positive)
    negatives = n - positives
    right = [label for label, found in zip(labels, parsed, strict=True) if label == found]
    hits, rejections = right.count(positive), len(right) - right.count(positive)
    f1_interval, macro_interval = bootstrap_f1(labels, parsed, classes, task["seed"])
    return {
        "f1": (scores.f1(labels, parsed, positive), f1_interval, "bootstrap", n),
        "macro_f1": (scores.macro_f1(labels, parsed, classes), macro_interval, "bootstrap", n),
        "accuracy": (scores.accuracy(labels, parsed), wilson(len(right), n), "wilson", n),
        "sensitivity": (scores.sensitivity(labels, parsed, positive), wilson(hits, positives), "wilson", positives),
        "specificity": (
            scores.specificity(labels, parsed, positive),
            wilson(rejections, negatives),
            "wilson",
            negatives,
        ),
    }


def _graded_metrics(rows: Sequence[Mapping[str, str]], task: Mapping[str, Any]) -> Found:
    if task["metric"] == "likert":
        grades = scores.read_grades(rows, "likert")
        return {"mean_likert": (scores.mean(grades), t_interval(grades), "t", len(grades))}
    grades = scores.read_grades(rows, "binary")
    return {"accuracy": (scores.mean(grades), wilson(int(sum(grades)), len(grades)), "wilson", len(grades))}
