"""Workbooks and Parquet files: damaged files, and cells whose value is not the text that is shown."""

import datetime
import zipfile
from collections.abc import Callable
from decimal import Decimal
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


def typed(kind: str, values: list[Any]) -> Callable[[Path], None]:
    """Return a function that writes a Parquet file with a column `more` of an Arrow type."""

    def write(path: Path) -> None:
        import pyarrow
        from pyarrow.parquet import write_table

        types = {"date32": pyarrow.date32(), "decimal": pyarrow.decimal128(20, 10)}
        columns = [*(pyarrow.array(column) for column in zip(*ROWS, strict=True)), pyarrow.array(values, types[kind])]
        write_table(pyarrow.Table.from_arrays(columns, names=[*COLUMNS, "more"]), path)

    return write


def noted(note: Any) -> Cells:
    """Return the rows with a note that is not text."""
    return (ROWS[0], (ROWS[1][0], note, ROWS[1][2]), ROWS[2])


def dated(value: Any) -> Cells:
    """Return the rows with a value in a further column."""
    return tuple((*row, value) for row in ROWS)


TIMES = ("date or time written in ISO form",)
DAY = datetime.date(2026, 5, 1)
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
    Case(
        "Excel's error in an unused column",
        "a.xlsx",
        book(dated("#N/A"), WITH_DATE),
        "kept with a warning",
        ("not read", "'admitted'"),
    ),
    Case(
        "Excel's error in a column of a template",
        "a.xlsx",
        book(dated("#N/A"), WITH_DATE),
        "refused",
        ("D2", "#N/A"),
        task={"prompt": "{{ note }} {{ admitted }}"},
    ),
    Case("date in an ignored column", "a.xlsx", book(dated(DAY), WITH_DATE), "kept", source={"ignore": ["admitted"]}),
    Case(
        "TRUE in a cell",
        "a.xlsx",
        book(noted(True)),
        "repaired",
        ("logical value", "cell B3"),
        rows=with_note("TRUE"),
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
    Case(
        "sheet whose name has decomposed accents and a blank at its end",
        "a.xlsx",
        book(sheets=("Cahier e\u0301te\u0301 ", "Key")),
        "kept",
        source={"sheet": "Cahier été"},
    ),
    Case("unknown sheet", "a.xlsx", book(sheets=("Notes", "Key")), "refused", ("'Note'", "'Notes'"), {"sheet": "Note"}),
    Case(
        "date as the name of a column",
        "a.xlsx",
        book(dated("seen"), (*COLUMNS, DAY)),
        "repaired",
        (*TIMES, "1, first in cell D1"),
        task={"prompt": "{{ note }}{{ row['2026-05-01'][4:] }}"},
    ),
    Case(
        "Excel's error as the name of a column",
        "a.xlsx",
        book(dated("seen"), (*COLUMNS, "#REF!")),
        "refused",
        ("cell D1: the cell shows the error #REF!. Correct the cell.",),
    ),
    Case(
        "title above the names of the columns",
        "a.xlsx",
        book((COLUMNS, *ROWS), ("Visits", None, None)),
        "refused",
        ("row 2", "delete the rows above that row"),
    ),
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
        ("white space dropped around a cell",),
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
        "Parquet with bytes in an unused column",
        "a.parquet",
        parquet(dated(b"\x00"), WITH_DATE),
        "kept with a warning",
        ("not read", "'admitted'"),
    ),
    Case(
        "Parquet with bytes in a column that is used",
        "a.parquet",
        parquet(dated(b"\x00"), WITH_DATE),
        "refused",
        ("'admitted'", "bytes"),
        task={"columns": {"question": "admitted"}},
    ),
    Case(
        "Parquet with NaN in a column",
        "a.parquet",
        parquet(dated(float("nan")), WITH_DATE),
        "repaired",
        ("NaN read as empty",),
    ),
    Case(
        "Parquet with an infinite number in a column that is used",
        "a.parquet",
        parquet(dated(float("inf")), WITH_DATE),
        "refused",
        ("column 'admitted'", "the value is infinite", "`ignore`"),
        task={"columns": {"question": "admitted"}},
    ),
    Case(
        "Parquet with a date after the year 9999",
        "a.parquet",
        typed("date32", [10_000_000] * 3),
        "kept with a warning",
        ("not read", "'more'"),
    ),
    Case(
        "Parquet with a date after the year 9999 in a column that is used",
        "a.parquet",
        typed("date32", [10_000_000] * 3),
        "refused",
        ("row 1, column 'more'", "outside of the years 1 to 9999", "`ignore`"),
        task={"prompt": "{{ note }} {{ more }}"},
    ),
    Case(
        "Parquet with small decimal numbers",
        "a.parquet",
        typed("decimal", [Decimal("0"), Decimal("0.0000005"), Decimal("37.2")]),
        "kept",
        task={"prompt": "{{ more }}"},
        rows=tuple(
            (row[0], number, row[2])
            for row, number in zip(ROWS, ("0.0000000000", "0.0000005000", "37.2000000000"), strict=True)
        ),
    ),
    Case("Parquet with dates in a column", "a.parquet", parquet(dated(DAY), WITH_DATE), "repaired", TIMES),
]
