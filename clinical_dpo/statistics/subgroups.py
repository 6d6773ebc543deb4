"""The headline metric (main metric) and its differences in subgroups of the test items, with an interaction test.

A subgroup, such as sex, divides the test items into levels. The interaction test asks whether a difference is the same
in all levels. It is a permutation test of the sum of squares between the levels. Under the null hypothesis the levels
can be exchanged among the items. The test therefore compares the sum with its distribution over all assignments of the
levels, or over random assignments if there are too many. No maintained library has this test for items that belong to
groups, such as the visits of one patient. The numbers of small levels are masked (hidden).
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import permutation_test

from clinical_dpo.config.metrics import METRICS, decision_metric
from clinical_dpo.grading.scale import grade_values
from clinical_dpo.io import Row
from clinical_dpo.paths import comparison_name
from clinical_dpo.records import Grade
from clinical_dpo.statistics.comparisons import holm, paired_rows
from clinical_dpo.statistics.groups import Groups, groups_of, number_of_groups
from clinical_dpo.statistics.headline_differences import headline_difference, headline_estimate
from clinical_dpo.statistics.intervals import BLOCK, LEVEL, RESAMPLES, SAME, Interval
from clinical_dpo.statistics.masked_levels import masked_levels
from clinical_dpo.statistics.metrics import Grades
from clinical_dpo.variants import VARIANTS, compared, sorted_variants

Rows = Sequence[Grade]
COLUMNS = (
    *("task", "model", "compared", "measure", "subgroup", "level", "n", "n_groups", "masked"),
    *("estimate", "ci_low", "ci_high", "p_levels", "p_levels_holm", "proxy", "data", "status"),
)
ALL = "all items"  # subgroup and level in the row of all items
MISSING = "missing"  # level of the items without a value; it has a row but is not tested


class Compared(NamedTuple):
    """A single variant, or two variants that are compared.

    Attributes:
        name: name of the variant or of the comparison.
        first: grades of the single or of the first variant.
        second: grades of the second variant; None for a single variant.
    """

    name: str
    first: Rows
    second: Rows | None


def subgroup_table(
    grades: Grades, assigned: Sequence[Mapping[str, str]], task: Mapping[str, Any], smallest: int | None
) -> list[Row]:
    """Rows with the columns COLUMNS: every variant and comparison, for all items and for each level of each subgroup.

    A subgroup, such as sex, divides the test items into levels. The metric is the headline metric (main metric). If
    paired differences of the headline metric have no interval, the metric is accuracy
    (`config.metrics.decision_metric`).

    `p_levels` is P of the hypothesis that the mean of the items' values is the same in all levels. For a variant, an
    item's value is its grade. For a comparison, it is the difference of the two grades, and the test is the interaction
    test. If the metric is F1, macro F1 or accuracy, the grade is 1 for a right answer, otherwise 0. Masked levels and
    the level `missing` are not tested. `p_levels_holm` is P adjusted by Holm's method over the subgroups.

    Args:
        grades: maps (model, variant) to the variant's grades, one row per test item. External answers and extra
            training seeds are left out.
        assigned: the level of each test item in each subgroup, rows of `data.subgroups.COLUMNS`, as read. The levels
            keep the order of these rows.
        task: task settings with `name`, `metric`, `data` and `seed`. A task with labels also has `positive` and
            `negative`, or `labels`.
        smallest: a level with fewer items is masked (hidden). In a task with groups, a level with fewer groups is
            masked. None shows all levels.
    """
    of: dict[str, dict[str, list[str]]] = {}
    for row in assigned:
        of.setdefault(row["subgroup"], {}).setdefault(row["level"], []).append(row["id"])
    measured = _measured(task)
    table: list[Row] = []
    for model in dict.fromkeys(model for model, variant in grades if variant in VARIANTS):
        for unit in _compared(grades, model, task["name"]):
            shared = dict.fromkeys(COLUMNS) | {"task": task["name"], "model": model, "compared": unit.name}
            shared |= {"measure": METRICS[measured["metric"]].name, "data": task["data"]}
            both = [*unit.first, *(unit.second or ())]
            shared["proxy"] = "true" if any(row["proxy"] == "true" for row in both) else "false"
            shared["status"] = "pending" if any(row["status"] == "pending" for row in both) else "complete"
            table += _rows(unit, of, measured, smallest, shared)
    return table


def _measured(task: Mapping[str, Any]) -> Mapping[str, Any]:
    """The task's settings. `metric` is changed to accuracy if paired differences of the metric have no interval."""
    return {**task, "metric": decision_metric(task["metric"])}


def _compared(grades: Grades, model: str, name: str) -> list[Compared]:
    base = grades[model, "base"]
    rows = {
        variant: paired_rows(base, grades[model, variant], f"{name}/{model}", "base", variant)[1]
        for variant in sorted_variants(variant for other, variant in grades if other == model)
    }
    pairs = [Compared(comparison_name(*pair), rows[pair[0]], rows[pair[1]]) for pair in compared(rows)]
    return [Compared(variant, rows[variant], None) for variant in rows] + pairs


def _rows(
    unit: Compared,
    of: Mapping[str, Mapping[str, Sequence[str]]],
    task: Mapping[str, Any],
    smallest: int | None,
    shared: Row,
) -> list[Row]:
    """Rows of one variant or comparison.

    Args:
        unit: the variant or comparison.
        of: maps each subgroup to its levels, and each level to the ids of its items.
        task: see `subgroup_table`.
        smallest: see `subgroup_table`.
        shared: row to start from, with the columns that all rows have in common.
    """
    pending = shared["status"] == "pending"
    table = [shared | {"subgroup": ALL, "level": ALL, "masked": "false"} | _size(unit.first)]
    if not pending:
        table[0] |= _numbers(unit, task)
    p_values: dict[str, float | None] = {}
    row_by_id = {row["id"]: row for row in unit.first}

    def people(ids: Collection[str]) -> int:
        return _people([row_by_id[row_id] for row_id in ids if row_id in row_by_id])

    hidden = masked_levels(of, people, smallest)
    for subgroup, levels in of.items():
        parts = {level: _part(unit, set(ids)) for level, ids in levels.items()}
        for level, part in parts.items():
            row = shared | {"subgroup": subgroup, "level": level, "masked": "false"}
            if level in hidden[subgroup]:
                row["masked"] = "true"
            else:
                row |= _size(part.first) | ({} if pending else _numbers(part, task))
            table.append(row)
        shown = [part for level, part in parts.items() if level not in hidden[subgroup] and level != MISSING]
        p_values[subgroup] = (
            None
            if pending
            else levels_p(*_values(shown, task), groups_of([row for part in shown for row in part.first]), task["seed"])
        )
    adjusted = dict(zip(p_values, holm(list(p_values.values()), len(p_values)), strict=True))
    for row in table[1:]:
        row |= {"p_levels": p_values[row["subgroup"]], "p_levels_holm": adjusted[row["subgroup"]]}
    return table


def _part(unit: Compared, ids: set[str]) -> Compared:
    """The variant or comparison, restricted to the items with these ids."""
    first = [row for row in unit.first if row["id"] in ids]
    second = None if unit.second is None else [row for row in unit.second if row["id"] in ids]
    return Compared(unit.name, first, second)


def _size(rows: Rows) -> Row:
    return {"n": len(rows), "n_groups": number_of_groups(rows)}


def _people(rows: Rows) -> int:
    """Number of different groups, such as patients, in the rows. Without groups, the number of rows."""
    return number_of_groups(rows) or len(rows)


def _numbers(unit: Compared, task: Mapping[str, Any]) -> Row:
    interval: Interval
    if unit.second is None:
        estimate, interval = headline_estimate(unit.first, task)
    else:
        difference = headline_difference(unit.first, unit.second, task, [LEVEL], margin=1.0)
        estimate, interval = difference.effect, difference.intervals[0]
    return {"estimate": estimate, "ci_low": interval[0], "ci_high": interval[1]}


def _values(parts: Sequence[Compared], task: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Return a value for each test item, and the index of the item's level in a subgroup.

    For a single variant, the value is the item's grade. For a comparison, the value is the first variant's grade minus
    the second variant's grade. A subgroup, such as sex, divides the items into levels.

    Args:
        parts: for each level, the variant or comparison, restricted to the items of the level.
        task: task settings with `metric`.

    Returns:
        The values, and for each value the index of its level in `parts`; two arrays of shape (items,).
    """
    metric = METRICS[task["metric"]]
    values, levels = [], []
    for index, part in enumerate(parts):
        grades = np.array(grade_values(part.first, metric))
        values.append(grades if part.second is None else grades - np.array(grade_values(part.second, metric)))
        levels.append(np.full(len(part.first), index))
    return np.concatenate([*values, np.empty(0)]), np.concatenate([*levels, np.empty(0, dtype=int)])


def levels_p(values: np.ndarray, levels: np.ndarray, groups: Groups | None, seed: int) -> float | None:
    """P of equal means in all levels, by a permutation test of the sum of squares between levels, with scipy.

    The test permutes the levels among units. Without groups, a unit is an item. With groups, a unit consists of all
    items of a group that have the same level. For up to 7 units the test is exact. For more units it uses 10,000 random
    orders.

    Args:
        values: grades or differences of grades, an array of shape (items,).
        levels: index of each item's level, an array of shape (items,).
        groups: index of each item's group, an array of shape (items,); None for independent items.
        seed: seed of the random orders.

    Returns:
        P. It is 1 if all values are equal, and None if there are fewer than two levels.
    """
    count = len(set(levels.tolist()))
    if count < 2:
        return None
    if np.ptp(values) < SAME:
        return 1.0
    members = np.arange(len(values)) if groups is None else groups * count + levels
    _, first, unit = np.unique(members, return_index=True, return_inverse=True)
    sums, sizes, level_of = np.bincount(unit, values - values.mean()), np.bincount(unit), levels[first]

    def between(orders: np.ndarray, axis: int = -1) -> np.ndarray:
        total = np.zeros(np.shape(orders)[:-1])
        for level in range(count):
            chosen = np.asarray(orders) == level
            n = (chosen * sizes).sum(axis=axis)
            total = total + (chosen * sums).sum(axis=axis) ** 2 / np.maximum(n, 1)
        return total

    result = permutation_test(
        (level_of,),
        between,
        permutation_type="pairings",
        alternative="greater",
        n_resamples=RESAMPLES - 1,
        batch=BLOCK,
        rng=seed,
    )
    return float(result.pvalue)
