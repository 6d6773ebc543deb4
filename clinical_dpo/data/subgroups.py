"""Assign test items to the levels of subgroups, such as sex, age group and site."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from clinical_dpo.comparable import nfc
from clinical_dpo.data.columns import mapped_text
from clinical_dpo.errors import PublicError, UserError
from clinical_dpo.expression_values import number_of
from clinical_dpo.io import Row
from clinical_dpo.templates import columns_used_by

COLUMNS = ("id", "subgroup", "level")
MISSING = "missing"  # level of an empty value
MOST_LEVELS = 20


def subgroup_rows(items: Iterable[tuple[str, Row]], subgroups: Sequence[Mapping[str, Any]]) -> list[Row]:
    """Return the level of each item in each subgroup, such as `female` in subgroup `sex`, as rows of COLUMNS.

    The rows are sorted by subgroup, then by level. Levels that `edges` define are in ascending order. Other levels are
    in alphabetical order. MISSING, the level of an empty value, is last.

    Args:
        items: id of each test item, and its record with all columns of the source.
        subgroups: the settings of each subgroup: `name`, `column` (a column or a template), and optionally `edges`
            (ascending numbers between the levels).

    Raises:
        UserError: a column is missing; a value is a list or an object; the subgroup has edges and a value is not a
            number; or a subgroup has more than 20 levels. The message names subgroup and item.
    """
    items, rows = list(items), []
    for subgroup in subgroups:
        levels = {row_id: _level(record, subgroup, row_id) for row_id, record in items}
        known = set(levels.values()) - {MISSING}
        if len(known) > MOST_LEVELS:
            raise PublicError(
                f"key 'subgroups', '{subgroup['name']}': the test items have {len(known)} different levels, but only "
                f"{MOST_LEVELS} are allowed. If the values are numbers, set a few `edges`. Otherwise, set `column` to "
                "a template that maps the values to fewer levels."
            )
        order = level_names(subgroup["edges"]) if "edges" in subgroup else sorted(known)
        ordered = sorted(levels.items(), key=lambda item: [*order, MISSING].index(item[1]))
        rows += [{"id": row_id, "subgroup": subgroup["name"], "level": level} for row_id, level in ordered]
    return rows


def subgroup_columns(subgroups: Sequence[Mapping[str, Any]]) -> set[str]:
    """Return the columns of the source that the subgroups use."""
    return columns_used_by({f"subgroups.{subgroup['name']}": subgroup["column"] for subgroup in subgroups})


def level_names(edges: Sequence[float]) -> list[str]:
    """Return the names of the levels between edges: `below 18`, `18 to below 65`, `65 or more`.

    A value that equals an edge is in the level above the edge.
    """
    between = [f"{low:g} to below {high:g}" for low, high in pairwise(edges)]
    return [f"below {edges[0]:g}", *between, f"{edges[-1]:g} or more"]


def _level(record: Row, subgroup: Mapping[str, Any], row_id: str) -> str:
    where = f"key 'subgroups', '{subgroup['name']}'"
    try:
        value = mapped_text(record, subgroup["column"])
    except UserError as error:
        raise error.within(f"{where}: item {row_id}: ", f"{where}: ") from None
    text = "" if value is None else nfc(str(value).strip())
    if isinstance(value, list | dict):
        raise UserError(
            f"{where}: item {row_id}: the value has the type '{type(value).__name__}', but must be a text. Set "
            "`column` to a template that gives a text."
        )
    if not text:
        return MISSING
    if "edges" not in subgroup:
        return text
    number = number_of(text)
    if number is None:
        raise UserError(
            f"{where}: item {row_id}: '{text[:40]}' is not a number, but a subgroup with `edges` needs numbers. "
            "Correct the value, or remove `edges`.",
            f"{where}: a value is not a number, but a subgroup with `edges` needs numbers. Correct the value, or "
            "remove `edges`.",
        )
    return level_names(subgroup["edges"])[sum(number >= edge for edge in subgroup["edges"])]
