"""Rows from a file: JSON Lines, JSON (a list, or an object keyed by id), CSV, all in UTF-8, or an Excel workbook."""

import csv
import datetime
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

from clinical_dpo.errors import UserError
from clinical_dpo.records import Row, read_csv, read_jsonl, read_text, sha256

_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")


def read_rows(path: str | Path, sheet: str | None = None) -> list[Row]:
    """Rows of a file, its format told by its extension (.jsonl, .json, .csv, .xlsx).

    Of a JSON object keyed by id, each key becomes its row's `id`; an object that holds nothing but one list of objects
    stands for that list. Of a workbook one sheet is read, whose first row names the columns: numbers become their
    digits, empty cells empty texts, and empty rows and columns are passed over.

    Args:
        path: the file.
        sheet: which sheet of a workbook; not needed where it has one.

    Raises:
        UserError: the file is missing, empty, cut off, not UTF-8, or not rows; with file, row and the mend.
    """
    path = Path(path)
    readers: dict[str, Callable[[Path], list[Row]]] = {
        ".jsonl": read_jsonl,
        ".json": _read_json,
        ".csv": _read_csv,
        ".xlsx": lambda workbook: _read_xlsx(workbook, sheet),
    }
    suffix = path.suffix.lower()
    if suffix not in readers:
        raise UserError(
            f"{path}: format '{path.suffix}' is not read. Export it as CSV, JSON Lines or JSON in UTF-8, with the "
            f"extension {', '.join(readers)}."
        )
    if sheet is not None and suffix != ".xlsx":
        raise UserError(f"{path}: a sheet ('{sheet}') is named, but only .xlsx has sheets. Remove `sheet`.")
    rows = readers[suffix](path)
    if not rows:
        raise UserError(f"{path}: there are no rows in it. One row for each item is needed.")
    return rows


def retrieve_file(path: str, sheet: str | None = None) -> tuple[list[Row], dict[str, Any]]:
    """Rows of `path`, in which $NAME is read from the environment, and their provenance (path, sha256, sheet)."""
    expanded = os.path.expandvars(path)
    if "$" in expanded:
        raise UserError(f"{path}: the environment variable in this path is not set. Export it, or write the path out.")
    rows = read_rows(expanded, sheet)
    named = {"sheet": sheet} if sheet else {}
    return rows, {"kind": "file", "data": "real", "path": expanded, "sha256": sha256(expanded), **named}


def plain_text(text: str) -> str:
    """A spreadsheet's text without what is Excel's: `_x000D_` escapes, carriage returns, non-breaking spaces."""
    text = _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text)
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\xa0", " ").strip()


def _read_json(path: Path) -> list[Row]:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        # json keeps the last of two equal keys without a word, and a row would be lost.
        members = dict(pairs)
        if len(members) < len(pairs):
            keys = [key for key, _ in pairs]
            twice = next(key for key in keys if keys.count(key) > 1)
            raise UserError(f"{path}: key '{twice}' comes twice in one object. Give each row its own, or remove one.")
        return members

    try:
        value = json.loads(read_text(path), object_pairs_hook=unique)
    except json.JSONDecodeError as error:
        raise UserError(f"{path}, line {error.lineno}, column {error.colno}: not valid JSON ({error.msg}).") from None
    if isinstance(value, dict):
        [only, *others] = value.values() or [None]
        if not others and isinstance(only, list) and only and isinstance(only[0], dict):
            value = only
        else:
            value = [{"id": key, **row} if isinstance(row, dict) else row for key, row in value.items()]
    if not isinstance(value, list):
        raise UserError(f"{path}: a JSON {type(value).__name__}, where a list of objects is needed.")
    for number, row in enumerate(value, start=1):
        if not isinstance(row, dict):
            raise UserError(
                f"{path}, row {number}: a {type(row).__name__}, where a JSON object is needed. "
                "Give a list of objects, or an object that holds one object under each id."
            )
    return value


def _read_csv(path: Path) -> list[Row]:
    try:
        rows: list[Row] = list(read_csv(path))
    except csv.Error as error:
        raise UserError(f"{path}: not valid CSV ({error}). Export it again, with every text field in quotes.") from None
    columns = list(rows[0]) if rows else []
    if len(columns) == 1 and any(mark in columns[0] for mark in ";\t|"):
        raise UserError(f"{path}, header: one column '{columns[0]}'. Separate the columns by commas.")
    for number, row in enumerate(rows, start=1):
        extra = row.pop(None, None)  # type: ignore[call-overload]  # where csv puts the cells beyond the header
        if extra is not None:
            raise UserError(
                f"{path}, row {number}: {len(row) + len(extra)} cells under a header of {len(row)}. "
                "Put a text that holds commas in quotes."
            )
        short = next((column for column, cell in row.items() if cell is None), None)
        if short is not None:
            raise UserError(f"{path}, row {number}: no cell for column '{short}'; the row is cut off. Complete it.")
    return rows


def _read_xlsx(path: Path, sheet: str | None) -> list[Row]:
    # Imported late: half a second that only workbooks need.
    from openpyxl import load_workbook

    try:
        book = load_workbook(path, read_only=True, data_only=True)  # values, not the formulas behind them
    except FileNotFoundError:
        raise UserError(f"{path}: no such file. Put it there, or change the path in the task file.") from None
    except (BadZipFile, KeyError, ValueError, OSError) as error:
        raise UserError(
            f"{path}: not a valid Excel workbook ({error}). It may have been cut off; fetch or save it again as .xlsx."
        ) from None
    try:
        if sheet is None and len(book.sheetnames) > 1:
            raise UserError(f"{path}: which sheet? Name one of {', '.join(book.sheetnames)} as `sheet`.")
        if sheet is not None and sheet not in book.sheetnames:
            raise UserError(f"{path}: no sheet '{sheet}'. Sheets here: {', '.join(book.sheetnames)}. Correct `sheet`.")
        table: Any = book[sheet or book.sheetnames[0]]
        if not hasattr(table, "iter_rows"):
            raise UserError(f"{path}, sheet '{table.title}': a chart, where a table is needed. Correct `sheet`.")
        if hasattr(table, "reset_dimensions"):
            table.reset_dimensions()  # the size that some programs write down is wrong
        where = f"{path}, sheet '{table.title}'"
        cells = [[_cell(cell, where) for cell in row] for row in table.iter_rows()]
    finally:
        book.close()
    return _rows_under_header(cells, where)


def _cell(cell: Any, where: str) -> str:
    value = cell.value
    if value is None:
        return ""
    place = f"{where}, cell {cell.coordinate}"
    if cell.data_type == "e":
        raise UserError(f"{place}: the error value {value}. Correct the cell.")
    if isinstance(value, bool | datetime.date | datetime.time | datetime.timedelta):
        raise UserError(
            f"{place}: a {type(value).__name__} ({value}), where text is needed. Excel may have made it of a text; "
            "format the cell as text and type it again."
        )
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return plain_text(str(value))


def _rows_under_header(cells: list[list[str]], where: str) -> list[Row]:
    """Cells of a sheet as rows; a column without a name may hold nothing."""
    if not cells:
        return []
    header, *body = cells
    named = [name for name in header if name]
    twice = next((name for name in named if named.count(name) > 1), None)
    if twice is not None:
        raise UserError(f"{where}, header: column '{twice}' comes twice. Rename one.")
    rows = []
    for number, row in enumerate(body, start=2):
        if not any(row):
            continue
        nameless = next((text for i, text in enumerate(row) if text and (i >= len(header) or not header[i])), None)
        if nameless is not None:
            raise UserError(f"{where}, row {number}: '{nameless[:40]}' stands in a column without a name. Name it.")
        rows.append({name: row[i] if i < len(row) else "" for i, name in enumerate(header) if name})
    return rows
