"""Rows from a file: JSON Lines, JSON (a list, or an object keyed by id) or CSV, in UTF-8."""

import csv
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from clinical_dpo.errors import UserError
from clinical_dpo.records import Row, read_csv, read_json, read_jsonl, sha256


def read_rows(path: str | Path) -> list[Row]:
    """Rows of a file, its format told by its extension (.jsonl, .json, .csv).

    Of a JSON object keyed by id, each key becomes its row's `id`.

    Raises:
        UserError: the file is missing, empty, cut off, not UTF-8, or not rows; with file, row and the mend.
    """
    readers: dict[str, Callable[[Path], list[Row]]] = {".jsonl": read_jsonl, ".json": _read_json, ".csv": _read_csv}
    path = Path(path)
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise UserError(
            f"{path}: format '{path.suffix}' is not read. Export it as CSV, JSON Lines or JSON in UTF-8, with the "
            f"extension {', '.join(readers)}."
        )
    rows = reader(path)
    if not rows:
        raise UserError(f"{path}: there are no rows in it. One row for each item is needed.")
    return rows


def retrieve_file(path: str) -> tuple[list[Row], dict[str, Any]]:
    """Rows of `path`, in which $NAME is read from the environment, and their provenance (path, sha256)."""
    expanded = os.path.expandvars(path)
    if "$" in expanded:
        raise UserError(f"{path}: the environment variable in this path is not set. Export it, or write the path out.")
    rows = read_rows(expanded)
    return rows, {"kind": "file", "data": "real", "path": expanded, "sha256": sha256(expanded)}


def _read_json(path: Path) -> list[Row]:
    value = read_json(path)
    if isinstance(value, dict):
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
