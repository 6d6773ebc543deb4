"""Read rows of JSON Lines and JSON strictly. A text whose values Python would lose or change is refused."""

import json
import math
from collections import Counter
from typing import Any

from clinical_dpo.data.sources.bounded_text import check_json
from clinical_dpo.data.tally import Tally
from clinical_dpo.errors import PublicError, UserError
from clinical_dpo.io import Row
from clinical_dpo.limits import check_limit

_KINDS = {
    dict: "an object",
    list: "a list",
    str: "a text",
    int: "a number",
    float: "a number",
    bool: "true or false",
    type(None): "null",
}


class _Refused(ValueError):
    """The error for a value that Python's `json` accepts and this module refuses."""


def json_line_rows(text: str, where: str, repairs: Tally) -> list[Row]:
    """Return the rows of JSON Lines. Empty lines are skipped and counted in `repairs`.

    Raises:
        UserError: a line is not a valid JSON object, or exceeds the run's limits. The message names the line.
    """
    rows, values = [], 0
    check_limit(where, "rows", text.count("\n"), "lines")
    lines = text.split("\n")
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            if number < len(lines):
                repairs.add("empty line skipped", f"line {number}")
            continue
        values += check_json(line, f"{where}, line {number}")
        check_limit(f"{where}, line {number}", "cells", values, "values")
        row = _load(line, f"{where}, line {number}", "Write exactly one JSON object on each line.")
        if not isinstance(row, dict):
            raise PublicError(
                f"{where}, line {number}: the line is {_KINDS[type(row)]}, not a JSON object. If the whole file is one "
                "JSON value, change its extension to .json. Otherwise write one object on each line."
            )
        rows.append(row)
    return rows


def json_rows(text: str, where: str) -> list[Row]:
    """Return the rows of a JSON text.

    The text must contain a list of objects, an object of objects (each key becomes the `id` of a row), or an object
    whose only value is a list of objects.

    Raises:
        UserError: the text is not valid JSON, or has none of these three forms. The message names the line or row.
    """
    check_json(text, where)
    value = _load(text, where, "If each line is one JSON object, change the extension to .jsonl.")
    if isinstance(value, dict):
        [only, *rest] = value.values() or [None]
        if not rest and isinstance(only, list) and only and isinstance(only[0], dict):
            value = only
        else:
            value = [_keyed(key, row, where) for key, row in value.items()]
    if isinstance(value, list):
        check_limit(where, "rows", len(value), "rows")
    else:
        raise PublicError(
            f"{where}: the file contains {_KINDS[type(value)]}, not a list of objects. Write one object for each row."
        )
    for number, row in enumerate(value, start=1):
        if not isinstance(row, dict):
            raise PublicError(
                f"{where}, row {number}: the row is {_KINDS[type(row)]}, not a JSON object. Write a list of objects, "
                "or one outer object that has one object under each id. If one key of the file holds the list of rows, "
                "write only this list."
            )
    return value


def _keyed(key: str, row: Any, where: str) -> Any:
    if not isinstance(row, dict):
        return row
    if str(row.get("id", key)) != key:
        raise UserError(
            f"{where}: the key '{key}' differs from the id of its object, '{row['id']}'. Make the key and the id "
            "equal. If the keys are not ids, write a list of the objects without the keys."
        )
    return {"id": key, **row}


def _load(text: str, where: str, one_value: str) -> Any:
    """Return the value of a JSON text.

    Args:
        text: a file, or a line of JSON Lines.
        where: the file, or the file and the line, for messages.
        one_value: the mend if text follows after the value.
    """
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_finite)
    except json.JSONDecodeError as error:
        line = f", line {error.lineno}" if ", line " not in where else ""
        mend = one_value if error.msg == "Extra data" else _mend(error)
        raise PublicError(f"{where}{line}, column {error.colno}: not valid JSON ({error.msg}). {mend}") from None
    except _Refused as error:
        raise UserError(f"{where}: {error}") from None
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, very deep brackets
        raise UserError(f"{where}: a value is not readable as JSON ({error}). Correct the value.") from None


def _mend(error: json.JSONDecodeError) -> str:
    """Return the likely correction of a text that is not valid JSON."""
    if error.pos >= len(error.doc.rstrip()) or error.msg.startswith("Unterminated string"):
        return "A value does not end. Check whether the file is cut off. JSON Lines needs each object on one line."
    if "control character" in error.msg:
        return "Within a text, write \\n for a line end and \\t for a tab."
    if "BOM" in error.msg:
        return "Delete the byte-order mark (U+FEFF) at this column."
    if error.doc[error.pos] == "'":
        return "Put names and texts in double quotes."
    if error.doc[error.pos] in "]}":
        return "Remove the comma before the bracket, or add what is missing there."
    return "Correct the text at this column."


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # Of two equal keys, `json` returns only the last, so a value or a whole row is lost.
    members = dict(pairs)
    if len(members) < len(pairs):
        twice = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise _Refused(f"key '{twice}' comes twice in one object. Rename or remove one of the two keys.")
    return members


def _no_constant(name: str) -> Any:
    raise _Refused(f"{name} is not a JSON value. Write null, or the number.")


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise _Refused(f"the number {digits} is too large. Write the number as a text.")
    return number
