"""From a source's columns to a task's fields, as a task file's `columns` says.

Each field is given by the name of a column, whose value it takes as it is; by `a.b`, the member `b` of a column that
holds objects; or by a Jinja template over the row (`templates`). A field of LISTS may also be a YAML list of these, and
its template is one expression that gives a list.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from clinical_dpo.errors import UserError, did_you_mean
from clinical_dpo.io import Row
from clinical_dpo.templates import evaluate, is_template, render, used_names

LISTS = ("accepted", "options")


def map_row(row: Row, columns: Mapping[str, str | Sequence[str]], generated: bool = False) -> Row:
    """The row with the fields that `columns` makes of it; what `columns` does not name stays.

    Args:
        row: column -> value.
        columns: field -> column, path or template.
        generated: the row is generated here and may bear the fields' own names instead of the columns'.

    Raises:
        UserError: a column that is missing, or a template that cannot be filled in; with the field.
    """
    record = dict(row)
    for field, given in columns.items():
        if generated and field in row and not _first_names(given) <= set(row):
            continue
        try:
            record[field] = _value(row, field, given)
        except UserError as error:
            raise error.within(f"columns.{field}: ") from None
    return record


def _value(row: Row, field: str, given: str | Sequence[str]) -> Any:
    if not isinstance(given, str):
        return [_text(row, part) for part in given]
    if not is_template(given):
        return _column(row, given)
    if field not in LISTS:
        return render(given, row, "column")
    value = evaluate(given, row, "column")
    if not isinstance(value, list):
        raise UserError(f"the template gives a {type(value).__name__}, where a list is needed.")
    return value


def _text(row: Row, given: str) -> Any:
    return render(given, row, "column") if is_template(given) else _column(row, given)


def _column(row: Row, path: str) -> Any:
    """A column's value, or a member of it; a column whose own name has dots comes first."""
    if path in row:
        return row[path]
    first, *members = path.split(".")
    if first not in row or not members:
        raise UserError(f"column '{path}' is missing.{did_you_mean(path, list(row))}")
    value: Any = row[first]
    for depth, member in enumerate(members, start=1):
        parent = ".".join([first, *members[: depth - 1]])
        if not isinstance(value, Mapping):
            raise UserError(f"column '{parent}' is a {type(value).__name__}, so that '{path}' is nowhere in it.")
        if member not in value:
            raise UserError(f"'{path}' is missing in column '{first}'.{did_you_mean(member, list(value))}")
        value = value[member]
    return value


def _first_names(given: str | Sequence[str]) -> set[str]:
    """The columns that a field's mapping names."""
    if not isinstance(given, str):
        return set().union(*map(_first_names, given))
    return used_names(given) if is_template(given) else {given}
