"""Trivial answers to a task with labels, and the comparison of every variant with them.

Trivial answers need no model. A trivial answer gives every item the same label: the most frequent label of the training
rows. A task with two labels has a second trivial answer, the positive label. If the test items have the same shares of
labels as the training rows, no other constant answer has a higher accuracy or macro F1 than the most frequent label.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from clinical_dpo.config.metrics import HEADLINES, decision_metric
from clinical_dpo.config.trivial import ALWAYS_POSITIVE, MAJORITY, NEARLY_ALL
from clinical_dpo.grading import scores
from clinical_dpo.io import Row
from clinical_dpo.records import Grade
from clinical_dpo.statistics.comparisons import paired_rows
from clinical_dpo.statistics.headline_differences import headline_difference
from clinical_dpo.statistics.label_headlines import headline_score
from clinical_dpo.statistics.metrics import Grades, check_labels, classes_of
from clinical_dpo.variants import EXTERNAL

METRICS = ("f1", "macro_f1", "accuracy", "sensitivity", "specificity")
COLUMNS = (
    *("task", "model", "variant", "label", "label_share", "one_label", *METRICS, "n"),
    *("rival", "difference", "level", "ci_low", "ci_high", "above_trivial", "data"),
)


def columns_of(task: Mapping[str, Any]) -> list[str]:
    """The columns of the table of trivial answers: COLUMNS, and the task's headline metric if COLUMNS lacks it.

    Args:
        task: the task's settings, with `metric`.
    """
    return list(dict.fromkeys([*COLUMNS, HEADLINES[task["metric"]]]))


def trivial_labels(training_labels: Sequence[str], classes: Sequence[str]) -> dict[str, str]:
    """Map the name of each trivial answer to the label that it gives to every item.

    The trivial answer MAJORITY gives the most frequent label of the training rows. With two labels, there is also the
    trivial answer ALWAYS_POSITIVE, which gives the positive label.

    Args:
        training_labels: labels of the training rows.
        classes: all labels. If there are two labels, the positive class comes first. If several labels are equally
            frequent in the training rows, the one that comes first in `classes` counts as the most frequent.
    """
    counts = Counter(training_labels)
    majority = max(classes, key=lambda name: counts[name])
    return {MAJORITY: majority, ALWAYS_POSITIVE: classes[0]} if len(classes) == 2 else {MAJORITY: majority}


def compare_trivial(grades: Grades, training_labels: Sequence[str], task: Mapping[str, Any], alpha: float) -> list[Row]:
    """Compare every variant with the trivial answers. Return a row per trivial answer, then a row per variant.

    A trivial answer gives the same label to every item. The comparison uses the task's headline metric (main metric).
    If this metric has no interval for paired differences, the comparison uses accuracy instead. If there are two
    trivial answers, every variant is compared with the one whose metric is higher.

    The rows have the columns of `columns_of`, among them:

    - `rival`: name of the trivial answer with which the variant is compared.
    - `difference`: the variant's metric minus the rival's metric.
    - `above_trivial`: "true" if the interval of the difference, at the confidence level 1 - alpha, is above zero.
    - `one_label`: "true" if the share of items that get the same label is at least NEARLY_ALL.
    - `f1`, `sensitivity`, `specificity`: values of the positive class; None for a task with more than two labels.
    - `auroc`: a column only if AUROC is the headline metric; computed for trivial answers only, None for variants.

    Args:
        grades: maps (model, variant) to the variant's grades, one row per test item. The function ignores the variant
            `external` (answers made outside of the run).
        training_labels: labels of the training rows.
        task: task settings with `name`, `metric`, `data` and `seed`, and its labels: either `positive` and `negative`,
            or `labels`.
        alpha: two-sided significance level of each comparison.

    Raises:
        UserError: a label is not one of the task's labels, or variants have different items.
    """
    classes = classes_of(task)
    variants = {key: rows for key, rows in grades.items() if key[1] != EXTERNAL}
    items = next(iter(variants.values()))
    constant = {
        name: constant_answers(items, label) for name, label in trivial_labels(training_labels, classes).items()
    }
    rows = [_row(task, "", name, answered, classes) for name, answered in constant.items()]
    compared = HEADLINES[decision_metric(task["metric"])]
    rival = max(rows, key=lambda row: -1.0 if row[compared] is None else row[compared])["variant"]
    for (model, variant), answered in variants.items():
        check_labels(answered, task)
        where = f"{task['name']}/{model}"
        x, y = paired_rows(answered, constant[rival], where, variant, rival)
        difference = headline_difference(x, y, task, [1 - alpha], margin=1.0)
        low, high = difference.intervals[0]
        row = _row(task, model, variant, answered, classes) | {"rival": rival, "difference": difference.effect}
        row |= {"level": 1 - alpha, "ci_low": low, "ci_high": high}
        rows.append(row | {"above_trivial": "true" if low is not None and low > 0 else "false"})
    return rows


def constant_answers(items: Sequence[Grade], label: str) -> list[Grade]:
    """Grades that a variant would get if it gave the same label to every item.

    Args:
        items: grades of any variant. The result keeps their true labels and ids, but not the variant's own answers.
        label: the label that every item gets.
    """
    return [{**item, "parsed": label, "grade": str(int(item["label"] == label)), "valid": "true"} for item in items]


def _row(task: Mapping[str, Any], model: str, variant: str, answered: Sequence[Grade], classes: Sequence[str]) -> Row:
    labels, parsed = [row["label"] for row in answered], [row["parsed"] for row in answered]
    label, count = max(((name, parsed.count(name)) for name in classes), key=lambda pair: pair[1])
    counts = scores.confusion_counts(labels, parsed, classes)
    estimates = {"macro_f1": scores.macro_f1(counts), "accuracy": scores.accuracy(counts)}
    if len(classes) == 2:
        estimates |= {"f1": scores.f1(counts)[0], "sensitivity": scores.sensitivity(counts)[0]}
        estimates["specificity"] = scores.specificity(counts)[0]
    row = dict.fromkeys(columns_of(task)) | {name: scores.defined(value) for name, value in estimates.items()}
    if task["metric"] == "auroc":
        # A trivial variant gives every item the same probability, so its AUROC is 0.5.
        row["auroc"] = 0.5 if not model and len(set(labels)) > 1 else None
    elif HEADLINES[task["metric"]] not in METRICS:
        row[HEADLINES[task["metric"]]] = headline_score(labels, parsed, task)
    share = count / len(parsed)
    names = {"task": task["name"], "model": model, "variant": variant, "label": label, "label_share": share}
    facts = {"one_label": "true" if share >= NEARLY_ALL else "false", "n": len(parsed), "data": task["data"]}
    return row | names | facts
