"""Read rows under a header: CSV, TSV and one sheet of a workbook."""

import csv
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from clinical_dpo.data.sources.bounded_text import BoundedReader
from clinical_dpo.data.tally import Tally
from clinical_dpo.errors import PublicError, UserError, did_you_mean
from clinical_dpo.io import Row

_DELIMITER_NAMES = {",": "commas", "\t": "tabs", ";": "semicolons"}


def delimited_rows(text: str, where: str, delimiter: str, ignore: Sequence[str], repairs: Tally) -> list[Row]:
    """Return the rows of CSV or TSV text. Texts are quoted as spreadsheets quote them.

    Raises:
        UserError: quotation marks do not match, or a row has more or fewer cells than the header. The message names the
            line.
    """
    separator = re.match(r"sep=(.)\r?\n", text)
    if separator:  # a first line that Excel writes
        repairs.add("Excel's line 'sep=' passed over", "line 1")
        text, delimiter = text[separator.end() :], separator[1]
    offset = 1 if separator else 0
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
            f"{where}, from line {start + offset} on: an unmatched quotation mark, or text after a closing quotation "
            f"mark ({error}). Export the file again. Put every text in quotes, and double the quotes within a text."
        ) from None
    if not table:
        return []
    header = table[0][1]
    for location, cells in table:
        if cells and len(cells) > len(header):
            raise PublicError(
                f"{where}, {location}: the row has {len(cells)} cells, but the header has {len(header)}. Put every "
                f"text that contains {_DELIMITER_NAMES.get(delimiter, repr(delimiter))} in quotes."
            )
        if cells and len(cells) < len(header):
            raise UserError(
                f"{where}, {location}: no cell for column '{header[len(cells)]}'. Complete the row. If a text has "
                "several lines, put it in quotes."
            )
    return rows_under_header(table, where, ignore, repairs, lambda cell, location: cell)


def _check_delimiter(header: Sequence[str], delimiter: str, where: str) -> None:
    likely = next((mark for mark in ";\t|," if mark != delimiter and mark in "".join(header)), None)
    if len(header) == 1 and likely:
        escaped = "\\t" if likely == "\t" else likely
        raise UserError(
            f"{where}, header: only one column, '{header[0]}'. Set `delimiter: \"{escaped}\"` under `source`, or "
            f"separate the columns by {_DELIMITER_NAMES.get(delimiter, repr(delimiter))}."
        )


def rows_under_header(
    table: Sequence[tuple[str, Sequence[Any]]],
    where: str,
    ignore: Sequence[str],
    repairs: Tally,
    text: Callable[[Any, str], str],
    unread: dict[str, str] | None = None,
) -> list[Row]:
    """Return the rows of a table whose first row names the columns.

    Args:
        table: location (`line 3`) and cells of each row.
        where: the file, and the sheet of a workbook.
        ignore: columns that are not read.
        repairs: counts skipped empty rows, and white space around column names.
        text: (cell, location) -> text of the cell. It raises a UserError for a cell that is not text.
        unread: gets each column with such a cell, which is left out, with the reason; None if every cell is text.

    Raises:
        UserError: no column has a name, a name comes twice, or a column without a name contains a text.
    """
    first, cells = table[0]
    names = [text(cell, first) for cell in cells]
    header = [name.strip() for name in names]
    for name in [stripped for stripped, name in zip(header, names, strict=True) if stripped != name]:
        repairs.add("white space around a column's name dropped", f"column '{name}'")
    if not any(header):
        raise UserError(f"{where}, header: no column has a name. Write the names of the columns into the first row.")
    twice = next((name for name in header if name and header.count(name) > 1), None)
    if twice is not None:
        raise UserError(f"{where}, header: column '{twice}' comes twice. Make column names unique.")
    check_ignored(ignore, header, where)
    read = [i for i, name in enumerate(header) if name not in ignore]
    rows = []
    for location, cells in table[1:]:
        beyond = range(len(header), len(cells))
        texts = {}
        for i in (*read, *beyond):
            try:
                texts[i] = text(cells[i], location) if i < len(cells) else ""
            except UserError as error:
                if unread is None or i in beyond or not header[i]:
                    raise
                unread.setdefault(header[i], str(error))
                texts[i] = str(error)  # the cell is not empty
        if not any(cell.strip() for cell in texts.values()):
            repairs.add("empty row passed over", location)
            continue
        nameless = next((cell for i, cell in texts.items() if cell and (i in beyond or not header[i])), None)
        if nameless is not None:
            raise UserError(f"{where}, {location}: '{nameless[:40]}' is in a column without a name. Name the column.")
        rows.append({header[i]: texts[i] for i in read if header[i]})
    return [{name: value for name, value in row.items() if name not in unread} for row in rows] if unread else rows


def check_ignored(ignore: Sequence[str], columns: Iterable[str], where: str) -> None:
    """Refuse a name in `ignore` that no column has."""
    named = [name for name in columns if name]
    for name in ignore:
        if name not in named:
            raise UserError(f"{where}: `ignore` names '{name}', which is not a column.{did_you_mean(name, named)}")
