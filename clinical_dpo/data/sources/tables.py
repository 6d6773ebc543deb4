"""Rows under a header: CSV, TSV and one sheet of a workbook."""

import csv
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from clinical_dpo.data.sources.bounded_text import BoundedReader
from clinical_dpo.data.tally import Tally
from clinical_dpo.errors import PublicError, UserError, did_you_mean
from clinical_dpo.io import Row

_SPELLED = {",": "commas", "\t": "tabs", ";": "semicolons"}


def delimited_rows(text: str, where: str, delimiter: str, ignore: Sequence[str], repairs: Tally) -> list[Row]:
    """Rows of CSV or TSV text, quoted as spreadsheets do; every row must have the header's number of cells."""
    named = re.match(r"sep=(.)\r?\n", text)
    if named:  # Excel's own first line
        repairs.add("Excel's line 'sep=' passed over", "line 1")
        text, delimiter = text[named.end() :], named[1]
    offset = 1 if named else 0
    reader = BoundedReader(text, delimiter, where)
    table: list[tuple[str, list[str]]] = []
    start = 1
    try:
        for cells in reader:
            if not table:
                _check_delimiter(cells, delimiter, where)
            table.append((f"line {start + offset}", cells))
            start = reader.line_num + 1
    except csv.Error as error:
        raise UserError(
            f"{where}, from line {start + offset} on: a quotation mark without its other half, or text after it "
            f"({error}). Export it again, with every text field in quotes and quotes within doubled."
        ) from None
    if not table:
        return []
    header = table[0][1]
    for place, cells in table:
        if cells and len(cells) > len(header):
            raise PublicError(
                f"{where}, {place}: {len(cells)} cells under a header of {len(header)}. Put a text that holds "
                f"{_SPELLED.get(delimiter, repr(delimiter))} in quotes."
            )
        if cells and len(cells) < len(header):
            raise UserError(
                f"{where}, {place}: no cell for column '{header[len(cells)]}'; the row is cut off. Complete it, and "
                "put a text of several lines in quotes."
            )
    return rows_under_header(table, where, ignore, repairs, lambda cell, place: cell)


def _check_delimiter(header: Sequence[str], delimiter: str, where: str) -> None:
    other = next((mark for mark in ";\t|," if mark != delimiter and mark in "".join(header)), None)
    if len(header) == 1 and other:
        written = "\\t" if other == "\t" else other
        raise UserError(
            f"{where}, header: one column '{header[0]}'. Set `delimiter: \"{written}\"` under `source`, or separate "
            f"the columns by {_SPELLED.get(delimiter, repr(delimiter))}."
        )


def rows_under_header(
    table: Sequence[tuple[str, Sequence[Any]]],
    where: str,
    ignore: Sequence[str],
    repairs: Tally,
    text: Callable[[Any, str], str],
) -> list[Row]:
    """Rows of a table whose first row names the columns.

    Args:
        table: place (`line 3`) and cells of each row.
        where: the file, and of a workbook the sheet.
        ignore: columns that are not read.
        repairs: counts empty rows passed over, and white space around a column's name.
        text: the text of a cell at its place.

    Raises:
        UserError: a column's name that is missing or comes twice, or a text in a column without a name.
    """
    first, cells = table[0]
    given = [text(cell, first) for cell in cells]
    header = [name.strip() for name in given]
    for name in [name for name, written in zip(header, given, strict=True) if name != written]:
        repairs.add("white space around a column's name dropped", f"column '{name}'")
    if not any(header):
        raise UserError(f"{where}, header: no column has a name. Write the columns' names into the first row.")
    twice = next((name for name in header if name and header.count(name) > 1), None)
    if twice is not None:
        raise UserError(f"{where}, header: column '{twice}' comes twice. Rename one.")
    check_ignored(ignore, header, where)
    read = [i for i, name in enumerate(header) if name not in ignore]
    rows = []
    for place, cells in table[1:]:
        beyond = range(len(header), len(cells))
        texts = {i: text(cells[i], place) if i < len(cells) else "" for i in (*read, *beyond)}
        if not any(cell.strip() for cell in texts.values()):
            repairs.add("empty row passed over", place)
            continue
        nameless = next((cell for i, cell in texts.items() if cell and (i in beyond or not header[i])), None)
        if nameless is not None:
            raise UserError(f"{where}, {place}: '{nameless[:40]}' stands in a column without a name. Name it.")
        rows.append({header[i]: texts[i] for i in read if header[i]})
    return rows


def check_ignored(ignore: Sequence[str], columns: Iterable[str], where: str) -> None:
    """Refuse a name under `ignore` that no column has."""
    known = [name for name in columns if name]
    for name in ignore:
        if name not in known:
            raise UserError(f"{where}: `ignore` names '{name}', which is no column.{did_you_mean(name, known)}")
