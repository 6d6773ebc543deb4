"""Rows of an Excel workbook's sheet: what Excel keeps otherwise than it shows is told, not passed on."""

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
_DIGITS = 1e15  # from here on Excel has rounded a number's last digits


def plain_text(text: str) -> str:
    """A spreadsheet's text without what is Excel's: `_x000D_` escapes, carriage returns, non-breaking spaces."""
    text = _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text)
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\xa0", " ").strip()


def workbook_rows(path: Path, sheet: str | None, ignore: Sequence[str], repairs: Tally) -> list[Row]:
    """Rows of one sheet, whose first row names the columns: numbers become their digits, empty cells empty texts.

    Raises:
        UserError: the file is no workbook or holds more than the run's limits, the sheet is not told or not there, or
            a cell holds what is no text.
    """
    if not path.exists():
        raise PublicError(f"{path}: no such file. Put it there, or change the path in the task file.")
    try:
        title, table = _table(path, sheet)
    except UserError:
        raise
    except Exception as error:  # openpyxl parses as it goes, and a damaged file can raise anything in it
        raise UserError(
            f"{path}: not a valid Excel workbook ({type(error).__name__}: {error}). It may have been cut off or have a "
            "password; fetch or save it again as .xlsx."
        ) from None
    where = f"{path}, sheet '{title}'"

    def text(cell: Any, place: str) -> str:
        return _text(cell, where, place, repairs)

    return rows_under_header(table, where, ignore, repairs, text) if table else []


def _table(path: Path, sheet: str | None) -> tuple[str, list[tuple[str, list[Any]]]]:
    """A sheet's name and its rows of cells; a formula that has no value stays a formula."""
    # Imported late: half a second that only workbooks need.
    from openpyxl import load_workbook

    check_workbook(path)
    # Twice, as values and as formulas: a formula that no program has computed yet has no value, like an empty cell.
    books = [load_workbook(path, read_only=True, keep_links=False, data_only=values) for values in (True, False)]
    try:
        names = books[0].sheetnames
        if sheet is None and len(names) > 1:
            raise UserError(f"{path}: which sheet? Name one of {', '.join(names)} as `sheet`.")
        if sheet is not None and sheet not in names:
            raise UserError(f"{path}: no sheet '{sheet}'. Sheets here: {', '.join(names)}. Correct `sheet`.")
        title = sheet or names[0]
        sheets: list[Any] = [book[title] for book in books]
        if not hasattr(sheets[0], "iter_rows"):
            raise UserError(f"{path}, sheet '{title}': a chart, where a table is needed. Correct `sheet`.")
        for each in sheets:
            each.reset_dimensions()  # the size that some programs write down is wrong
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


def _text(cell: Any, where: str, place: str, repairs: Tally) -> str:
    value = cell.value
    if value is None:
        return ""
    place = f"cell {cell.coordinate}"
    if cell.data_type == "e":
        raise UserError(f"{where}, {place}: the error value {value}. Correct the cell, or name the column in `ignore`.")
    if cell.data_type == "f":
        raise UserError(
            f"{where}, {place}: a formula without its value. Open and save the workbook in Excel, or paste values."
        )
    if isinstance(value, bool | datetime.date | datetime.time | datetime.timedelta):
        raise UserError(
            f"{where}, {place}: a {type(value).__name__} ({value}), where text is needed. Excel may have made it of a "
            "text; format the cell as text and type it again, or name the column in `ignore`."
        )
    if isinstance(value, int | float):
        if abs(value) >= _DIGITS:
            raise UserError(
                f"{where}, {place}: the number {_shown(value)}, of which Excel keeps 15 digits. Format the cell as "
                "text and type it again."
            )
        return str(int(value)) if value == int(value) else str(value)
    text = plain_text(str(value))
    if text != str(value):
        only_space = text == str(value).strip(" \t\n")
        what = "white space around a cell" if only_space else "Excel's escapes, carriage returns, non-breaking spaces"
        repairs.add(f"{what} dropped", place)
    return text


def _shown(number: float) -> str:
    """A number's digits; its size alone where it has very many."""
    return f"{number:.0f}" if abs(number) < 1e30 else "of more than 30 digits"
