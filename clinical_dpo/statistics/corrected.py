"""Estimates from raters' grades of a sample, from a judge's grades of all items, and from both together.

A judge is a language model that grades answers. The raters' sample corrects the judge's estimate.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from clinical_dpo.config.metrics import METRICS
from clinical_dpo.errors import UserError
from clinical_dpo.grading.scale import grade_values
from clinical_dpo.io import Row
from clinical_dpo.paths import comparison_name
from clinical_dpo.records import Grade
from clinical_dpo.statistics.comparisons import paired_rows
from clinical_dpo.statistics.groups import groups_of
from clinical_dpo.statistics.headline_differences import headline_difference, headline_estimate
from clinical_dpo.statistics.intervals import LEVEL, Interval, clopper_pearson
from clinical_dpo.statistics.metric_kinds import mean, proportion
from clinical_dpo.statistics.metrics import Grades
from clinical_dpo.statistics.prediction_powered import (
    SampleGroups,
    can_correct,
    corrected_difference,
    corrected_mean,
    corrections,
)
from clinical_dpo.variants import arms_of, compared, sorted_variants

CORRECTED, SAMPLE = "judge corrected by the sample", "sample alone"
COLUMNS = (
    *("task", "model", "compared", "metric", "rated", "items", "basis", "estimate", "ci_low", "ci_high", "p_value"),
    *("level", "level_ci_low", "level_ci_high", "margin_level", "margin_ci_low", "margin_ci_high"),
    *("sample_estimate", "sample_ci_low", "sample_ci_high", "judge_estimate", "judge_ci_low", "judge_ci_high"),
    *("judge_weight", "corrections", "data", "status"),
)
Rows = Sequence[Grade]


def corrected_table(
    raters: Grades, judge: Grades, task: Mapping[str, Any], alpha: float, arm_alpha: float | None = None
) -> list[Row]:
    """Rows with the columns COLUMNS, for every model: the mean of each variant and the difference in each comparison.

    `estimate` is the judge's estimate, corrected by the raters' sample (`prediction_powered.corrected_mean`). If the
    corrected estimate has no reliable interval, `estimate` is computed from the sample alone, with a classical
    interval. This is Clopper and Pearson's interval for a share, and a t interval for a mean. For a difference of
    shares it is Newcombe's interval, adjusted to agree with McNemar's exact P. As long as raters' or judge's grades are
    pending, the numbers are None.

    If grades have a `group`, groups are the independent units. Estimates from the sample alone then have the intervals
    and tests of `clustered`.

    Args:
        raters: maps (model, variant) to the raters' grades of the sample, one row per item.
        judge: maps (model, variant) to the judge's grades of all test items, one row per item.
        task: task settings with `name`, `metric`, `data` and `seed`.
        alpha: significance level of the decision about a comparison.
        arm_alpha: significance level of the decision about a comparison of an arm (a further variant). Needed only for
            a task with arms.

    Raises:
        UserError: the judge gave no grade to a sampled item, or a grade is not on the metric's scale.
    """
    metric = METRICS[task["metric"]]
    blank = dict.fromkeys(COLUMNS) | {"task": task["name"], "metric": metric.name, "data": task["data"]}
    table: list[Row] = []
    variants = sorted_variants(variant for _, variant in raters)
    for model in dict.fromkeys(model for model, _ in raters):
        for variant in variants:
            sample, verdicts = raters[model, variant], judge[model, variant]
            row = blank | {"model": model, "compared": variant, **_counts([sample], [verdicts])}
            if row["status"] == "complete":
                row |= _mean(sample, verdicts, task, f"{task['name']}/{model}/{variant}")
            table.append(row)
        for first, second in compared(variants):
            where = f"{task['name']}/{model}"
            pair = paired_rows(raters[model, first], raters[model, second], where, first, second)
            verdicts_pair = paired_rows(judge[model, first], judge[model, second], where, first, second)
            level = arm_alpha if arm_alpha is not None and arms_of([first]) else alpha
            row = blank | {"model": model, "compared": comparison_name(first, second)}
            row |= _counts(pair, verdicts_pair) | {"level": 1 - level, "margin_level": 1 - 2 * level}
            if row["status"] == "complete":
                row |= _difference(pair, verdicts_pair, task, [LEVEL, 1 - level, 1 - 2 * level], where)
            table.append(row)
    return table


def _counts(samples: Sequence[Rows], verdicts: Sequence[Rows]) -> Row:
    graded = [row for rows in (*samples, *verdicts) for row in rows]
    status = "pending" if any(row["status"] == "pending" for row in graded) else "complete"
    return {"rated": len(samples[0]), "items": len(verdicts[0]), "status": status}


def _halves(sample: Rows, verdicts: Rows, values: Sequence[Any] | np.ndarray, where: str) -> tuple[Any, Any]:
    """Split `values` into those of the sampled items, in the order of the sample, and those of all other items.

    Args:
        sample: the raters' grades of the sampled items.
        verdicts: the judge's grades of all items.
        values: one value for each row of `verdicts`.
        where: task, model and variant, for messages.

    Raises:
        UserError: `verdicts` lacks a sampled item.
    """
    by_id = dict(zip((row["id"] for row in verdicts), values, strict=True))
    if missing := [row["id"] for row in sample if row["id"] not in by_id]:
        raise UserError(
            f"verdicts on {where}: the judge has no verdict on some items of the raters' sample, such as "
            f"'{missing[0]}'. Delete judge/*.csv of this task and model, and run again."
        )
    rated = [by_id.pop(row["id"]) for row in sample]
    return np.array(rated), np.array(list(by_id.values()))


def _sample_groups(sample: Rows, verdicts: Rows, where: str) -> SampleGroups | None:
    groups = groups_of(verdicts)
    return None if groups is None else SampleGroups(*_halves(sample, verdicts, groups, where))


def _mean(sample: Rows, verdicts: Rows, task: Mapping[str, Any], where: str) -> Row:
    """Columns of one variant's row: the estimates from the sample and from the judge, and the corrected estimate."""
    metric = METRICS[task["metric"]]
    grades = grade_values(sample, metric)
    rated, others = _halves(sample, verdicts, grade_values(verdicts, metric), where)
    groups = _sample_groups(sample, verdicts, where)
    estimate, interval = headline_estimate(sample, task)
    if metric.kind == "proportion" and groups_of(sample) is None:
        interval = clopper_pearson(int(sum(grades)), len(grades))
    numbers = _side_by_side(estimate, interval, *headline_estimate(verdicts, task))
    numbers |= {"corrections": corrections(grades, rated), "basis": SAMPLE}
    if not can_correct(grades, rated, len(others), groups):
        return numbers | {"estimate": estimate, "ci_low": interval[0], "ci_high": interval[1]}
    corrected = corrected_mean(grades, rated, others, (metric.low, metric.high), groups=groups)
    low, high = corrected.interval
    numbers |= {"estimate": corrected.estimate, "ci_low": low, "ci_high": high}
    return numbers | {"judge_weight": corrected.weight, "basis": CORRECTED}


def _difference(
    pair: tuple[Rows, Rows],
    verdicts: tuple[Rows, Rows],
    task: Mapping[str, Any],
    levels: Sequence[float],
    where: str,
) -> Row:
    """Columns of a comparison's row: three estimates of the difference, first variant minus second variant.

    `sample_estimate` uses the raters' grades of the sample. `judge_estimate` uses the judge's grades of all items.
    `estimate` is the judge's estimate, corrected by the sample. If the corrected estimate has no reliable interval,
    `estimate` equals `sample_estimate`.

    Args:
        pair: two tables of the raters' grades of the sample: first variant, second variant.
        verdicts: two tables of the judge's grades of all items: first variant, second variant.
        task: see `corrected_table`.
        levels: confidence levels: 95%, the level of the decision, and the level of the tests against the margin.
        where: task and model, for messages.
    """
    metric = METRICS[task["metric"]]
    first, second = (np.array(grade_values(rows, metric)) for rows in pair)
    first_judged, second_judged = (np.array(grade_values(rows, metric)) for rows in verdicts)
    judged = first_judged - second_judged
    rated, others = _halves(pair[0], verdicts[0], judged, where)
    groups = _sample_groups(pair[0], verdicts[0], where)
    sample = first - second
    classical = headline_difference(*pair, task, levels, margin=metric.high - metric.low)
    by_judge = headline_difference(*verdicts, task, [LEVEL], margin=metric.high - metric.low)
    numbers = _side_by_side(classical.effect, classical.intervals[0], by_judge.effect, by_judge.intervals[0])
    numbers |= {"corrections": corrections(sample, rated), "basis": SAMPLE}
    if not can_correct(sample, rated, len(others), groups):
        test = mean.difference if metric.kind == "mean" else proportion.difference
        p = test(*pair, task, threshold=1 - levels[1])["p_value"]
        return numbers | {"estimate": classical.effect, "p_value": p} | _limits(classical.intervals)
    corrected = corrected_difference(sample, rated, others, levels, groups)
    numbers |= {"estimate": corrected.estimate, "p_value": corrected.p_value, **_limits(corrected.intervals)}
    return numbers | {"judge_weight": corrected.weight, "basis": CORRECTED}


def _side_by_side(sample: float | None, interval: Interval, judge: float | None, judge_interval: Interval) -> Row:
    return {
        **{"sample_estimate": sample, "sample_ci_low": interval[0], "sample_ci_high": interval[1]},
        **{"judge_estimate": judge, "judge_ci_low": judge_interval[0], "judge_ci_high": judge_interval[1]},
    }


def _limits(intervals: Sequence[Interval]) -> Row:
    """Columns of three intervals: at 95%, at the decision's level, and at the level of the tests against the margin."""
    return {
        f"{name}ci_{side}": limit
        for name, interval in zip(("", "level_", "margin_"), intervals, strict=True)
        for side, limit in zip(("low", "high"), interval, strict=True)
    }
