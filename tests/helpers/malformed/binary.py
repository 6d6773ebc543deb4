"""Workbooks and Parquet files: damaged files, and cells whose value is not the text that is shown."""

import datetime
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.helpers.malformed.case import COLUMNS, ROWS, Case, table, with_note

Cells = tuple[tuple[Any, ...], ...]


def book(
    rows: Cells = ROWS, header: tuple[Any, ...] = COLUMNS, sheets: tuple[str, ...] = ("Notes",)
) -> Callable[[Path], None]:
    """Return a function that writes a workbook."""

    def write(path: Path) -> None:
        from openpyxl import Workbook

        workbook = Workbook()
        workbook.active.title = sheets[0]
        for name in sheets[1:]:
            workbook.create_sheet(name)
        for row in (header, *rows) if header else ():
            workbook.active.append(row)
        workbook.save(path)

    return write


def cut(write: Callable[[Path], None], size: int) -> Callable[[Path], None]:
    """Return a function that writes the first `size` bytes of a file."""

    def truncated(path: Path) -> None:
        write(path)
        path.write_bytes(path.read_bytes()[:size])

    return truncated


def broken_sheet(path: Path) -> None:
    """Write a workbook whose sheet is not XML."""
    book()(path)
    with zipfile.ZipFile(path) as intact:
        parts = {name: intact.read(name) for name in intact.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    parts[sheet] = parts[sheet][: len(parts[sheet]) // 2]
    with zipfile.ZipFile(path, "w") as broken:
        for name, content in parts.items():
            broken.writestr(name, content)


def sparse(path: Path) -> None:
    """Write a workbook with cells in the last column and in the last row."""
    from openpyxl import Workbook

    workbook = Workbook()
    workbook.active["A1"], workbook.active["XFD1"], workbook.active["A1048576"] = "note", "label", "x"
    workbook.save(path)


def parquet(rows: Cells = ROWS, names: tuple[str, ...] = COLUMNS) -> Callable[[Path], None]:
    """Return a function that writes a Parquet file."""

    def write(path: Path) -> None:
        import pyarrow
        from pyarrow.parquet import write_table

        columns = [pyarrow.array(column) for column in zip(*rows, strict=True)]
        write_table(pyarrow.Table.from_arrays(columns, names=list(names)), path)

    return write


def noted(note: Any) -> Cells:
    """Return the rows with a note that is not text."""
    return (ROWS[0], (ROWS[1][0], note, ROWS[1][2]), ROWS[2])


def dated(value: Any) -> Cells:
    """Return the rows with a value in a further column."""
    return tuple((*row, value) for row in ROWS)


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


NUMBERS, TIMES = ("number written as its cell shows it",), ("date or time written in ISO form",)
DAY = datetime.date(2026, 5, 1)
DAYS = [DAY, datetime.date(2026, 12, 31), datetime.date(1948, 2, 3)]
ISO_DAYS = [day.isoformat() for day in DAYS]
MORNINGS = [datetime.datetime.combine(day, datetime.time(8, 30)) for day in DAYS]
HOURS = [datetime.timedelta(hours=hours) for hours in (26.5, 0.25, 100)]
WITH_DATE = (*COLUMNS, "admitted")
CASES = [
    Case("workbook cut off", "a.xlsx", cut(book(), 2000), "refused", ("not a valid Excel workbook", "cut off")),
    Case("workbook whose sheet is damaged", "a.xlsx", broken_sheet, "refused", ("not a valid Excel workbook",)),
    Case("CSV named .xlsx", "a.xlsx", table().encode(), "refused", ("not a valid Excel workbook",)),
    Case("workbook with a password", "a.xlsx", bytes.fromhex("d0cf11e0a1b11ae1") * 100, "refused", ("password",)),
    Case("cells at the ends of a sheet", "a.xlsx", sparse, "refused", ("cell XFD1", "limits.columns")),
    Case("workbook of Excel 97", "a.xls", b"", "refused", ("format '.xls' is not supported", ".xlsx")),
    Case("Excel's error in a cell", "a.xlsx", book(noted("#N/A")), "refused", ("cell B3", "#N/A")),
    Case("date that Excel made of a text", "a.xlsx", book(noted(DAY)), "refused", ("cell B3", "2026-05-01", "as text")),
    Case(
        "date in an unused column", "a.xlsx", book(dated(DAY), WITH_DATE), "repaired", (*TIMES, "3, first in cell D2")
    ),
    Case("date in an ignored column", "a.xlsx", book(dated(DAY), WITH_DATE), "kept", source={"ignore": ["admitted"]}),
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
        "TRUE in a cell",
        "a.xlsx",
        book(noted(True)),
        "repaired",
        ("logical value", "cell B3"),
        rows=with_note("TRUE"),
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
    Case("formula that was never computed", "a.xlsx", book(noted("=A1")), "refused", ("cell B3", "without a value")),
    Case("number of 17 digits", "a.xlsx", book(noted(12345678901234567)), "refused", ("cell B3", "15 digits")),
    Case(
        "numbers as ids",
        "a.xlsx",
        book(tuple((float(i), *row[1:]) for i, row in enumerate(ROWS))),
        "kept",
        rows=tuple((str(i), *row[1:]) for i, row in enumerate(ROWS)),
    ),
    Case("two sheets without `sheet`", "a.xlsx", book(sheets=("Notes", "Key")), "refused", ("Notes, Key", "`sheet`")),
    Case("empty sheet", "a.xlsx", book(header=()), "refused", ("has no rows",)),
    Case("empty row in a sheet", "a.xlsx", book((ROWS[0], (), *ROWS[1:])), "repaired", ("empty row",)),
    Case("column named twice in a sheet", "a.xlsx", book(header=("id", "note", "note")), "refused", ("comes twice",)),
    Case("remark beside the columns", "a.xlsx", book(dated("seen"), (*COLUMNS, None)), "refused", ("row 2", "'seen'")),
    Case(
        "Excel's escapes in a cell",
        "a.xlsx",
        book(noted("Pyuria_x000D_\n38\xa0°C")),
        "repaired",
        ("Excel's escapes",),
        rows=with_note("Pyuria\n38 °C"),
    ),
    Case(
        "white space around a cell",
        "a.xlsx",
        book(noted(" Pyuria. ")),
        "repaired",
        ("white space around a cell",),
        rows=with_note("Pyuria."),
    ),
    Case(
        "encoding of a workbook",
        "a.xlsx",
        book(),
        "refused",
        ("only .jsonl,", "Remove `encoding`"),
        {"encoding": "cp1252"},
    ),
    Case("Parquet cut off", "a.parquet", cut(parquet(), 500), "refused", ("not a valid Parquet file",)),
    Case(
        "Parquet of 1,001 columns",
        "a.parquet",
        parquet((tuple(range(1001)),), tuple(f"c{number}" for number in range(1001))),
        "refused",
        ("limits.columns",),
    ),
    Case("CSV named .parquet", "a.parquet", table().encode(), "refused", ("not a valid Parquet file",)),
    Case(
        "Parquet with a column twice", "a.parquet", parquet(names=("id", "note", "note")), "refused", ("comes twice",)
    ),
    Case(
        "Parquet with bytes in a column",
        "a.parquet",
        parquet(dated(b"\x00"), WITH_DATE),
        "refused",
        ("'admitted'", "bytes"),
    ),
    Case(
        "Parquet with NaN in a column",
        "a.parquet",
        parquet(dated(float("nan")), WITH_DATE),
        "repaired",
        ("NaN read as empty",),
    ),
    Case("Parquet with dates in a column", "a.parquet", parquet(dated(DAY), WITH_DATE), "repaired", TIMES),
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
