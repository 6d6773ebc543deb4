"""Read rows of a sheet of an Excel workbook. A cell that Excel stores in another form than it shows is refused."""

import datetime
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from clinical_dpo.data.sources.bounded_workbooks import bounded_rows, check_workbook
from clinical_dpo.data.sources.tables import rows_under_header
from clinical_dpo.data.tally import Tally
from clinical_dpo.errors import PublicError, UserError
from clinical_dpo.io import Row

_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_LARGEST_EXACT = 1e15  # Excel rounds the last digits of numbers from here on


def plain_text(text: str) -> str:
    """Return a spreadsheet's text without Excel's `_x000D_` escapes, carriage returns and non-breaking spaces."""
    text = _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text)
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\xa0", " ").strip()


def workbook_rows(
    path: Path, sheet: str | None, ignore: Sequence[str], repairs: Tally, unread: dict[str, str]
) -> list[Row]:
    """Return the rows of one sheet, whose first row names the columns.

    Numbers become their digits, and empty cells become empty texts. A column with a cell that is not text is left out,
    with the reason in `unread`.

    Raises:
        UserError: the file is not a workbook or exceeds the run's limits, or the sheet is not named or does not exist.
    """
    if not path.exists():
        raise PublicError(f"{path}: no such file. Add the file, or change the path in the task file.")
    try:
        title, table = _table(path, sheet)
    except UserError:
        raise
    except Exception as error:  # openpyxl parses while rows are read, and a damaged file can raise any exception
        raise UserError(
            f"{path}: not a valid Excel workbook ({type(error).__name__}: {error}). It may be cut off or have a "
            "password. Copy the workbook again, or save it as .xlsx without a password."
        ) from None
    where = f"{path}, sheet '{title}'"

    def text(cell: Any, location: str) -> str:
        return _text(cell, where, repairs)

    return rows_under_header(table, where, ignore, repairs, text, unread) if table else []


def _table(path: Path, sheet: str | None) -> tuple[str, list[tuple[str, list[Any]]]]:
    """Return a sheet's name, and the location and cells of each row. A formula without a value stays a formula."""
    # Imported late: it takes half a second, and only workbooks need it.
    from openpyxl import load_workbook

    check_workbook(path)
    # Read as values and as formulas: a formula that no program has computed has no value, and looks like an empty cell.
    books = [load_workbook(path, read_only=True, keep_links=False, data_only=values) for values in (True, False)]
    try:
        names = books[0].sheetnames
        if sheet is None and len(names) > 1:
            raise UserError(f"{path}: the workbook has several sheets. Set `sheet` to one of {', '.join(names)}.")
        if sheet is not None and sheet not in names:
            raise UserError(f"{path}: no sheet '{sheet}'. Sheets here: {', '.join(names)}. Correct `sheet`.")
        title = sheet or names[0]
        sheets: list[Any] = [book[title] for book in books]
        if not hasattr(sheets[0], "iter_rows"):
            raise UserError(f"{path}, sheet '{title}': a chart, not a table. Set `sheet` to a sheet with a table.")
        for each in sheets:
            each.reset_dimensions()  # some programs write a wrong size
        where = f"{path}, sheet '{title}'"
        pairs = zip(*(bounded_rows(each.iter_rows(), where) for each in sheets), strict=True)
        rows = [
            (f"row {number}", [formula if value.value is None else value for value, formula in zip(*row, strict=True)])
            for number, row in enumerate(pairs, start=1)
        ]
    finally:
        for book in books:
            book.close()
    return title, rows


def _text(cell: Any, where: str, repairs: Tally) -> str:
    value = cell.value
    if value is None:
        return ""
    location = f"cell {cell.coordinate}"
    if cell.data_type == "e":
        raise UserError(
            f"{where}, {location}: the error value {value}. Correct the cell, or name the column in `ignore`."
        )
    if cell.data_type == "f":
        raise UserError(
            f"{where}, {location}: a formula without a value. Open and save the workbook in Excel, or replace the "
            "formula by its value."
        )
    if isinstance(value, bool | datetime.date | datetime.time | datetime.timedelta):
        raise UserError(
            f"{where}, {location}: a {type(value).__name__} ({value}), not text. Excel may have converted a text. "
            "Format the cell as text and type the text again, or name the column in `ignore`."
        )
    if isinstance(value, int | float):
        if abs(value) >= _LARGEST_EXACT:
            raise UserError(
                f"{where}, {location}: the number {_shown(value)}, but Excel stores only 15 digits. Format the cell as "
                "text and type the number again."
            )
        return str(int(value)) if value == int(value) else str(value)
    text = plain_text(str(value))
    if text != str(value):
        only_space = text == str(value).strip(" \t\n")
        dropped = (
            "white space around a cell" if only_space else "Excel's escapes, carriage returns, non-breaking spaces"
        )
        repairs.add(f"{dropped} dropped", location)
    return text


def _shown(number: float) -> str:
    """Return a number's digits, or only the size of a number of more than 30 digits."""
    return f"{number:.0f}" if abs(number) < 1e30 else "of more than 30 digits"
