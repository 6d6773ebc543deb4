"""Paired comparisons of the variants on one task, and corrections for several tests."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, cast

import numpy as np
from statsmodels.stats.multitest import multipletests

from clinical_dpo.config.metrics import METRICS, metric_module
from clinical_dpo.errors import UserError
from clinical_dpo.io import Row
from clinical_dpo.paths import comparison_name, parse_comparison
from clinical_dpo.records import Comparison, Grade
from clinical_dpo.statistics.groups import groups_of, number_of_groups, without_groups
from clinical_dpo.statistics.metrics import Grades
from clinical_dpo.variants import EXTERNAL, VARIANTS, arms_of, compared

Rows = Sequence[Grade]
COLUMNS = tuple(Comparison.__annotations__)


def bonferroni(p: float, m: int) -> float:
    """P adjusted for a family of m tests (Dunn 1961), by statsmodels. The adjusted P is m * p, at most 1."""
    return float(_adjusted([p], m, "bonferroni")[0])


def holm(p_values: Sequence[float | None], m: int) -> list[float | None]:
    """P values adjusted for a family of m tests by Holm's step-down method, by statsmodels.

    The method is published in Holm 1979, Scand J Stat 6:65-70.

    Args:
        p_values: P values of the family. A P that is not known yet is None, and its adjusted P is None.
        m: number of tests in the family. A P that is not known counts as 1. When it becomes known, the adjusted P of
            the other tests can only fall.
    """
    adjusted = iter(_adjusted([p for p in p_values if p is not None], m, "holm"))
    return [None if p is None else float(next(adjusted)) for p in p_values]


def _adjusted(p_values: Sequence[float], m: int, method: str) -> np.ndarray:
    """The P values adjusted for a family of m tests. Each test of the family that is not in `p_values` counts as P = 1.

    Args:
        p_values: the known P values of the family.
        m: number of tests in the family.
        method: `bonferroni` or `holm`, a method of statsmodels' `multipletests`.
    """
    return multipletests([*p_values, *[1.0] * (m - len(p_values))], method=method)[1]


def compare_variants(
    grades: Grades,
    task: Mapping[str, Any],
    *,
    alpha: float,
    family: Sequence[str],
    external_families: Mapping[str, Sequence[str]] | None = None,
    arm_family: Sequence[str] | None = None,
) -> list[Comparison]:
    """Compare the variants of every model with each other and with all external answers. Return a row per comparison.

    In the comparison "sft_vs_base", sft is the first variant and base the second. `b` counts the items that only the
    first variant answers right. `c` counts the items that only the second variant answers right. Every effect is the
    first variant minus the second. P is significant if it is below alpha divided by the number of tests in the family.
    `p_holm` and `p_holm_study` stay None, because they need the P values of the other tasks (see `with_holm`). As long
    as grades are pending, `status` is pending, the results are None, and `n` counts the pairs with a pending grade.

    If grades have a `group`, the test, P and the intervals treat groups as the independent units. `p_unclustered` and
    the unclustered limits treat items as independent. They are for information only.

    Args:
        grades: maps (model, variant) to the variant's grades, one row per test item, for all variants of the task.
            External answers come from another model. Their key is (name, EXTERNAL).
        task: task settings with `name`, `metric` (a key of METRICS), `paired_test` (mcnemar or paired_t), `data` (real
            or synthetic) and `seed`. For a task with labels also the labels, as `positive` and `negative` or as
            `labels`.
        alpha: two-sided significance level that the tests of the family share.
        family: names of the tasks that share alpha, including this task. For one comparison and one model, each task
            has one test.
        external_families: maps the name of external answers to the tasks that share alpha in comparisons with these
            answers. For external answers that are not in the mapping, the tasks in `family` share alpha.
        arm_family: the comparisons of arms (further variants) that share alpha. Each is a string `task/comparison`, as
            in `Study.arm_family`. If this is None, only the comparisons of arms in this task share alpha.

    Raises:
        UserError: two variants have different items or labels, an item occurs twice, a grade is not on its scale, or
            the test does not fit the metric.
    """
    metric = METRICS[task["metric"]]
    if task["paired_test"] != metric.test:
        raise UserError(
            f"task '{task['name']}', key 'paired_test': the test '{task['paired_test']}' does not fit the metric "
            f"'{task['metric']}'. Set paired_test: {metric.test}."
        )
    blank = cast(Comparison, dict.fromkeys(COLUMNS))
    shared = blank | {"task": task["name"], "test": task["paired_test"], "data": task["data"]}
    shared |= {"alpha": alpha, "effect_measure": metric.difference}
    metric_kind = import_module(metric_module(task))
    external = [model for model, variant in grades if variant == EXTERNAL]
    pairs = compared(variant for _, variant in grades)
    with_external = [(variant, name) for name in external for variant in VARIANTS]
    own_family = [f"{task['name']}/{comparison_name(*pair)}" for pair in pairs if arms_of(pair)]
    rows = []
    for model in dict.fromkeys(model for model, variant in grades if variant != EXTERNAL):
        for first, second in (*pairs, *with_external):
            second_grades = grades[(second, EXTERNAL) if second in external else (model, second)]
            x, y = paired_rows(grades[model, first], second_grades, f"{task['name']}/{model}", first, second)
            tests = (external_families or {}).get(second, family)
            if arms_of([first]):
                tests = arm_family or own_family
            threshold = alpha / len(tests)
            row = shared | {"model": model, "comparison": comparison_name(first, second), "threshold": threshold}
            row |= {"family_size": len(tests), "family": " ".join(tests)}
            row["grader"] = " and ".join(dict.fromkeys((x[0]["grader"], y[0]["grader"])))
            row["proxy"] = "true" if "true" in (x[0]["proxy"], y[0]["proxy"]) else "false"
            pending = sum("pending" in (ours["status"], theirs["status"]) for ours, theirs in zip(x, y, strict=True))
            if pending:
                rows.append(row | {"n": pending, "status": "pending"})
                continue
            row |= {"n": len(x), "status": "complete", "n_groups": number_of_groups(x)}
            row |= metric_kind.difference(x, y, task, threshold)
            if groups_of(x) is not None:
                independent = metric_kind.difference(without_groups(x), without_groups(y), task, threshold)
                row["p_unclustered"] = independent["p_value"]
                row |= {f"unclustered_{name}": independent[f"effect_{name}"] for name in ("ci_low", "ci_high")}
            if row["p_value"] is not None:
                row["p_adjusted"] = bonferroni(row["p_value"], len(tests))
                row["significant"] = "true" if row["p_value"] < threshold else "false"
            rows.append(row)
    return rows


def paired_rows(x: Rows, y: Rows, where: str, first: str, second: str) -> tuple[Rows, Rows]:
    """Return the rows of both variants. The second variant's rows are put into the order of the first variant's items.

    Args:
        x, y: rows of the first and of the second variant.
        where: task and model, for messages.
        first, second: names of the variants, for messages.

    Raises:
        UserError: there are no rows, an item occurs twice, or an item occurs for one variant only. The message names
            `where` and the variant.
    """
    if not x:
        raise UserError(f"grades of {where}/{first}: the table has no rows. Delete the table and run again.")
    x_by_id, y_by_id = {row["id"]: row for row in x}, {row["id"]: row for row in y}
    for variant, rows, by_id, other, other_ids in (
        (first, x, x_by_id, second, y_by_id),
        (second, y, y_by_id, first, x_by_id),
    ):
        if len(by_id) < len(rows):
            ids = [row["id"] for row in rows]
            repeated = next(item for item in ids if ids.count(item) > 1)
            raise UserError(f"grades of {where}/{variant}: item '{repeated}' occurs twice. Remove one of the rows.")
        missing = [item for item in other_ids if item not in by_id]
        if missing:
            raise UserError(
                f"grades of {where}/{variant}: the table lacks {len(missing)} of the items that '{other}' has, such as "
                f"'{missing[0]}'. Both variants must answer the same test items. Delete both tables of grades and run "
                "again."
            )
    return x, [y_by_id[row["id"]] for row in x]


def with_holm(rows: Sequence[Mapping[str, Any]]) -> list[Row]:
    """Copy the rows of all tasks' statistics tables, with the columns `p_holm` and `p_holm_study` filled in.

    Both columns have P values adjusted by Holm's method. Comparisons of arms (further variants) are adjusted separately
    from all other comparisons.

    - `p_holm` is adjusted over the rows with the same model and the same text in the column `family`. This text lists
      the tasks that share alpha; for arms, it lists the comparisons that share alpha. For comparisons without arms, the
      rows also have the same comparison, such as `dpo_vs_sft`. The number of tests is the row's `family_size`.
    - `p_holm_study` is adjusted over the rows of all tasks, models and comparisons.

    Args:
        rows: rows of all tasks, as computed or as read from CSV.
    """
    families: dict[tuple[str, str, str], list[int]] = {}
    studies: dict[bool, list[int]] = {}  # whether the comparison is of an arm -> its rows
    for index, row in enumerate(rows):
        of_arm = bool(arms_of(parse_comparison(row["comparison"])))
        families.setdefault((row["family"], row["model"], "" if of_arm else row["comparison"]), []).append(index)
        studies.setdefault(of_arm, []).append(index)
    p_values = [None if row["p_value"] in (None, "") else float(row["p_value"]) for row in rows]
    filled = [dict(row) for row in rows]
    for indices in studies.values():
        for index, p in zip(indices, holm([p_values[index] for index in indices], len(indices)), strict=True):
            filled[index]["p_holm_study"] = p
    for indices in families.values():
        adjusted = holm([p_values[index] for index in indices], int(rows[indices[0]]["family_size"]))
        for index, p in zip(indices, adjusted, strict=True):
            filled[index]["p_holm"] = p
    return filled
