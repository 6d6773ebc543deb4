"""Fill a task's fields from a source's columns.

The setting `columns` of the task file states for each field where its value comes from. It does so in one of three
forms:

- The name of a column. The field gets the column's value unchanged.
- A path such as `a.b`. The field gets member `b` of the object in column `a`.
- A Jinja template, which is filled in from the row (see `templates`). The field gets the resulting text.

The values of two fields, `accepted` and `options` (LISTS), are Python lists. For these fields, `columns` may also state
a YAML list, in which every entry has one of the three forms. If `columns` states a single template for such a field,
the template must be one expression whose value is a list.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from clinical_dpo.comparable import nfc
from clinical_dpo.errors import UserError, did_you_mean
from clinical_dpo.io import Row
from clinical_dpo.templates import (
    ROW,
    columns_used_by,
    evaluate,
    is_template,
    mapped_columns,
    render,
    used_names,
    uses_whole_row,
)

LISTS = ("accepted", "options")
FIELDS = {"id", "label", "reference", "rejected", "question", *LISTS}  # fields that no prompt needs to name


def map_row(row: Row, columns: Mapping[str, str | Sequence[str]], generated: bool = False) -> Row:
    """Return a copy of the row with the fields of `columns` added.

    A field replaces a column of the same name. All other columns of the row stay.

    Args:
        row: column -> value.
        columns: field -> the mapping of the field, in one of the forms that the module's docstring lists.
        generated: whether the row comes from a generator of this package. A generated row may already have a
            field, but lack a column that the field's mapping names. The field then stays as it is.

    Raises:
        UserError: a column is missing, or a template cannot be rendered. The message names the field.
    """
    record = dict(row)
    for field, mapping in ((nfc(name), mapping) for name, mapping in columns.items()):
        if generated and field in row and not mapped_columns(mapping) <= set(row):
            continue
        try:
            record[field] = _value(row, field, mapping)
        except UserError as error:
            raise error.within(f"columns.{field}: ") from None
    return record


def _value(row: Row, field: str, mapping: str | Sequence[str]) -> Any:
    if not isinstance(mapping, str):
        return [mapped_text(row, item) for item in mapping]
    if not is_template(mapping):
        return _column(row, mapping)
    if field not in LISTS:
        return render(mapping, row, "column")
    value = evaluate(mapping, row, "column")
    if not isinstance(value, list):
        raise UserError(
            f"the template gives a value of type '{type(value).__name__}', not a list. Write a single expression whose "
            "value is a list."
        )
    return value


def mapped_text(row: Row, mapping: str) -> Any:
    """Return the value of a column or path, or the text of a filled-in template. A column's value may be of any type.

    Args:
        row: column -> value.
        mapping: name of a column, path `a.b`, or template.

    Raises:
        UserError: a column is missing, or the template cannot be rendered.
    """
    return render(mapping, row, "column") if is_template(mapping) else _column(row, mapping)


def _column(row: Row, path: str) -> Any:
    """Return the value of a column, or of the member that a path such as `a.b` names.

    If a column is named `a.b`, the value of this column is returned, not that of member `b` of column `a`.

    Raises:
        UserError: the column or the member is missing. The message proposes a similar name.
    """
    path = nfc(path)
    if path in row:
        return row[path]
    first, *members = path.split(".")
    if first not in row or not members:
        raise UserError(f"column '{path}' is missing.{did_you_mean(path, list(row))}")
    value: Any = row[first]
    for depth, member in enumerate(members, start=1):
        parent = ".".join([first, *members[: depth - 1]])
        if value is None:
            raise UserError(
                f"column '{parent}' is empty, so it has no member '{member}'. Fill it in, or remove the row."
            )
        if not isinstance(value, Mapping):
            raise UserError(
                f"column '{parent}' holds a value of type '{type(value).__name__}', which has no member '{member}'. "
                f"Correct the path '{path}'."
            )
        if member not in value:
            raise UserError(
                f"column '{parent}' has no member '{member}'.{did_you_mean(member, list(value))} Add "
                f"'{member}' to the row, or correct the path '{path}'."
            )
        value = value[member]
    return value


def used_columns(task: Mapping[str, Any]) -> set[str]:
    """Return the names of the source's columns that a task's rows may use.

    A path such as `a.b` is returned whole. If a template uses `row` without the name of a column, such as in
    `row.items()`, the rows may use every column. The set then also contains the name `row` (ROW).

    Args:
        task: settings of the task file: `prompt`, and optionally `columns` and `group`.
    """
    columns = task.get("columns", {})
    keys = {f"columns.{field}": mapping for field, mapping in columns.items()}
    keys |= {"group": task["group"]} if "group" in task else {}
    used = columns_used_by(keys)
    fields = (used_names(task["prompt"]) | FIELDS) - set(columns)
    templates = [task["prompt"], *(part for mapping in keys.values() for part in _parts(mapping))]
    whole = {ROW} if any(map(uses_whole_row, templates)) else set()
    return fields.union(used, whole)


def refuse_unread(provenance: Mapping[str, Any], used: Collection[str]) -> None:
    """Raise an error if the task uses a column that was left out of the rows because a value could not be read.

    Args:
        provenance: the origin of the rows, from `sources.retrieve`. Its `unread` maps a left-out column to the reason.
        used: names of the columns that the task uses, or paths `a.b` to members of column `a`. ROW means all columns.

    Raises:
        UserError: the task uses such a column. The message is the reason why the first such column was left out.
    """
    read = {*used, *(name.partition(".")[0] for name in used)}
    for column, reason in provenance.get("unread", {}).items():
        if column in read or ROW in read:
            raise UserError(reason)


def _parts(mapping: str | Sequence[str]) -> Sequence[str]:
    return [mapping] if isinstance(mapping, str) else mapping
