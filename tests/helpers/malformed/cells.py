"""Numbers, dates and texts of cells whose stored value differs from what the sheet shows."""

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.helpers.malformed.binary import DAY, TIMES, book, parquet
from tests.helpers.malformed.case import COLUMNS, ROWS, Case, table


def formatted(*values: Any, number_format: str) -> Callable[[Path], None]:
    """Return a function that writes a workbook whose notes are numbers, dates or texts with a format."""

    def write(path: Path) -> None:
        from openpyxl import Workbook

        workbook = Workbook()
        sheet = workbook.active
        sheet.title = "Notes"
        for row in (COLUMNS, *((row_id, value, label) for (row_id, _, label), value in zip(ROWS, values, strict=True))):
            sheet.append(row)
        for cell in sheet["B"][1:]:
            cell.number_format = number_format
        workbook.save(path)

    return write


def showing(*texts: str) -> tuple[tuple[str, str, str], ...]:
    """Return the rows with other notes."""
    return tuple((row_id, text, label) for (row_id, _, label), text in zip(ROWS, texts, strict=True))


def float32(path: Path) -> None:
    """Write a Parquet file whose notes are numbers of 32 bits."""
    import pyarrow
    from pyarrow.parquet import write_table

    ids, _, labels = map(list, zip(*ROWS, strict=True))
    numbers = pyarrow.array([37.2, 0.1, 98.6], pyarrow.float32())
    write_table(pyarrow.table({"id": ids, "note": numbers, "label": labels}), path)


NUMBERS = ("number written as its cell shows it",)
DAYS = [DAY, datetime.date(2026, 12, 31), datetime.date(1948, 2, 3)]
ISO_DAYS = [day.isoformat() for day in DAYS]
MORNINGS = [datetime.datetime.combine(day, datetime.time(8, 30)) for day in DAYS]
HOURS = [datetime.timedelta(hours=hours) for hours in (26.5, 0.25, 100)]
CASES = [
    Case(
        "dates as day/month/year",
        "a.xlsx",
        formatted(*DAYS, number_format="dd/mm/yyyy"),
        "repaired",
        TIMES,
        rows=showing(*ISO_DAYS),
    ),
    Case(
        "dates with the time of day",
        "a.xlsx",
        formatted(*MORNINGS, number_format="d-mmm-yy h:mm AM/PM"),
        "repaired",
        TIMES,
        rows=showing(*(f"{day}T08:30:00" for day in ISO_DAYS)),
    ),
    Case(
        "dates whose format hides the time of day",
        "a.xlsx",
        formatted(*MORNINGS, number_format="mm-dd-yy"),
        "repaired",
        (*TIMES, "2026-05-01 08:30:00 as 2026-05-01"),
        rows=showing(*ISO_DAYS),
    ),
    Case(
        "durations of more than a day",
        "a.xlsx",
        formatted(*HOURS, number_format="[h]:mm"),
        "repaired",
        TIMES,
        rows=showing("26:30:00", "00:15:00", "100:00:00"),
    ),
    Case(
        "dates, and a word where one is missing",
        "a.xlsx",
        formatted(*DAYS[:2], "unknown", number_format="yyyy\\-mm\\-dd"),
        "repaired",
        (*TIMES, "2, first in cell B2"),
        rows=showing(*ISO_DAYS[:2], "unknown"),
    ),
    Case(
        "percentages",
        "a.xlsx",
        formatted(0.95, 0.5, 1, number_format="0%"),
        "repaired",
        (*NUMBERS, "3, first in cell B2 (0.95 as 95%)"),
        rows=showing("95%", "50%", "100%"),
    ),
    Case(
        "percentages with `as: number`",
        "a.xlsx",
        formatted(0.95, 0.5, 1, number_format="0%"),
        "kept",
        source={"as": "number"},
        rows=showing("0.95", "0.5", "1"),
    ),
    Case(
        "percentages with `as: number` for their column",
        "a.xlsx",
        formatted(0.95, 0.5, 1, number_format="0%"),
        "kept",
        source={"as": {"note": "number"}},
        rows=showing("0.95", "0.5", "1"),
    ),
    Case(
        "`as: number` for a column whose name has a line end of Excel",
        "a.xlsx",
        book(tuple((*row, 0.95) for row in ROWS), (*COLUMNS, "Share_x000D_\n(%)")),
        "repaired",
        ("Excel's escapes", "cell D1"),
        source={"as": {"Share\n(%)": "number"}},
    ),
    Case(
        "`as: number` for an unknown column",
        "a.xlsx",
        book(),
        "refused",
        ("`as` names 'nots'", "Did you mean 'note'?"),
        source={"as": {"nots": "number"}},
    ),
    Case("`as: number` for CSV", "a.csv", table().encode(), "refused", ("only .xlsx",), source={"as": "number"}),
    Case(
        "numbers padded with zeros",
        "a.xlsx",
        formatted(4711, 12, 123456, number_format="000000"),
        "repaired",
        NUMBERS,
        rows=showing("004711", "000012", "123456"),
    ),
    Case(
        "numbers rounded by their format",
        "a.xlsx",
        formatted(98.60000000000001, 36.649, 37, number_format="0.0"),
        "repaired",
        (*NUMBERS, "98.60000000000001 as 98.6"),
        rows=showing("98.6", "36.6", "37.0"),
    ),
    Case(
        "quotients without a format",
        "a.xlsx",
        formatted(1 / 3, 38.5, 7, number_format="General"),
        "repaired",
        (*NUMBERS, "1, first in cell B2"),
        rows=showing("0.333333333", "38.5", "7"),
    ),
    Case(
        "fractions",
        "a.xlsx",
        formatted(0.5, 2.25, 3, number_format="# ?/?"),
        "repaired",
        NUMBERS,
        rows=showing("1/2", "2 1/4", "3"),
    ),
    Case(
        "units in the format",
        "a.xlsx",
        formatted(37.25, 39, -1, number_format='0.0\\ "°C"'),
        "repaired",
        NUMBERS,
        rows=showing("37.3 °C", "39.0 °C", "-1.0 °C"),
    ),
    Case(
        "words for codes in the format",
        "a.xlsx",
        formatted(1, 0, 7, number_format='[=1]"yes";[=0]"no";0'),
        "repaired",
        NUMBERS,
        rows=showing("yes", "no", "7"),
    ),
    Case(
        "scientific numbers",
        "a.xlsx",
        formatted(1.5e6, 0.00025, 2e18, number_format="0.0E+00"),
        "repaired",
        NUMBERS,
        rows=showing("1.5E+06", "2.5E-04", "2.0E+18"),
    ),
    Case(
        "thousands, and negative amounts in brackets",
        "a.xlsx",
        formatted(1234567.5, -1234, 0, number_format='#,##0.00_);[Red]\\(#,##0.00\\);"-"'),
        "repaired",
        NUMBERS,
        rows=showing("1,234,567.50", "(1,234.00)", "-"),
    ),
    Case(
        "telephone numbers",
        "a.xlsx",
        formatted(5551234567, 5550000001, 5559999999, number_format="(000) 000-0000"),
        "repaired",
        NUMBERS,
        rows=showing("(555) 123-4567", "(555) 000-0001", "(555) 999-9999"),
    ),
    Case(
        "words around a text in the format",
        "a.xlsx",
        formatted("4a", "4b", "5", number_format='"Ward "@'),
        "repaired",
        ("text written as its cell shows it",),
        rows=showing("Ward 4a", "Ward 4b", "Ward 5"),
    ),
    Case(
        "texts with an accounting format",
        "a.xlsx",
        formatted("4a", "4b", "5", number_format='_-* #,##0.00_-;-* #,##0.00_-;_-* "-"??_-;_-@_-'),
        "kept",
        rows=showing("4a", "4b", "5"),
    ),
    Case(
        "large numbers without a format",
        "a.xlsx",
        formatted(9999999999.9, 12345678910.5, 123456789012.5, number_format="General"),
        "repaired",
        (*NUMBERS, "9999999999.9 as 10000000000"),
        rows=showing("10000000000", "12345678911", "1.23457E+11"),
    ),
    Case(
        "times of day stored with a date",
        "a.xlsx",
        formatted(1.5, 46143.25, 0.75, number_format="h:mm"),
        "repaired",
        (*TIMES, "1900-01-01 12:00:00 as 12:00:00"),
        rows=showing("12:00:00", "06:00:00", "18:00:00"),
    ),
    Case(
        "day 0 of 1900, which a formula makes of an empty cell",
        "a.xlsx",
        formatted(0, *DAYS[:2], number_format="dd/mm/yyyy"),
        "refused",
        ("cell B2", "day 0 of 1900", "Clear cell B2"),
    ),
    Case(
        "Parquet with dates as notes, stored as times",
        "a.parquet",
        parquet(
            tuple(
                (row[0], datetime.datetime.combine(day, datetime.time()), row[2])
                for row, day in zip(ROWS, DAYS, strict=True)
            )
        ),
        "repaired",
        TIMES,
        rows=showing(*ISO_DAYS),
    ),
    Case("Parquet with numbers of 32 bits", "a.parquet", float32, "kept", rows=showing("37.2", "0.1", "98.6")),
]
