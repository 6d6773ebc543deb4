"""Rows of the page's table of subgroups."""

from collections.abc import Mapping
from typing import Any

from clinical_dpo.io import Row, optional_number
from clinical_dpo.report.p_values import format_p
from clinical_dpo.report.page.comparisons import Rows, Tasks, compared_name, compared_names
from clinical_dpo.variants import TITLES

SHARES = ("accuracy", "helpfulness")  # measures that are shown in percent or points


def subgroup_heads(subgroups: Rows) -> dict[str, list[str]]:
    """Heads of the columns of two tables: `variants` and `comparisons`."""
    variants, comparisons = compared_names(subgroups)
    return {"variants": list(map(compared_name, variants)), "comparisons": list(map(compared_name, comparisons))}


def subgroup_rows(subgroups: Rows, tasks: Tasks, models: Mapping[str, str]) -> list[Row]:
    """One row per task, model, subgroup and level: each variant and each comparison as (value, small text below it).

    The small text is the interval, and of a comparison also the P.

    Args:
        subgroups: rows of reports/tables/subgroups.csv.
        tasks: task -> title.
        models: model -> name shown.
    """
    variants, comparisons = compared_names(subgroups)
    lines: dict[tuple[str, ...], dict[str, Mapping[str, Any]]] = {}
    for row in subgroups:
        key = tuple(row[name] for name in ("task", "model", "subgroup", "level"))
        lines.setdefault(key, {})[row["compared"]] = row
    return [
        {
            **{"task": tasks[task]["title"], "model": models[model], "subgroup": subgroup, "level": level},
            "n": _items(cells["base"]),
            "variants": [_estimate(cells.get(name)) for name in variants],
            "comparisons": [_estimate(cells.get(name)) for name in comparisons],
        }
        for (task, model, subgroup, level), cells in lines.items()
    ]


def _items(row: Mapping[str, Any]) -> str:
    """Number of items and groups, or the word that they are masked."""
    if row["masked"] == "true":
        return "masked"
    return f"{row['n']} in {row['n_groups']} groups" if row["n_groups"] else str(row["n"])


def _estimate(row: Mapping[str, Any] | None) -> tuple[str, str]:
    """An estimate; its interval and P. A dash if the task has no such variant."""
    if row is None:
        return "–", ""
    scale, digits = (100, 1) if row["measure"] in SHARES else (1, 2)
    sign = "+" if row["compared"] not in TITLES else ""
    numbers = [optional_number(row[name]) for name in ("estimate", "ci_low", "ci_high")]
    middle, *ends = (
        None if number is None else f"{scale * number:{sign}.{digits}f}".replace("-", "−") for number in numbers
    )
    interval = " to ".join(map(str, ends)) if all(ends) else ""
    p = None if row["compared"] in TITLES else optional_number(row["p_levels_holm"])
    return middle or "–", "; ".join(filter(None, (interval, "" if p is None else f"P {format_p(p)}")))
