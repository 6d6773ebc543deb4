"""Comparisons of the variants over several training seeds.

A training seed is the number from which the random draws of training start.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from clinical_dpo.config.metrics import METRICS
from clinical_dpo.grading.scale import grade_values
from clinical_dpo.grading.scores import macro_f1
from clinical_dpo.io import Row
from clinical_dpo.paths import comparison_name, with_seed
from clinical_dpo.records import Grade
from clinical_dpo.statistics.comparisons import paired_rows
from clinical_dpo.statistics.groups import Groups, groups_of
from clinical_dpo.statistics.label_metrics import resampled_counts
from clinical_dpo.statistics.metrics import Grades, check_labels, classes_of
from clinical_dpo.statistics.seed_intervals import SeedEffect, Statistic, mean_of_items, seed_effect
from clinical_dpo.variants import UNTRAINED, compared

COLUMNS = (
    *("task", "model", "comparison", "measure", "n", "n_seeds", "seeds", "effect", "ci_low", "ci_high", "p_value"),
    *("seed_sd", "per_seed", "grader", "proxy", "data"),
)
Rows = Sequence[Grade]


def trained_variant(variant: str, seed: int, seeds: Sequence[int]) -> str:
    """The name under which a variant's grades for one training seed are stored.

    The name has a suffix with the seed. It has no suffix for the first seed and for variants that are not trained.

    Args:
        variant: the variant.
        seed: the training seed, one of `seeds`.
        seeds: all training seeds, in their order.
    """
    return variant if variant in UNTRAINED or seed == seeds[0] else with_seed(variant, seed)


def compare_seeds(grades: Grades, task: Mapping[str, Any], seeds: Sequence[int]) -> list[Row]:
    """Rows with the columns COLUMNS: every comparison of every model over all training seeds.

    Every comparison has a row for the difference of the task's metric, the same measure as in stats.csv. A task with
    the key `labels` or the metric macro F1 also has a row for the difference of macro F1. A task with two labels also
    has a row for the difference of F1.

    The column `per_seed` has the difference with each training seed: the first variant minus the second, both trained
    with this seed. A variant that is not trained (base or few-shot) has the same answers for every seed. The column
    `effect` is the mean of the differences over the seeds. Its interval and P are computed by
    `seed_intervals.seed_effect`. P is not corrected for several tests.

    Args:
        grades: maps (model, variant) to the variant's grades, one row per test item. No grade is pending. For every
            seed after the first there are also the variants sft_seed{seed}, dpo_seed{seed} and so on.
        task: task settings with `name`, `metric` (a key of METRICS) and `data` (real or synthetic). A task with labels
            also has `positive` and `negative`, or `labels`.
        seeds: the training seeds.

    Raises:
        UserError: seeds or variants have different items, a label is not one of the task's labels, or a grade is not on
            its scale.
    """
    table = []
    shared: Row = {"task": task["name"], "data": task["data"]}
    shared |= {"n_seeds": len(seeds), "seeds": " ".join(map(str, seeds))}
    pairs = compared(variant for _, variant in grades)
    for model in (model for model, variant in grades if variant == "base"):
        base = grades[model, "base"]
        for pair in pairs:
            first, second = (
                [_graded(grades, model, trained_variant(variant, seed, seeds), task) for seed in seeds]
                for variant in pair
            )
            proxy = any(row["proxy"] == "true" for rows in (*first, *second) for row in rows)
            names = shared | {"model": model, "comparison": comparison_name(*pair), "n": len(base)}
            names |= {"grader": base[0]["grader"], "proxy": "true" if proxy else "false"}
            table += [names | {"measure": measure} | numbers for measure, numbers in _effects(first, second, task)]
    return [{column: row[column] for column in COLUMNS} for row in table]


def _graded(grades: Grades, model: str, variant: str, task: Mapping[str, Any]) -> Rows:
    """Return a variant's grades in the order of the base model's items.

    Raises:
        UserError: the variant and the base model have different items; an item occurs twice; there are no grades; or a
            label or a parsed answer is not one of the task's labels.
    """
    rows = paired_rows(grades[model, "base"], grades[model, variant], f"{task['name']}/{model}", "base", variant)[1]
    if task.get("positive") or task.get("labels"):
        check_labels(rows, task)
    return rows


def _effects(first: Sequence[Rows], second: Sequence[Rows], task: Mapping[str, Any]) -> list[tuple[str, Row]]:
    """Return pairs of a measure's name and its numbers, one for each row that `compare_seeds` makes for two variants.

    A measure is a difference between the variants, such as `f1_difference`. The numbers are the columns `effect` (the
    mean of the differences over the seeds), its interval and P, `seed_sd` and `per_seed`.

    Args:
        first, second: for each seed, the grades of the first and of the second variant.
        task: see `compare_seeds`.
    """
    metric = METRICS[task["metric"]]
    differences = [
        np.subtract(grade_values(x, metric), grade_values(y, metric)) for x, y in zip(first, second, strict=True)
    ]
    groups = groups_of(first[0])
    means = _effect([values[:, np.newaxis] for values in differences], mean_of_items, groups)
    effects = [(metric.difference, _row(means, metric.high - metric.low))]
    if task.get("labels") or task["metric"] == "macro_f1":
        classes = classes_of(task)
        cells = [np.hstack([_cells(x, classes), _cells(y, classes)]) for x, y in zip(first, second, strict=True)]
        macro = _effect(cells, partial(macro_f1_difference, classes=len(classes)), groups)
        effects.append(("macro_f1_difference", _row(macro, 1.0)))
    if task.get("positive") or len(task.get("labels", ())) == 2:
        positive = classes_of(task)[0]
        counted = [
            np.hstack([_counted(x, positive), _counted(y, positive)]) for x, y in zip(first, second, strict=True)
        ]
        # Without a positive item F1 says nothing about the answers: it is 0, or not defined without false positives.
        positives = any(row["label"] == positive for row in first[0])
        f1 = _row(_effect(counted, f1_difference, groups) if positives else None, 1.0)
        effects.append(("f1_difference", f1))
    return effects


def _effect(values: Sequence[np.ndarray], statistic: Statistic, groups: Groups | None) -> SeedEffect:
    """The mean effect over training seeds, with its interval and P (see `seed_effect`).

    If the items are in groups, the interval and P treat groups, not items, as the independent units.

    Args:
        values: for each seed, k numbers for each item, an array of shape (items, k).
        statistic: function that computes the effect of a seed. Each of the k numbers is first averaged over the items.
            The function takes these averages as an array of shape (..., k), and returns an array of shape (...).
        groups: index of each item's group, an array of shape (items,); None for independent items.
    """
    if groups is None:
        return seed_effect(values, statistic)
    counted = np.array([np.column_stack([each, np.ones(len(each))]) for each in values])
    sums = np.array([np.column_stack([np.bincount(groups, column) for column in seed.T]) for seed in counted])
    return seed_effect(sums, lambda means: statistic(means[..., :-1] / means[..., -1:]))


def _counted(rows: Rows, positive: str) -> np.ndarray:
    """Each item's part of the numerator and of the denominator of F1, an array of shape (items, 2).

    F1 = 2 TP / (positive labels + positive answers).
    """
    pairs = np.array([(row["label"] == positive, row["parsed"] == positive) for row in rows], dtype=float)
    return np.column_stack([2 * pairs.prod(axis=1), pairs.sum(axis=1)])


def _cells(rows: Rows, classes: Sequence[str]) -> np.ndarray:
    """Each item's combination of true label and answer, an array of shape (items, classes x (classes + 1)).

    A row is a flattened table of true label by answer, with 1 in the item's cell and 0 elsewhere. Invalid answers have
    the last column of the table.
    """
    labels, answers = [row["label"] for row in rows], [row["parsed"] for row in rows]
    return resampled_counts(labels, answers, classes)(np.eye(len(rows))).reshape(len(rows), -1)


def macro_f1_difference(means: np.ndarray, classes: int) -> np.ndarray:
    """Difference of two variants' macro F1, first minus second.

    Args:
        means: shares of items, an array of shape (..., 2 x classes x (classes + 1)). The first half of the last axis is
            the first variant's table of true label by answer, flattened as in `_cells`. The second half is the second
            variant's table. An entry is the share of items in a cell.
        classes: number of classes.
    """
    counts = means.reshape(*means.shape[:-1], 2, classes, classes + 1)
    return macro_f1(counts[..., 0, :, :]) - macro_f1(counts[..., 1, :, :])


def f1_difference(means: np.ndarray) -> np.ndarray:
    """Difference of two variants' F1, first minus second; NaN if one of them is 0 / 0.

    Args:
        means: numerator and denominator of the first variant's F1, then of the second variant's; shape (..., 4).
    """
    with np.errstate(invalid="ignore"):
        return means[..., 0] / means[..., 1] - means[..., 2] / means[..., 3]


def _row(effect: SeedEffect | None, largest: float) -> Row:
    """Columns of an effect; all of them are None if `effect` is None.

    The interval is clipped: `ci_low` is at least -`largest`, and `ci_high` is at most `largest`.

    Args:
        effect: the effect; None if it is not defined.
        largest: the largest possible difference.
    """
    keys = ("effect", "ci_low", "ci_high", "p_value", "seed_sd", "per_seed")
    if effect is None:
        return dict.fromkeys(keys)
    row: Row = {key: getattr(effect, key) for key in keys[:-1]} | {"per_seed": " ".join(map(repr, effect.per_seed))}
    if effect.ci_low is not None and effect.ci_high is not None:
        row |= {"ci_low": max(effect.ci_low, -largest), "ci_high": min(effect.ci_high, largest)}
    return row
