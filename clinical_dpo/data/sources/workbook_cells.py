"""Read cells of an Excel workbook.

Texts and numbers are read as the sheet shows them, unless the task file sets `as: number`. Dates and times are written
in ISO form. An error is raised if a cell has an error value, or if it is unknown what was typed into the cell.
"""

import datetime
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from copy import copy
from typing import Any

from clinical_dpo.comparable import nfc
from clinical_dpo.data.sources.dates import iso_duration, iso_time, whole_seconds
from clinical_dpo.data.sources.merged_cells import FILL, CoveredCell, yaml_key
from clinical_dpo.data.sources.number_formats import (
    is_scientific,
    plain_number,
    shown_number,
    shown_text,
    shows_date_and_time,
    shows_fractions,
)
from clinical_dpo.data.sources.text_repairs import with_line_feeds, without_excel_escapes
from clinical_dpo.data.tally import Tally
from clinical_dpo.errors import UserError

SHOWN, NUMBER = ("shown", "number")
_LARGEST_EXACT = 1e15  # Excel rounds the last digits of numbers from here on


def plain_text(text: str) -> str:
    """Return a spreadsheet's text with plain spaces and line feeds, and without Excel's escapes such as `_x000D_`."""
    return with_line_feeds(without_excel_escapes(text)).replace("\xa0", " ").strip()


class CellReader:
    """Reads the cells of one sheet.

    Attributes:
        number_form: a function of a column's index (from 1). It returns the task file's setting for numbers in the
            column: `shown` (read as the texts that their cells show), `number`, or "" if there is no setting.
        merged_form: a function of a column's index (from 1). It returns the task file's setting for merged cells in the
            column: `fill`, `empty`, or "" if there is no setting.
    """

    def __init__(self, where: str, repairs: Tally, warnings: Tally) -> None:
        """Prepare to read a sheet.

        Args:
            where: file and sheet, for messages.
            repairs: tally of the changes that are made to values as they are read, such as a date written in ISO form.
            warnings: tally of the cells with a value that the sheet stores but does not show.
        """
        self.number_form: Callable[[int], str] = lambda column: ""
        self.merged_form: Callable[[int], str] = lambda column: ""
        self._where, self._repairs, self._warnings = where, repairs, warnings
        self._text_columns, self._names = set[int](), list[str]()

    def names(self, cells: Sequence[Any]) -> list[str]:
        """Return the names of the columns from the cells of the first row.

        This method counts no repairs and no warnings. The first row is read again as part of the table, and its repairs
        and warnings are counted then.
        """
        self._names = [nfc(str(self._uncounted(cell)).strip()) for cell in cells]
        return self._names

    def look_at(self, cells: Iterable[Any]) -> None:
        """Find the columns in which at least half of the values are not dates.

        When a date in such a column is read, an error is raised, because Excel may have turned a text such as 1/2 or
        MAR1 into the date.

        Args:
            cells: all cells below the names of the columns.
        """
        kinds = Counter((cell.column, _is_date(cell)) for cell in cells if cell.value is not None)
        self._text_columns = {column for column, _ in kinds if kinds[column, False] >= kinds[column, True]}

    def _uncounted(self, cell: Any) -> str | int | float:
        """Return a cell's content without counting repairs and warnings."""
        reader = copy(self)
        reader._repairs, reader._warnings = Tally(), Tally()
        return reader.content(cell, "")

    def content(self, cell: Any, location: str) -> str | int | float:
        """Return a cell's text. If the column's numbers are read as numbers, return a number instead of its text.

        Args:
            cell: the cell.
            location: not used. Messages name the cell by its coordinate.

        Raises:
            UserError: the cell has an error value, a formula without a value, a number with too many digits for Excel,
                a date that Excel may have made from a text, or a date that Excel does not show. The error is also
                raised in these cases, unless the source has the named setting for the column:

                - The cell, below the first row, has a text that its number format hides: `as: shown`.
                - The cell, below the first row, has a number that its number format hides: `as: shown` or `as: number`.
                - The cell is covered by a merged cell: `merged_cells`.
        """
        if isinstance(cell, CoveredCell):
            return self._covered(cell)
        value = cell.value
        if value is None:
            return ""
        location, number_format = f"cell {cell.coordinate}", cell.number_format or "General"
        if cell.data_type == "e":
            too_late = ", or contains a number that is too large for a date" * _is_date_format(number_format)
            raise UserError(f"{self._where}, {location}: the cell shows the error {value}{too_late}. Correct the cell.")
        if cell.data_type == "f":
            raise UserError(
                f"{self._where}, {location}: the cell has a formula without a value. Open and save the workbook in "
                "Excel, or replace the formula by its value."
            )
        if isinstance(value, bool):
            self._repairs.add("logical value read as TRUE or FALSE", location)
            return "TRUE" if value else "FALSE"
        if _is_date(cell):
            return self._date(cell, location, number_format)
        if isinstance(value, int | float):
            return self._number(cell, location, number_format)
        return self._text(cell, location, number_format)

    def _covered(self, cell: CoveredCell) -> str | int | float:
        form = self.merged_form(cell.column)
        if not form:
            raise UserError(cell.reason)
        how = "filled in" if form == FILL else "read as empty"
        self._repairs.add(f"cell under a merged cell {how}", f"cell {cell.coordinate} (merged {cell.area.name})")
        return self._uncounted(cell.first) if form == FILL else ""

    def _date(self, cell: Any, location: str, number_format: str) -> str:
        value = cell.value
        if cell.column in self._text_columns and cell.row > 1:
            kind, typed = ("date", "1/2") if isinstance(value, datetime.date) else ("time", "1:80")
            raise UserError(
                f"{self._where}, {location}: the cell contains a {kind} ({value}), but its column contains texts or "
                f"numbers. Excel may have turned a text such as {typed} into a {kind}. Format the cell as text and "
                "type the value again."
            )
        date, time = shows_date_and_time(number_format)
        if isinstance(value, datetime.date) and value.year < 1900:
            raise UserError(
                f"{self._where}, {location}: the date {value} is before 1900, and Excel does not show it. Correct the "
                "date, or format the cell as text and type the date again."
            )
        if isinstance(value, datetime.time) and date and not time:
            raise UserError(
                f"{self._where}, {location}: the date is day 0 of 1900. Excel shows this date if the formula of a cell "
                f"refers to another cell that is empty. Clear {location}, or type the date into it."
            )
        if isinstance(value, datetime.timedelta):
            text = iso_duration(value)
        else:
            # A time is stored as a fraction of a day, which is not exact.
            exact = value if shows_fractions(number_format) or not time else whole_seconds(value)
            text = iso_time(exact, date_only=date and not time, time_only=time and not date)
        self._repairs.add("date or time written in ISO form", f"{location} ({value} as {text})")
        return text

    def _number(self, cell: Any, location: str, number_format: str) -> str | int | float:
        value = cell.value
        if abs(value) >= _LARGEST_EXACT and not is_scientific(number_format):
            raise UserError(
                f"{self._where}, {location}: the number {_size(value)} is too long, because Excel stores only 15 "
                "digits. Format the cell as text and type the number again."
            )
        plain = plain_number(value)
        if self.number_form(cell.column) == NUMBER:
            return plain
        text = shown_number(value, number_format)
        if not text and cell.row == 1:
            return str(plain)  # the name of a column
        if not text:
            self._not_shown("number", cell, location, number_format)
        elif text != str(plain if plain == value else value):
            self._repairs.add("number written as its cell shows it", f"{location} ({value} as {text})")
        return text

    def _not_shown(self, kind: str, cell: Any, location: str, number_format: str) -> None:
        """Report a value that the sheet stores but does not show.

        If the column's `number_form` is set to `shown`, the value is counted as a warning. Else an error is raised.

        Args:
            kind: `number` or `text`.
            cell: the cell.
            location: name of the cell, for messages.
            number_format: format of the cell, which shows nothing.
        """
        if self.number_form(cell.column) != SHOWN:
            name = self._names[cell.column - 1] if cell.column <= len(self._names) else ""
            key = f"`as: {{{yaml_key(name)}: "
            numbers = f"To read the stored numbers, set {key}number}}` for this file. " if kind == "number" else ""
            empty = f"To read such cells as empty, set {key}shown}}` for this file. Or change the format."
            raise UserError(
                f"{self._where}, {location}: the cell contains the {kind} '{str(cell.value)[:40]}', but its format "
                f"`{number_format}` shows nothing. {numbers + empty if name else 'Clear the cell, or name its column.'}"
            )
        stored = f"{location} ({cell.value}, format" if kind == "number" else f"{location} (format"
        self._warnings.add(
            f"cell whose format hides its {kind}, read as empty because of `as: shown`", f"{stored} {number_format})"
        )

    def _text(self, cell: Any, location: str, number_format: str) -> str:
        value = str(cell.value)
        text = plain_text(value)
        if text != value:
            only_space = text == value.strip(" \t\n")
            marks = "white space" if only_space else "Excel's escapes, carriage returns or non-breaking spaces"
            self._repairs.add(f"{marks} dropped {'around' if only_space else 'from'} a cell", location)
        shown = shown_text(text, number_format)
        if not shown and cell.row == 1:
            return text  # the name of a column
        if text and not shown:
            self._not_shown("text", cell, location, number_format)
        elif shown != text:
            self._repairs.add("text written as its cell shows it", location)
        return shown


def _is_date_format(number_format: str) -> bool:
    # Imported late: it takes half a second, and only workbooks need it.
    from openpyxl.styles.numbers import is_date_format

    return bool(is_date_format(number_format))


def _is_date(cell: Any) -> bool:
    return isinstance(cell.value, datetime.date | datetime.time | datetime.timedelta)


def _size(number: float) -> str:
    """Return the digits of a number, for messages; words instead if the number has more than 30 digits."""
    return f"{number:.0f}" if abs(number) < 1e30 else "of more than 30 digits"
