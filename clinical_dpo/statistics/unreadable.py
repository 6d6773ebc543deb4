"""Headline metrics and decisions under other rules for unreadable answers.

An answer is unreadable if no label, match or grade can be read from it. The main results count an unreadable answer as
wrong. They also count an answer as wrong if the raters graded it "cannot judge" or disagreed on it. The other rules
show how much the results depend on this choice.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from clinical_dpo.config.metrics import METRICS, decision_metric
from clinical_dpo.io import Row
from clinical_dpo.paths import comparison_name
from clinical_dpo.records import Grade
from clinical_dpo.statistics.comparisons import paired_rows
from clinical_dpo.statistics.decisions import NO_BETTER_THAN_TRIVIAL, decide
from clinical_dpo.statistics.headline_differences import headline_difference, headline_estimate
from clinical_dpo.statistics.intervals import LEVEL
from clinical_dpo.statistics.metrics import Grades, classes_of
from clinical_dpo.statistics.ordered_metrics import answered_levels
from clinical_dpo.statistics.trivial import constant_answers
from clinical_dpo.variants import EXTERNAL, arms_of, compared, sorted_variants

Rows = Sequence[Grade]
AS_GRADED, POSITIVE, LEFT_OUT, WORST = "as graded", "positive", "left out", "worst case"
RULES = (AS_GRADED, POSITIVE, LEFT_OUT, WORST)
COLUMNS = (
    *("task", "model", "compared", "rule", "metric", "n", "unreadable", "estimate", "level", "ci_low", "ci_high"),
    *("decision", "changed", "data", "status"),
)


class Rival(NamedTuple):
    """The trivial answer (the same label for every item) with which a variant is compared.

    Attributes:
        label: the label that every item gets.
        level: confidence level of the interval of the difference between the variant and the trivial answer.
    """

    label: str
    level: float


def vary_unreadable(
    grades: Grades,
    task: Mapping[str, Any],
    margin: float,
    alpha: float,
    arm_alpha: float | None = None,
    trivial: Sequence[Mapping[str, str]] = (),
) -> list[Row]:
    """Rows with the columns COLUMNS: each variant's headline metric and each comparison's decision, under every rule.

    The rules for unreadable answers are:

    - `as graded`: the answer is wrong.
    - `positive`: if the task has two labels, the answer is the positive class. If it has more labels, the answer is the
      item's true label. If it has no labels, the answer has the best grade.
    - `left out`: the item is left out. A comparison leaves out an item if either answer is unreadable.
    - `worst case`: the answer is a wrong label (`wrong_labels`). If the task has no labels, the answer has the lowest
      grade. In a comparison, this holds only for the first variant. An unreadable answer of the second variant counts
      as right: it gets the item's true label or, in a task without labels, the best grade.

    As in decisions.csv, a first variant that is not above the trivial answer (the same label for every item) is never
    `better`.

    Args:
        grades: maps (model, variant) to the variant's grades, one row per test item. External answers are left out.
        task: task settings with `name`, `metric`, `data` and `seed`. A task with labels also has `positive` and
            `negative`, or `labels`.
        margin: the smallest difference that matters.
        alpha: significance level of a comparison.
        arm_alpha: significance level of a comparison of an arm (a further variant). Needed only for a task with arms.
        trivial: rows of the task's trivial.csv, as read; empty for a task without labels.
    """
    label_of = {row["variant"]: row["label"] for row in trivial if not row["model"]}
    rivals = {
        (row["model"], row["variant"]): Rival(label_of[row["rival"]], float(row["level"]))
        for row in trivial
        if row["model"]
    }
    table: list[Row] = []
    wrong = wrong_labels([row["label"] for row in next(iter(grades.values()))], task)
    variants = sorted_variants(variant for _, variant in grades)
    for model in dict.fromkeys(model for model, variant in grades if variant != EXTERNAL):
        shared = dict.fromkeys(COLUMNS) | {"task": task["name"], "model": model, "metric": task["metric"]}
        shared |= {"data": task["data"]}
        for variant in variants:
            rows = grades[model, variant]
            table += [
                shared | {"compared": variant, "rule": rule} | _headline(rows, rule, task, wrong) for rule in RULES
            ]
        for first, second in compared(variants):
            where = f"{task['name']}/{model}"
            x, y = paired_rows(grades[model, first], grades[model, second], where, first, second)
            names = shared | {"compared": comparison_name(first, second), "metric": decision_metric(task["metric"])}
            level = arm_alpha if arm_alpha is not None and arms_of([first]) else alpha
            rival = rivals.get((model, first))
            varied = [
                names | {"rule": rule} | _difference(x, y, rule, task, wrong, margin, level, rival) for rule in RULES
            ]
            for row in varied:
                if row["decision"]:
                    row["changed"] = "true" if row["decision"] != varied[0]["decision"] else "false"
            table += varied
    return table


def wrong_labels(labels: Sequence[str], task: Mapping[str, Any]) -> dict[str, str]:
    """Map each possible true label to the wrong label that replaces an unreadable answer under the rule `worst case`.

    All labels of the task are possible true labels. With two labels, the wrong label is the other label. With more
    labels, it is the rarest of the other labels that occur in the test items. If no other label occurs, it is the first
    other label. If the metric is the quadratic-weighted kappa, the wrong label is the label that is farthest from the
    true label.

    Args:
        labels: the true label of each test item.
        task: task settings with `metric` and either `labels` or both `positive` and `negative`. If the task has no
            labels, the result is empty.
    """
    if not task.get("positive") and not task.get("labels"):
        return {}
    classes, counts = classes_of(task), Counter(labels)
    if task["metric"] == "quadratic_kappa":
        return dict(zip(classes, answered_levels(classes, [""] * len(classes), classes), strict=True))
    # Labels without an item come last: as an answer, such a label would add a class to macro F1.
    order = sorted(classes, key=lambda name: counts[name] or len(labels) + 1)
    return {label: next(name for name in order if name != label) for label in classes}


def _headline(rows: Rows, rule: str, task: Mapping[str, Any], wrong: Mapping[str, str]) -> Row:
    facts: Row = {"n": len(rows), "unreadable": sum(map(_is_unreadable, rows)), "status": _status(rows)}
    if facts["status"] == "pending":
        return facts
    read = [row for row in rows if rule != LEFT_OUT or not _is_unreadable(row)]
    read = [_read(row, rule, task, wrong) for row in read]
    estimate, interval = headline_estimate(read, task)
    return facts | {
        "n": len(read),
        "estimate": estimate,
        "level": LEVEL,
        "ci_low": interval[0],
        "ci_high": interval[1],
    }


def _difference(
    x: Rows,
    y: Rows,
    rule: str,
    task: Mapping[str, Any],
    wrong: Mapping[str, str],
    margin: float,
    alpha: float,
    rival: Rival | None,
) -> Row:
    pairs = list(zip(x, y, strict=True))
    unreadable = sum(any(map(_is_unreadable, pair)) for pair in pairs)
    facts: Row = {"n": len(pairs), "unreadable": unreadable, "status": _status([*x, *y])}
    if facts["status"] == "pending":
        return facts
    if rule == LEFT_OUT:
        pairs = [pair for pair in pairs if not any(map(_is_unreadable, pair))]
    if not pairs:
        return facts | {"n": 0, "decision": "undecided"}
    first = [_read(row, rule, task, wrong) for row, _ in pairs]
    second = [_read(row, "right" if rule == WORST else rule, task, wrong) for _, row in pairs]
    difference = headline_difference(first, second, task, [1 - alpha, 1 - 2 * alpha], margin)
    interval, (low, high) = difference.intervals
    decision = decide(interval, (low, high), margin)
    if decision == "better" and rival and not _is_above(first, rival, task):
        decision = NO_BETTER_THAN_TRIVIAL
    numbers = {"estimate": difference.effect, "level": 1 - 2 * alpha, "ci_low": low, "ci_high": high}
    return facts | {"n": len(pairs), "decision": decision} | numbers


def _is_above(rows: Rows, rival: Rival, task: Mapping[str, Any]) -> bool:
    """Whether a variant is above the trivial answer: whether the interval of their difference is above zero.

    Args:
        rows: grades of the variant, one row per item.
        rival: the trivial answer.
        task: see `vary_unreadable`.
    """
    found = headline_difference(rows, constant_answers(rows, rival.label), task, [rival.level], margin=1.0)
    low, _ = found.intervals[0]
    return low is not None and low > 0


def _is_unreadable(row: Grade) -> bool:
    return row["valid"] == "false"


def _status(rows: Rows) -> str:
    return "pending" if any(row["status"] == "pending" for row in rows) else "complete"


def _read(row: Grade, rule: str, task: Mapping[str, Any], wrong: Mapping[str, str]) -> Grade:
    """Grade an answer by one of the rules for unreadable answers. The row of a readable answer is returned unchanged.

    Args:
        row: grade of one answer.
        rule: one of RULES, or "right". By the rule "right", an unreadable answer counts as right.
        task: see `vary_unreadable`.
        wrong: the result of `wrong_labels`.
    """
    if not _is_unreadable(row) or rule in (AS_GRADED, LEFT_OUT):
        return row
    metric = METRICS[task["metric"]]
    if not wrong:
        return {**row, "grade": str(metric.low if rule == WORST else metric.high)}
    positive = classes_of(task)[0] if len(wrong) == 2 else row["label"]
    parsed = {POSITIVE: positive, WORST: wrong[row["label"]]}.get(rule, row["label"])
    return {**row, "parsed": parsed, "grade": str(int(parsed == row["label"]))}
