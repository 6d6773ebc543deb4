"""Rows of the page's table of subgroups."""

from collections.abc import Mapping
from typing import Any

from clinical_dpo.io import Row, optional_number
from clinical_dpo.report.p_values import format_p
from clinical_dpo.report.page.comparisons import Rows, Tasks, compared_name, compared_names
from clinical_dpo.variants import TITLES

SHARES = ("accuracy", "helpfulness")  # measures that are shown in percent or points


def subgroup_heads(subgroups: Rows) -> dict[str, list[str]]:
    """The column heads of the two tables of subgroups, under the keys `variants` and `comparisons`."""
    variants, comparisons = compared_names(subgroups)
    return {"variants": list(map(compared_name, variants)), "comparisons": list(map(compared_name, comparisons))}


def subgroup_rows(subgroups: Rows, tasks: Tasks, models: Mapping[str, str]) -> list[Row]:
    """Make a row per task, model, subgroup and level, with a cell for each variant and each comparison.

    A subgroup, such as sex, divides the test items into levels. A cell is a pair: a value, and a small text below the
    value. The small text is the interval. For a comparison, P follows the interval.

    Args:
        subgroups: rows of reports/tables/subgroups.csv.
        tasks: task -> settings with `title`.
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
    """Text with the number of items in a level of a subgroup, such as "women" of "sex": "40 in 12 groups".

    If the items are not in groups, the text is "40". If the level is masked (its numbers are hidden), the text is
    "masked".

    Args:
        row: row of subgroups.csv.
    """
    if row["masked"] == "true":
        return "masked"
    return f"{row['n']} in {row['n_groups']} groups" if row["n_groups"] else str(row["n"])


def _estimate(row: Mapping[str, Any] | None) -> tuple[str, str]:
    """Return two texts, an estimate and its interval with P: "+4.0" and "+0.9 to +7.1; P .03".

    P is the row's `p_levels_holm`, which tests whether the difference is equal in all levels of the subgroup. P is
    shown for comparisons only, not for single variants. A missing estimate is a dash. A missing interval or P is left
    out.

    Args:
        row: row of subgroups.csv; None gives a dash and "". It is None, for example, if a task lacks the variant.
    """
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
