"""Rows of the page's table of subgroups."""

from collections.abc import Mapping
from typing import Any

from clinical_dpo.io import Row
from clinical_dpo.report.p_values import format_p
from clinical_dpo.report.page.comparisons import Rows, Tasks, compared_name, number_of
from clinical_dpo.statistics.subgroups import COMPARISONS
from clinical_dpo.variants import VARIANTS

SHARES = ("accuracy", "helpfulness")  # measures that are shown in percent or points
HEADS = tuple(map(compared_name, (*VARIANTS, *COMPARISONS)))  # of the cells of a row


def subgroup_rows(subgroups: Rows, tasks: Tasks, models: Mapping[str, str]) -> list[Row]:
    """One row per task, model, subgroup and level: each variant and each comparison with its interval, and the P.

    Args:
        subgroups: rows of reports/tables/subgroups.csv.
        tasks: task -> title.
        models: model -> name shown.
    """
    lines: dict[tuple[str, ...], dict[str, Mapping[str, Any]]] = {}
    for row in subgroups:
        key = tuple(row[name] for name in ("task", "model", "subgroup", "level"))
        lines.setdefault(key, {})[row["compared"]] = row
    return [
        {
            **{"task": tasks[task]["title"], "model": models[model], "subgroup": subgroup, "level": level},
            "n": _items(cells["base"]),
            "cells": [_estimate(cells[name]) for name in (*VARIANTS, *COMPARISONS)],
            "p": [_p(cells[name]) for name in COMPARISONS],
        }
        for (task, model, subgroup, level), cells in lines.items()
    ]


def _items(row: Mapping[str, Any]) -> str:
    """Number of items and groups, or the word that they are masked."""
    if row["masked"] == "true":
        return "masked"
    return f"{row['n']} in {row['n_groups']} groups" if row["n_groups"] else str(row["n"])


def _estimate(row: Mapping[str, Any]) -> str:
    scale, digits = (100, 1) if row["measure"] in SHARES else (1, 2)
    sign = "+" if row["compared"] in COMPARISONS else ""
    numbers = [number_of(row[name]) for name in ("estimate", "ci_low", "ci_high")]
    middle, *ends = (
        None if number is None else f"{scale * number:{sign}.{digits}f}".replace("-", "−") for number in numbers
    )
    return f"{middle} ({' to '.join(map(str, ends))})" if all(ends) else middle or "–"


def _p(row: Mapping[str, Any]) -> str:
    p = number_of(row["p_levels_holm"])
    return "–" if p is None else format_p(p)
