"""Values, rows, columns and sheets of workbooks that a person does not see, and values of formulas."""

import datetime
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.helpers.malformed.binary import DAY, TIMES, book, noted
from tests.helpers.malformed.case import COLUMNS, ROWS, Case, with_note
from tests.helpers.malformed.cells import DAYS, formatted, showing
from tests.helpers.workbooks import edit_sheet

UNUSED = {"prompt": "{{ id }} has a note."}
AS_UNUSED = tuple((row_id, f"{row_id} has a note.", label) for row_id, _, label in ROWS)
OR_NONE = {"prompt": "{% if note %}{{ note }}{% else %}none{% endif %}"}
CHOICE = ("shows nothing", "`as: {note: number}`", "`as: {note: shown}`")


def changed(change: Callable[[Any, Any], object], rows: tuple[tuple[Any, ...], ...] = ROWS) -> Callable[[Path], None]:
    """Return a function that writes a workbook after `change(workbook, sheet)`."""

    def write(path: Path) -> None:
        from openpyxl import load_workbook

        book(rows)(path)
        workbook = load_workbook(path)
        change(workbook, workbook.active)
        workbook.save(path)

    return write


def computed(kind: str, value: str) -> Callable[[Path], None]:
    """Return a function that writes a workbook whose second note is a formula with a value, as Excel stores it."""

    def write(path: Path) -> None:
        book(noted("=A1"))(path)
        stored = f'<c r="B3" t="{kind}"><f>A1</f>{value}</c>'.encode()
        edit_sheet(path, path, lambda sheet: re.sub(rb'<c r="B3">.*?</c>', stored, sheet))

    return write


def hide_row(workbook: Any, sheet: Any) -> None:
    """Hide row 3."""
    sheet.row_dimensions[3].hidden = True


def filter_rows(workbook: Any, sheet: Any) -> None:
    """Filter the sheet by label UTI."""
    sheet.auto_filter.ref = "A1:C4"
    sheet.auto_filter.add_filter_column(2, ["UTI"])
    sheet.row_dimensions[3].hidden = True


def hide_columns(workbook: Any, sheet: Any) -> None:
    """Hide columns B and C in one group."""
    sheet.column_dimensions.group("B", "C", hidden=True)


def hide_number(workbook: Any, sheet: Any) -> None:
    """Write a number that its format hides into column D, which has no name."""
    sheet["D3"].value, sheet["D3"].number_format = 7, ";;;"


def hide_sheets(workbook: Any, sheet: Any) -> None:
    """Add a hidden sheet, and one that only a macro can show."""
    workbook.create_sheet("Lists").sheet_state = "hidden"
    workbook.create_sheet("Keys").sheet_state = "veryHidden"


def add_totals(workbook: Any, sheet: Any) -> None:
    """Make the rows a table of Excel with a totals row."""
    from openpyxl.worksheet.table import Table

    sheet.append(("Total", 3, None))
    sheet.add_table(Table(displayName="Visits", ref="A1:C5", totalsRowCount=1))


def count_from_1904(workbook: Any, sheet: Any) -> None:
    """Set the date system of 1904, and write dates as notes."""
    from openpyxl.utils.datetime import CALENDAR_MAC_1904

    workbook.epoch = CALENDAR_MAC_1904
    for row, day in enumerate(DAYS, start=2):
        sheet.cell(row, 2).value = day


def _hidden(description: str, number_format: str, *values: Any, cell: str, **more: Any) -> Case:
    """Return the case of a note that its format does not show."""
    content = formatted(*values, number_format=number_format)
    return Case(description, "a.xlsx", content, "refused", (f"cell {cell}:", "shows nothing", "note: shown}`"), **more)


CASES = [
    _hidden("numbers that no format shows (;;;)", ";;;", 5, 6, 7, cell="B2"),
    _hidden("zeros that the format hides", "0;-0;;@", 5, 0, 7, cell="B3"),
    _hidden("zeros with the format #", "#", 5, 0, 7, cell="B3"),
    _hidden("zeros with the format #,###", "#,###", 5000, 0, 7, cell="B3"),
    _hidden("zeros hidden by a condition", '[=0]"";General', 5, 0, 7, cell="B3"),
    _hidden("negative numbers that the format hides", "0;;0", 5, -5, 0, cell="B3"),
    _hidden("numbers with the format of an empty text", '""', 5, 6, 7, cell="B2"),
    _hidden("numbers with the format of a blank", '" "', 5, 6, 7, cell="B2"),
    _hidden("numbers with a format of colour alone", "[Red]", 5, 6, 7, cell="B2"),
    _hidden("texts that no format shows (;;;)", ";;;", "Dysuria.", "b", "c", cell="B2"),
    _hidden("texts that a format of numbers hides", "0;-0;0;", 5, "none", -3, cell="B3"),
    Case(
        "number that no format shows, with both choices in the message",
        "a.xlsx",
        formatted(5, 6, 7, number_format=";;;"),
        "refused",
        (*CHOICE, "the number '5'"),
    ),
    Case(
        "number that no format shows, in a column without a name",
        "a.xlsx",
        changed(hide_number),
        "refused",
        ("cell D3:", "the number '7'", "Clear the cell, or name its column."),
    ),
    Case(
        "numbers that no format shows, with `as: number`",
        "a.xlsx",
        formatted(5, 6, 7, number_format=";;;"),
        "kept",
        source={"as": {"note": "number"}},
        rows=showing("5", "6", "7"),
    ),
    Case(
        "zeros that the format hides, with `as: shown`",
        "a.xlsx",
        formatted(5, 0, 7, number_format="0;-0;;@"),
        "kept with a warning",
        (
            "cell whose format hides its number, read as empty because of `as: shown` "
            "(1, first in cell B3 (0, format 0;-0;;@))",
        ),
        source={"as": {"note": "shown"}},
        task=OR_NONE,
        rows=showing("5", "none", "7"),
    ),
    Case(
        "texts that no format shows, with `as: shown`",
        "a.xlsx",
        formatted("a", "b", "c", number_format=";;;"),
        "kept with a warning",
        ("cell whose format hides its text, read as empty because of `as: shown` (3, first in cell B2 (format ;;;))",),
        source={"as": "shown"},
        task=UNUSED,
        rows=AS_UNUSED,
    ),
    Case(
        "numbers that no format shows, in an unused column",
        "a.xlsx",
        formatted(5, 6, 7, number_format=";;;"),
        "kept with a warning",
        ("column not read",),
        task=UNUSED,
        rows=AS_UNUSED,
    ),
    Case(
        "words for texts in the format",
        "a.xlsx",
        formatted(5, "none", -3, number_format='0;-0;0;"n/a"'),
        "repaired",
        ("text written as its cell shows it (1, first in cell B3)",),
        rows=showing("5", "n/a", "-3"),
    ),
    Case(
        "name of a column that no format shows",
        "a.xlsx",
        changed(lambda workbook, sheet: setattr(sheet["B1"], "number_format", ";;;")),
        "kept",
    ),
    Case("hidden row", "a.xlsx", changed(hide_row), "kept with a warning", ("hidden row", "in row 3")),
    Case("filtered rows", "a.xlsx", changed(filter_rows), "kept with a warning", ("hidden row", "1, first")),
    Case(
        "hidden columns",
        "a.xlsx",
        changed(hide_columns),
        "kept with a warning",
        ("hidden column, read like a visible column unless `ignore` names it (2, first in column 'note')",),
    ),
    Case(
        "hidden sheets, and no `sheet`",
        "a.xlsx",
        changed(hide_sheets),
        "refused",
        ("one of Notes, Lists (hidden), Keys (hidden)",),
    ),
    Case("hidden sheets, with `sheet`", "a.xlsx", changed(hide_sheets), "kept", source={"sheet": "Notes"}),
    Case(
        "totals row of an Excel table",
        "a.xlsx",
        changed(add_totals),
        "repaired",
        ("totals row of an Excel table skipped (1, first in row 5)",),
    ),
    Case(
        "formula whose value is an empty text",
        "a.xlsx",
        computed("str", "<v></v>"),
        "kept",
        task=OR_NONE,
        rows=with_note("none"),
    ),
    Case(
        "formula whose value is an empty text, in the form of other programs",
        "a.xlsx",
        computed("str", ""),
        "kept",
        task=OR_NONE,
        rows=with_note("none"),
    ),
    Case("formula with a text", "a.xlsx", computed("str", "<v>Pyuria.</v>"), "kept", rows=with_note("Pyuria.")),
    Case("formula with an error", "a.xlsx", computed("e", "<v>#N/A</v>"), "refused", ("cell B3", "#N/A")),
    Case(
        "formula with a logical value",
        "a.xlsx",
        computed("b", "<v>1</v>"),
        "repaired",
        ("logical value", "cell B3"),
        rows=with_note("TRUE"),
    ),
    Case(
        "dates counted from 1904",
        "a.xlsx",
        changed(count_from_1904),
        "repaired",
        TIMES,
        rows=showing(*(day.isoformat() for day in DAYS)),
    ),
    Case(
        "date before 1900, which Excel shows as number signs",
        "a.xlsx",
        formatted(-5, *DAYS[:2], number_format="dd/mm/yyyy"),
        "refused",
        ("cell B2: the date",),
    ),
    Case(
        "number that is too large for a date",
        "a.xlsx",
        formatted(20260501, *DAYS[:2], number_format="dd/mm/yyyy"),
        "refused",
        ("cell B2", "too large for a date"),
    ),
    Case(
        "times with digits of rounding",
        "a.xlsx",
        formatted(0.5000001, 0.354166666666667, 0.2, number_format="hh:mm:ss"),
        "repaired",
        TIMES,
        rows=showing("12:00:00", "08:30:00", "04:48:00"),
    ),
    Case(
        "dates and times with digits of rounding",
        "a.xlsx",
        formatted(46143.354166666664, 46143.99999999, 46143.5, number_format="yyyy-mm-dd hh:mm"),
        "repaired",
        TIMES,
        rows=showing("2026-05-01T08:30:00", "2026-05-02T00:00:00", "2026-05-01T12:00:00"),
    ),
    Case(
        "times with fractions of seconds",
        "a.xlsx",
        formatted(*(datetime.time(8, 30, second, 250_000) for second in (1, 2, 3)), number_format="hh:mm:ss.00"),
        "repaired",
        TIMES,
        rows=showing("08:30:01.250000", "08:30:02.250000", "08:30:03.250000"),
    ),
    Case(
        "empty rows above the names of the columns",
        "a.xlsx",
        book((COLUMNS, *ROWS), (None,)),
        "refused",
        ("delete empty rows above them",),
    ),
    Case(
        "names of the columns again below the table",
        "a.xlsx",
        book((*ROWS[:2], COLUMNS, ROWS[2])),
        "repaired",
        ("repeated row of column names skipped (1, first in row 4)",),
    ),
    Case("workbook with macros", "a.xlsm", b"", "refused", ("'.xlsm' is not supported. Save the workbook as .xlsx",)),
    Case("workbook of LibreOffice", "a.ods", b"", "refused", ("'.ods' is not supported. Save the workbook as .xlsx",)),
    Case(
        "name of a column with a line end",
        "a.xlsx",
        book(header=("id", "note\n(free text)", "label")),
        "refused",
        (r"Did you mean 'note\n(free text)'?",),
        task={"columns": {"note": "note (free text)"}},
    ),
    Case(
        "one date in an unused column of words",
        "a.xlsx",
        book(tuple((*row, x) for row, x in zip(ROWS, ("a", DAY, "b"), strict=True)), (*COLUMNS, "when")),
        "kept with a warning",
        ("column not read", "D3"),
    ),
]
