"""Headline metrics and decisions under other rules for answers that cannot be read, and for "cannot judge".

Such an answer counts as wrong. The other rules show how much depends on this.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from clinical_dpo.config.metrics import METRICS
from clinical_dpo.grading import scores
from clinical_dpo.grading.scale import grade_values, mean
from clinical_dpo.io import Row
from clinical_dpo.paths import comparison_name
from clinical_dpo.records import Grade
from clinical_dpo.statistics.comparisons import paired_rows
from clinical_dpo.statistics.decisions import decide
from clinical_dpo.statistics.f1_effects import f1_interval
from clinical_dpo.statistics.headline_differences import headline_difference
from clinical_dpo.statistics.intervals import LEVEL, Interval, t_interval, wilson
from clinical_dpo.statistics.metrics import Grades
from clinical_dpo.variants import EXTERNAL, arms_of, compared, sorted_variants

Rows = Sequence[Grade]
AS_GRADED, POSITIVE, LEFT_OUT, WORST = "as graded", "positive", "left out", "worst case"
RULES = (AS_GRADED, POSITIVE, LEFT_OUT, WORST)
COLUMNS = (
    *("task", "model", "compared", "rule", "metric", "n", "unreadable", "estimate", "level", "ci_low", "ci_high"),
    *("decision", "changed", "data", "status"),
)


def vary_unreadable(
    grades: Grades, task: Mapping[str, Any], margin: float, alpha: float, arm_alpha: float | None = None
) -> list[Row]:
    """Rows of COLUMNS: each variant's headline metric and each comparison's decision, under every rule.

    The rules for unreadable answers: `positive` reads the positive label, or without labels the best grade. `left out`
    leaves out the items, in a comparison those of either variant. `worst case` reads the wrong label or the lowest
    grade; in a comparison it does so for the first variant, and reads the right answer for the second.

    Args:
        grades: (model, variant) -> rows of its grades table; external answers are left out.
        task: `name`, `metric`, `data`, `seed`, and for F1 `positive` and `negative`.
        margin: the smallest difference that matters.
        alpha: level of a comparison.
        arm_alpha: level of a comparison of an arm; needed only for a task with arms.
    """
    table: list[Row] = []
    variants = sorted_variants(variant for _, variant in grades)
    for model in dict.fromkeys(model for model, variant in grades if variant != EXTERNAL):
        shared = dict.fromkeys(COLUMNS) | {"task": task["name"], "model": model, "metric": task["metric"]}
        shared |= {"data": task["data"]}
        for variant in variants:
            rows = grades[model, variant]
            table += [shared | {"compared": variant, "rule": rule} | _headline(rows, rule, task) for rule in RULES]
        for first, second in compared(variants):
            where = f"{task['name']}/{model}"
            x, y = paired_rows(grades[model, first], grades[model, second], where, first, second)
            names = shared | {"compared": comparison_name(first, second)}
            level = arm_alpha if arm_alpha is not None and arms_of([first]) else alpha
            varied = [names | {"rule": rule} | _difference(x, y, rule, task, margin, level) for rule in RULES]
            for row in varied:
                if row["decision"]:
                    row["changed"] = "true" if row["decision"] != varied[0]["decision"] else "false"
            table += varied
    return table


def _headline(rows: Rows, rule: str, task: Mapping[str, Any]) -> Row:
    facts: Row = {"n": len(rows), "unreadable": sum(map(_is_unreadable, rows)), "status": _status(rows)}
    if facts["status"] == "pending":
        return facts
    read = [row for row in rows if rule != LEFT_OUT or not _is_unreadable(row)]
    read = [_read(row, rule, task) for row in read]
    metric = METRICS[task["metric"]]
    interval: Interval
    if task["metric"] == "f1":
        labels, parsed = [row["label"] for row in read], [row["parsed"] for row in read]
        estimate = scores.f1(labels, parsed, task["positive"]) if read else None
        interval = f1_interval(labels, parsed, [task["positive"], task["negative"]])
    else:
        values = grade_values(read, metric)
        estimate = mean(values)
        interval = t_interval(values) if metric.kind == "mean" else wilson(int(sum(values)), len(values))
    return facts | {
        "n": len(read),
        "estimate": estimate,
        "level": LEVEL,
        "ci_low": interval[0],
        "ci_high": interval[1],
    }


def _difference(x: Rows, y: Rows, rule: str, task: Mapping[str, Any], margin: float, alpha: float) -> Row:
    pairs = list(zip(x, y, strict=True))
    unreadable = sum(_is_unreadable(one) or _is_unreadable(other) for one, other in pairs)
    facts: Row = {"n": len(pairs), "unreadable": unreadable, "status": _status([*x, *y])}
    if facts["status"] == "pending":
        return facts
    if rule == LEFT_OUT:
        pairs = [pair for pair in pairs if not any(map(_is_unreadable, pair))]
    if not pairs:
        return facts | {"n": 0, "decision": "undecided"}
    first = [_read(one, rule, task) for one, _ in pairs]
    second = [_read(other, "right" if rule == WORST else rule, task) for _, other in pairs]
    found = headline_difference(first, second, task, [1 - alpha, 1 - 2 * alpha], margin)
    interval, (low, high) = found.intervals
    decision = decide(interval, (low, high), margin)
    numbers = {"estimate": found.effect, "level": 1 - 2 * alpha, "ci_low": low, "ci_high": high}
    return facts | {"n": len(pairs), "decision": decision} | numbers


def _is_unreadable(row: Grade) -> bool:
    return row["valid"] == "false"


def _status(rows: Rows) -> str:
    return "pending" if any(row["status"] == "pending" for row in rows) else "complete"


def _read(row: Grade, rule: str, task: Mapping[str, Any]) -> Grade:
    """A row of grades, as a rule reads it where its answer is unreadable."""
    if not _is_unreadable(row) or rule in (AS_GRADED, LEFT_OUT):
        return row
    metric = METRICS[task["metric"]]
    if not task.get("positive"):
        return {**row, "grade": str(metric.low if rule == WORST else metric.high)}
    other = task["negative"] if row["label"] == task["positive"] else task["positive"]
    parsed = {POSITIVE: task["positive"], WORST: other}.get(rule, row["label"])
    return {**row, "parsed": parsed, "grade": str(int(parsed == row["label"]))}
