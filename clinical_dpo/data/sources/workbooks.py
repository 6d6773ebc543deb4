"""Read rows of a sheet of an Excel workbook as the sheet shows them; a cell whose text Excel has lost is refused."""

import datetime
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from clinical_dpo.comparable import nfc
from clinical_dpo.data.sources.bounded_workbooks import bounded_rows, check_workbook
from clinical_dpo.data.sources.dates import iso_duration, iso_time
from clinical_dpo.data.sources.number_formats import (
    is_scientific,
    plain_number,
    shown_number,
    shown_text,
    shows_date_and_time,
)
from clinical_dpo.data.sources.tables import check_columns, rows_under_header
from clinical_dpo.data.sources.text_repairs import with_line_feeds, without_excel_escapes
from clinical_dpo.data.tally import Tally
from clinical_dpo.errors import UserError, did_you_mean, missing_file
from clinical_dpo.io import Row

SHOWN, NUMBER = ("shown", "number")
_LARGEST_EXACT = 1e15  # Excel rounds the last digits of numbers from here on


def plain_text(text: str) -> str:
    """Return a spreadsheet's text without Excel's `_x000D_` escapes, carriage returns and non-breaking spaces."""
    return with_line_feeds(without_excel_escapes(text)).replace("\xa0", " ").strip()


def workbook_rows(
    path: Path,
    sheet: str | None,
    ignore: Sequence[str],
    repairs: Tally,
    unread: dict[str, str],
    numbers: str | Mapping[str, str] = SHOWN,
) -> list[Row]:
    """Return the rows of one sheet, whose first row names the columns.

    Numbers become the text that their cells show, dates become ISO 8601 text, and empty cells become empty texts. A
    column with a cell whose text Excel has lost is left out.

    Args:
        path: the workbook.
        sheet: its sheet; not needed if it has only one.
        ignore: columns that are not read.
        repairs: counts texts that differ from the stored values.
        unread: gets each column that is left out, with the reason.
        numbers: `shown` or `number`, for all columns or by column: whether numbers are texts as shown, or numbers.

    Raises:
        UserError: the file is not a workbook or exceeds the run's limits, or the sheet is not named or does not exist.
    """
    if not path.exists():
        raise missing_file(path)
    try:
        title, table = _table(path, sheet)
    except UserError:
        raise
    except Exception as error:  # openpyxl parses while rows are read, and a damaged file can raise any exception
        raise UserError(
            f"{path}: not a valid Excel workbook ({type(error).__name__}: {error}). It may be cut off or have a "
            "password. Copy the workbook again, or save it as .xlsx without a password."
        ) from None
    if not table:
        return []
    where = f"{path}, sheet '{title}'"
    reader = _Reader(where, repairs, table)
    if isinstance(numbers, str):
        reader.as_numbers = numbers == NUMBER
    else:
        header = [nfc(plain_text(str(cell.value))) if cell.value is not None else "" for cell in table[0][1]]
        check_columns(numbers, header, where, "as")
        reader.number_columns = {
            i
            for i, name in enumerate(header, start=1)
            if {nfc(key): form for key, form in numbers.items()}.get(name) == NUMBER
        }
    return rows_under_header(table, where, ignore, repairs, reader.content, unread)


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
        title = names[0] if sheet is None else {_sheet_name(name): name for name in names}.get(_sheet_name(sheet))
        if title is None:
            raise UserError(f"{path}: no sheet '{sheet}'. Correct `sheet`.{did_you_mean(str(sheet), names)}")
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


class _Reader:
    """Reads the cells of one sheet.

    Attributes:
        as_numbers: whether every cell with a number is read as a number.
        number_columns: columns, from 1, in which cells with a number are read as numbers.
    """

    def __init__(self, where: str, repairs: Tally, table: Sequence[tuple[str, Sequence[Any]]]) -> None:
        self.as_numbers, self.number_columns = False, set[int]()
        self._where, self._repairs = where, repairs
        self._header = {f"cell {cell.coordinate}" for cell in table[0][1] if cell.value is not None}
        kinds = Counter(
            (cell.column, _is_date(cell)) for _, cells in table[1:] for cell in cells if cell.value is not None
        )
        # Excel turns a text such as 1/2 or MAR1 into a date. Where most cells of a column are no dates, it may have.
        self._text_columns = {column for column, _ in kinds if kinds[column, False] >= kinds[column, True]}

    def content(self, cell: Any, location: str) -> str | int | float:
        """Return a cell's text, or its number."""
        value = cell.value
        if value is None:
            return ""
        location, number_format = f"cell {cell.coordinate}", cell.number_format or "General"
        if cell.data_type == "e":
            raise UserError(f"{self._where}, {location}: the error value {value}. Correct the cell.")
        if cell.data_type == "f":
            raise UserError(
                f"{self._where}, {location}: a formula without a value. Open and save the workbook in Excel, or "
                "replace the formula by its value."
            )
        if isinstance(value, bool):
            self._repairs.add("logical value read as TRUE or FALSE", location)
            return "TRUE" if value else "FALSE"
        if _is_date(cell):
            return self._date(value, cell.column, location, number_format)
        if isinstance(value, int | float):
            return self._number(value, cell.column, location, number_format)
        return self._text(str(value), location, number_format)

    def _date(self, value: Any, column: int, location: str, number_format: str) -> str:
        if column in self._text_columns and location not in self._header:
            raise UserError(
                f"{self._where}, {location}: a date ({value}) in a column of other values. Excel may have made it of a "
                "text such as 1/2. Format the cell as text and type the text again."
            )
        date, time = shows_date_and_time(number_format)
        if isinstance(value, datetime.time) and date and not time:
            raise UserError(
                f"{self._where}, {location}: the date is day 0 of 1900, which is how Excel shows a formula's value of "
                "an empty cell. Empty the cell, or type the date."
            )
        if isinstance(value, datetime.timedelta):
            text = iso_duration(value)
        else:
            text = iso_time(value, date_only=date and not time, time_only=time and not date)
        self._repairs.add("date or time written in ISO form", f"{location} ({value} as {text})")
        return text

    def _number(self, value: int | float, column: int, location: str, number_format: str) -> str | int | float:
        if abs(value) >= _LARGEST_EXACT and not is_scientific(number_format):
            raise UserError(
                f"{self._where}, {location}: the number {_size(value)}, but Excel stores only 15 digits. Format the "
                "cell as text and type the number again."
            )
        plain = plain_number(value)
        if self.as_numbers or column in self.number_columns:
            return plain
        text = shown_number(value, number_format)
        if text != str(plain if plain == value else value):
            self._repairs.add("number written as its cell shows it", f"{location} ({value} as {text})")
        return text

    def _text(self, value: str, location: str, number_format: str) -> str:
        text = plain_text(value)
        if text != value:
            only_space = text == value.strip(" \t\n")
            dropped = (
                "white space around a cell" if only_space else "Excel's escapes, carriage returns, non-breaking spaces"
            )
            self._repairs.add(f"{dropped} dropped", location)
        shown = shown_text(text, number_format)
        if shown != text:
            self._repairs.add("text written as its cell shows it", location)
        return shown


def _sheet_name(name: str) -> str:
    """Return a sheet's name in the form in which names are compared: NFC, without blanks at its ends."""
    return nfc(name).strip()


def _is_date(cell: Any) -> bool:
    return isinstance(cell.value, datetime.date | datetime.time | datetime.timedelta)


def _size(number: float) -> str:
    """Return a number's digits, or only the size of a number of more than 30 digits."""
    return f"{number:.0f}" if abs(number) < 1e30 else "of more than 30 digits"
