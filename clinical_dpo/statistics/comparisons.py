"""Paired comparisons of the variants on one task: corrections for several tests, and the table."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

import numpy as np
from statsmodels.stats.multitest import multipletests

from clinical_dpo.config.metrics import METRICS, metric_module
from clinical_dpo.errors import UserError
from clinical_dpo.io import Row
from clinical_dpo.statistics.metrics import Grades
from clinical_dpo.variants import COMPARISONS, EXTERNAL, comparison_name, parse_comparison

Rows = Sequence[Mapping[str, str]]
COLUMNS = (
    *("task", "model", "comparison", "n", "test", "b", "c", "statistic", "p_value", "p_adjusted", "p_holm"),
    "p_holm_study",
    *("significant", "alpha", "threshold", "family_size", "family"),
    *("effect_measure", "effect", "effect_ci_low", "effect_ci_high", "smallest_detectable"),
    *("secondary_measure", "secondary_effect", "secondary_ci_low", "secondary_ci_high"),
    *("p_mid", "p_chi2", "p_chi2_corrected", "p_f1_permutation", "p_wilcoxon"),
    *("grader", "proxy", "data", "status"),
)


def bonferroni(p: float, m: int) -> float:
    """P adjusted for a family of m tests (Dunn 1961), by statsmodels: m * p, at most 1."""
    return float(_adjusted([p], m, "bonferroni")[0])


def holm(p_values: Sequence[float | None], m: int) -> list[float | None]:
    """P values adjusted for a family of m tests step by step (Holm 1979, Scand J Stat 6:65-70), by statsmodels.

    Args:
        p_values: those known; None stays None.
        m: the family's size. Tests not known yet count as P = 1, so that knowing them can only lower the others.
    """
    adjusted = iter(_adjusted([p for p in p_values if p is not None], m, "holm"))
    return [None if p is None else float(next(adjusted)) for p in p_values]


def _adjusted(known: Sequence[float], m: int, method: str) -> np.ndarray:
    """Adjusted P of the known ones, in a family of m of which the others count as 1."""
    return multipletests([*known, *[1.0] * (m - len(known))], method=method)[1]


def compare_variants(
    grades: Grades,
    task: Mapping[str, Any],
    *,
    alpha: float,
    family: Sequence[str],
    external_families: Mapping[str, Sequence[str]] | None = None,
) -> list[Row]:
    """Rows of COLUMNS: every comparison of every model, and of each of its variants with all answers from elsewhere.

    In "sft_vs_base" sft is the first variant: b counts items right with sft and wrong with base, c the reverse, and
    every effect is sft minus base. A P below alpha / family size is significant. `p_holm` and `p_holm_study` need the
    other tasks' P: see `with_holm`. Where grades are awaited the numbers are None, `status` is pending and `n` counts
    the pairs awaited.

    Args:
        grades: (model, variant) -> rows of its grades table, for the variants base, sft and dpo; answers from
            elsewhere have the variant EXTERNAL alone.
        task: `name`, `metric` (a key of METRICS), `paired_test` (mcnemar or paired_t), `data` (real or synthetic),
            `seed`, and for a task with labels `positive` and `negative`.
        alpha: two-sided level of the whole family.
        family: tasks whose tests of the same comparison and model share alpha, this one among them.
        external_families: the same of comparisons with answers from elsewhere, by their name; those of `family`
            hold no fewer tests for it.

    Raises:
        UserError: two variants with different items or labels, an item twice, a grade off its scale, a test that does
            not fit the metric.
    """
    metric = METRICS[task["metric"]]
    if task["paired_test"] != metric.test:
        raise UserError(
            f"task {task['name']}: paired_test {task['paired_test']} does not fit its metric. Take {metric.test}."
        )
    shared = dict.fromkeys(COLUMNS) | {"task": task["name"], "test": task["paired_test"], "data": task["data"]}
    kind = import_module(metric_module(task))
    shared |= {"alpha": alpha, "effect_measure": metric.difference}
    elsewhere = [model for model, variant in grades if variant == EXTERNAL]
    with_others = [comparison_name(variant, name) for name in elsewhere for variant in ("base", "sft", "dpo")]
    rows = []
    for model in dict.fromkeys(model for model, variant in grades if variant != EXTERNAL):
        for comparison in (*COMPARISONS, *with_others):
            first, second = parse_comparison(comparison)
            other = grades[(second, EXTERNAL) if second in elsewhere else (model, second)]
            x, y = paired_rows(grades[model, first], other, f"{task['name']}/{model}", first, second)
            tasks = (external_families or {}).get(second, family)
            threshold = alpha / len(tasks)
            row = shared | {"model": model, "comparison": comparison, "threshold": threshold}
            row |= {"family_size": len(tasks), "family": " ".join(tasks)}
            row["grader"] = " and ".join(dict.fromkeys((x[0]["grader"], y[0]["grader"])))
            row["proxy"] = "true" if "true" in (x[0]["proxy"], y[0]["proxy"]) else "false"
            awaited = sum("pending" in (one["status"], other["status"]) for one, other in zip(x, y, strict=True))
            if awaited:
                rows.append(row | {"n": awaited, "status": "pending"})
                continue
            row |= {"n": len(x), "status": "complete"} | kind.difference(x, y, task, threshold)
            if row["p_value"] is not None:
                row["p_adjusted"] = bonferroni(row["p_value"], len(tasks))
                row["significant"] = "true" if row["p_value"] < threshold else "false"
            rows.append(row)
    return rows


def paired_rows(x: Rows, y: Rows, where: str, first: str, second: str) -> tuple[Rows, Rows]:
    """Rows of both variants in the order of the first's items.

    Raises:
        UserError: no rows, an item twice, or an item that only one variant has; the message names `where` and variant.
    """
    if not x:
        raise UserError(f"grades of {where}/{first}: no rows. The test split needs at least one item.")
    ours, theirs = {row["id"]: row for row in x}, {row["id"]: row for row in y}
    for variant, rows, items, others in ((first, x, ours, theirs), (second, y, theirs, ours)):
        if len(items) < len(rows):
            raise UserError(f"grades of {where}/{variant}: an item stands there twice. Each item needs one grade.")
        missing = [item for item in others if item not in items]
        if missing:
            raise UserError(
                f"grades of {where}/{variant}: {len(missing)} items of the other variant are missing, first "
                f"{', '.join(missing[:3])}. Both variants must answer the same test items; grade them again."
            )
    return x, [theirs[row["id"]] for row in x]


def with_holm(rows: Sequence[Mapping[str, Any]]) -> list[Row]:
    """Rows of all tasks' tables with `p_holm` and `p_holm_study` filled in.

    The first is over each model's and comparison's family of tasks, as the studies share out their level; the second
    over all rows, tasks, models and comparisons alike.

    Args:
        rows: as made, or as read from CSV.
    """
    families: dict[tuple[str, str, str], list[int]] = {}
    for place, row in enumerate(rows):
        families.setdefault((row["family"], row["model"], row["comparison"]), []).append(place)
    p_values = [None if row["p_value"] in (None, "") else float(row["p_value"]) for row in rows]
    done = [dict(row) for row in rows]
    for row, p in zip(done, holm(p_values, len(rows)), strict=True):
        row["p_holm_study"] = p
    for places in families.values():
        adjusted = holm([p_values[place] for place in places], int(rows[places[0]]["family_size"]))
        for place, p in zip(places, adjusted, strict=True):
            done[place]["p_holm"] = p
    return done
