"""Merged names of columns, and merged titles, headings and remarks of workbooks."""

from tests.helpers.malformed.case import COLUMNS, ROWS, Case
from tests.helpers.malformed.merged import MRN, VISITS, WITH_MRN, merged

VITALS = tuple((*row, 37 + i, 95 + i) for i, row in enumerate(ROWS))
TWO_ROWS = merged(
    (*COLUMNS, "Vitals", None),
    (None, None, None, "Temp", "SpO2"),
    *VITALS,
    areas=("A1:A2", "B1:B2", "C1:C2", "D1:E1"),
)
ONE_ROW = merged((*COLUMNS, "Vitals", None), *VITALS, areas=("D1:E1",))
CASES = [
    Case(
        "merged title above the names of the columns",
        "a.xlsx",
        merged(("Visits of 2026",), COLUMNS, *ROWS, areas=("A1:C1",)),
        "refused",
        ("cells A1:C1: the first row is one merged cell, like a title", "Delete the rows above"),
    ),
    Case(
        "merged headings and a merged remark",
        "a.xlsx",
        merged(COLUMNS, ("Ward 3A",), *ROWS, ("* provisional",), areas=("A2:C2", "A6:C6")),
        "repaired",
        ("row of one merged cell skipped (2, first in row 2)",),
    ),
    Case(
        "merged name above two columns",
        "a.xlsx",
        ONE_ROW,
        "kept with a warning",
        ("column not read", "2 columns share the name 'Vitals'"),
    ),
    Case(
        "merged name above two columns, used",
        "a.xlsx",
        ONE_ROW,
        "refused",
        ("cells D1:E1", "a name for each column"),
        task={"prompt": "{{ note }} {{ Vitals }}"},
    ),
    Case(
        "merged name above two columns, ignored",
        "a.xlsx",
        ONE_ROW,
        "kept",
        source={"ignore": ["Vitals"]},
    ),
    Case(
        "two rows of merged names",
        "a.xlsx",
        TWO_ROWS,
        "repaired",
        ("row of names under merged names skipped (1, first in row 2)", "column not read"),
    ),
    Case(
        "two rows of merged names, and a name of the second row used",
        "a.xlsx",
        TWO_ROWS,
        "refused",
        ("'Vitals'. One of these columns has the name 'Temp'", "delete other rows of names"),
        task={"prompt": "{{ note }} {{ Temp }}"},
    ),
    Case(
        "row of units under merged names",
        "a.xlsx",
        merged(
            (*COLUMNS, "Temp"),
            (None, None, None, "°C"),
            *((*row, 37) for row in ROWS),
            areas=("A1:A2", "B1:B2", "C1:C2"),
        ),
        "repaired",
        ("row of names under merged names skipped",),
    ),
    Case(
        "name of a column merged with a value",
        "a.xlsx",
        merged(MRN, (None, *ROWS[0]), *VISITS[1:], areas=("A1:A2",)),
        "refused",
        ("cells A1:A2: the merged cells with the column's name reach into rows with values",),
        task=WITH_MRN,
    ),
]
