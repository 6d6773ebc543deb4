"""Merged cells of workbooks: over rows, over columns, and where nothing is lost."""

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.helpers.malformed.case import COLUMNS, ROWS, Case, table
from tests.helpers.workbooks import edit_sheet

MRN = ("mrn", *COLUMNS)
VISITS = (("P1", *ROWS[0]), (None, *ROWS[1]), ("P2", *ROWS[2]))  # P1 is merged over two visits
FILLED = tuple(
    (row_id, f"{mrn}: {note}", label) for mrn, (row_id, note, label) in zip(("P1", "P1", "P2"), ROWS, strict=True)
)
WITH_MRN = {"prompt": "{{ mrn }}: {{ note }}"}
FILL = {"merged_cells": "fill"}
NOT_READ = ("column not read", "merged")


def merged(
    *rows: tuple[Any, ...], areas: tuple[str, ...], formats: dict[str, str] | None = None
) -> Callable[[Path], None]:
    """Return a function that writes a workbook with merged areas and formats of cells."""

    def write(path: Path) -> None:
        from openpyxl import Workbook

        workbook = Workbook()
        sheet = workbook.active
        sheet.title = "Notes"
        for row in rows:
            sheet.append(row)
        for cell, number_format in (formats or {}).items():
            sheet[cell].number_format = number_format
        for area in areas:
            sheet.merge_cells(area)
        workbook.save(path)

    return write


def visits(first: Any = "P1", area: str = "A2:A3", **more: Any) -> Callable[[Path], None]:
    """Return a function that writes a workbook with the record number of two visits in merged cells."""
    return merged(MRN, (first, *VISITS[0][1:]), *VISITS[1:], areas=(area,), **more)


def with_value_under_merged(path: Path) -> None:
    """Write a workbook in which cell A3, under A2:A3, has a value, as LibreOffice can leave it."""
    merged(MRN, VISITS[0], ("P9", *ROWS[1]), VISITS[2], areas=())(path)
    edit_sheet(
        path,
        path,
        lambda sheet: sheet.replace(
            b"</sheetData>", b'</sheetData><mergeCells count="1"><mergeCell ref="A2:A3"/></mergeCells>'
        ),
    )


CASES = [
    Case(
        "record number merged over two visits",
        "a.xlsx",
        visits(),
        "refused",
        (
            "sheet 'Notes', cells A2:A3",
            "Column 'mrn' has no value in 1 row of the sheet (3)",
            "`merged_cells: {mrn: fill}`",
        ),
        task=WITH_MRN,
    ),
    Case(
        "record number merged over two visits, as group of patients",
        "a.xlsx",
        visits(),
        "refused",
        ("cells A2:A3", "`merged_cells: {mrn: empty}`"),
        task={"group": "mrn"},
    ),
    Case(
        "record number merged over two visits, in a condition",
        "a.xlsx",
        visits(),
        "refused",
        ("cells A2:A3", "Column 'mrn'"),
        source={"where": "mrn == 'P1'"},
    ),
    Case("record number merged over two visits, not used", "a.xlsx", visits(), "kept with a warning", NOT_READ),
    Case("record number merged over two visits, ignored", "a.xlsx", visits(), "kept", source={"ignore": ["mrn"]}),
    Case(
        "record number merged over two visits, with `merged_cells: fill`",
        "a.xlsx",
        visits(),
        "repaired",
        ("cell under a merged cell filled in (1, first in cell A3 (merged A2:A3))",),
        source=FILL,
        task=WITH_MRN,
        rows=FILLED,
    ),
    Case(
        "record number merged over two visits, with `merged_cells: fill` for its column",
        "a.xlsx",
        visits(),
        "repaired",
        ("filled in (1,",),
        source={"merged_cells": {"mrn": "fill"}},
        task=WITH_MRN,
        rows=FILLED,
    ),
    Case(
        "record number merged over two visits, with `merged_cells: empty`",
        "a.xlsx",
        visits(),
        "repaired",
        ("cell under a merged cell read as empty (1, first in cell A3",),
        source={"merged_cells": {"mrn": "empty"}},
        task={"prompt": "{% if mrn %}{{ mrn }}: {% endif %}{{ note }}"},
        rows=(FILLED[0], ROWS[1], FILLED[2]),
    ),
    Case(
        "date merged over two visits, with `merged_cells: fill`",
        "a.xlsx",
        merged(
            MRN,
            (datetime.date(2026, 5, 1), *ROWS[0]),
            (None, *ROWS[1]),
            (datetime.date(2026, 5, 2), *ROWS[2]),
            areas=("A2:A3",),
        ),
        "repaired",
        ("ISO form (2,", "filled in (1,"),
        source=FILL,
        task=WITH_MRN,
        rows=tuple(
            (row_id, f"2026-05-0{day}: {note}", label)
            for day, (row_id, note, label) in zip((1, 1, 2), ROWS, strict=True)
        ),
    ),
    Case(
        "percentage merged over two visits, with `merged_cells: fill`",
        "a.xlsx",
        visits(0.95, formats={"A2": "0%"}),
        "repaired",
        ("(0.95 as 95%)", "filled in"),
        source=FILL,
        task=WITH_MRN,
        rows=tuple((row_id, note.replace("P1", "95%"), label) for row_id, note, label in FILLED),
    ),
    Case(
        "Excel's error in merged cells, with `merged_cells: fill`",
        "a.xlsx",
        visits("#N/A"),
        "refused",
        ("cell A2: the cell shows the error #N/A",),
        source=FILL,
        task=WITH_MRN,
    ),
    Case(
        "twenty merged record numbers",
        "a.xlsx",
        merged(
            MRN,
            *((None if i % 2 else f"P{i}", f"r{i}", f"Note {i}.", "UTI") for i in range(40)),
            areas=tuple(f"A{i}:A{i + 1}" for i in range(2, 42, 2)),
        ),
        "refused",
        ("cells A2:A3 and 19 more", "20 rows of the sheet (3, 5, 7, 9, 11, 13, 15, 17, 19, 21, ...)"),
        task=WITH_MRN,
    ),
    Case(
        "merged cells in a column whose name YAML reads as a truth value",
        "a.xlsx",
        merged(("no", *COLUMNS), *VISITS, areas=("A2:A3",)),
        "refused",
        ('`merged_cells: {"no": fill}`',),
        task={"prompt": "{{ row['no'] }} {{ note }}"},
    ),
    Case(
        "note merged with the remark beside it",
        "a.xlsx",
        merged((*COLUMNS, "remark"), *((*row, None) for row in ROWS), areas=("C3:D3",)),
        "refused",
        ("cells C3:D3", "Column 'remark' has no value in 1 row of the sheet (3)"),
        task={"prompt": "{{ note }}{{ remark }}"},
    ),
    Case(
        "note merged with the remark beside it, which is not used",
        "a.xlsx",
        merged((*COLUMNS, "remark"), *((*row, None) for row in ROWS), areas=("C3:D3",)),
        "kept with a warning",
        NOT_READ,
    ),
    Case(
        "cells merged over two columns and two rows, with `merged_cells: fill`",
        "a.xlsx",
        merged(
            (*COLUMNS, "a", "b"),
            (*ROWS[0], "x", None),
            (*ROWS[1], None, None),
            (*ROWS[2], "y", "z"),
            areas=("D2:E3",),
        ),
        "repaired",
        ("filled in (3, first in cell E2",),
        source=FILL,
        task={"prompt": "{{ note }} {{ a }}{{ b }}"},
        rows=tuple(
            (row_id, f"{note} {seen}", label)
            for seen, (row_id, note, label) in zip(("xx", "xx", "yz"), ROWS, strict=True)
        ),
    ),
    Case(
        "choices for two columns with merged cells",
        "a.xlsx",
        merged(
            (*MRN, "seen"),
            (*VISITS[0], "x"),
            (*VISITS[1], None),
            (*VISITS[2], "y"),
            areas=("A2:A3", "E2:E3"),
        ),
        "repaired",
        ("filled in (1,", "read as empty (1,"),
        source={"merged_cells": {"mrn": "fill", "seen": "empty"}},
        task={"prompt": "{{ mrn }}: {{ note }}{% if seen %}{{ seen }}{% endif %}"},
        rows=tuple(
            (row_id, f"{note}{seen}", label) for seen, (row_id, note, label) in zip(("x", "", "y"), FILLED, strict=True)
        ),
    ),
    Case(
        "merged cells without a value", "a.xlsx", merged(MRN, *(("P", *row) for row in ROWS), areas=("E2:G4",)), "kept"
    ),
    Case(
        "merged cells below the table",
        "a.xlsx",
        merged(COLUMNS, *ROWS, areas=("A10:C12",)),
        "repaired",
        ("empty row skipped",),
    ),
    Case(
        "rows that are merged over two rows as a whole",
        "a.xlsx",
        merged(COLUMNS, ROWS[0], (), *ROWS[1:], areas=("A2:A3", "B2:B3", "C2:C3")),
        "repaired",
        ("empty row skipped (1, first in row 3)",),
    ),
    Case(
        "wide column of merged cells",
        "a.xlsx",
        merged(
            ("id", "note", None, "label"),
            *((row_id, note, None, label) for row_id, note, label in ROWS),
            areas=("B1:C1", "B2:C2", "B3:C3", "B4:C4"),
        ),
        "kept",
    ),
    Case(
        "`merged_cells` for an unknown column",
        "a.xlsx",
        visits(),
        "refused",
        ("`merged_cells` names 'mnr'", "Did you mean 'mrn'?"),
        source={"merged_cells": {"mnr": "fill"}},
    ),
    Case("`merged_cells` for CSV", "a.csv", table().encode(), "refused", ("only .xlsx",), source=FILL),
    Case(
        "value under merged cells that the sheet does not show",
        "a.xlsx",
        with_value_under_merged,
        "refused",
        ("cells A2:A3",),
        task=WITH_MRN,
    ),
]
