"""Rows, marks and quotation marks that databases and other programs write into CSV."""

from tests.helpers.malformed.case import COLUMNS, ROWS, Case, lines, table, with_note

CSV = table()
EXCEL = ("apostrophes before numbers and formulas",)
CASES = [
    Case(
        "semicolons, a byte-order mark, and a line end in quotes",
        "a.csv",
        ("\ufeff" + table(*with_note("Pyuria,\nmild."), delimiter=";", end="\r\n")).encode(),
        "repaired",
        ("byte-order mark",),
        source={"delimiter": ";"},
        rows=with_note("Pyuria,\nmild."),
    ),
    Case("end-of-file mark of DOS", "a.csv", CSV.encode() + b"\x1a", "repaired", ("end-of-file mark", "line 5")),
    Case(
        "row of dashes under the names, as SQL Server writes it",
        "a.csv",
        CSV.replace("label\n", "label\n--,-----,-----\n").encode(),
        "repaired",
        ("row of dashes below the names of the columns passed over (1, first in line 2)",),
    ),
    Case(
        "row of dashes under the names, as Markdown writes it",
        "a.csv",
        table(delimiter="|").replace("label\n", "label\n:---|:---:|---\n").encode(),
        "repaired",
        ("row of dashes",),
        source={"delimiter": "|"},
    ),
    Case(
        "names of the columns again, where two files were joined",
        "a.csv",
        (table(*ROWS[:2]) + table(ROWS[2])).encode(),
        "repaired",
        ("row that repeats the names of the columns passed over (1, first in line 4)",),
    ),
    Case(
        "number of rows below the table, as a database writes it",
        "a.csv",
        (CSV + "(3 rows affected)\n").encode(),
        "refused",
        ("line 5", "It may be a remark below the table: delete it."),
    ),
    Case("totals row", "a.csv", (CSV + "Total,3,\n").encode(), "refused", ("row 4", "id 'Total'", "'label' is empty")),
    Case(
        "single quotes in place of quotation marks",
        "a.csv",
        "".join(",".join(f"'{cell}'" for cell in row) + "\n" for row in (COLUMNS, *ROWS[:2])).encode(),
        "refused",
        ("header: the names are in single quotes", "straight quotes"),
    ),
    Case(
        "quotation marks around whole lines",
        "a.csv",
        "".join(f'"{",".join(row)}"\n' for row in (COLUMNS, *ROWS[:2])).encode(),
        "refused",
        ("only one column", "quotation marks enclose whole lines"),
    ),
    Case(
        "comma after a backslash",
        "a.csv",
        b"id,note,label\nr1,mild\\, Pyuria,UTI\n",
        "refused",
        ("line 2", "contains commas in quotes"),
    ),
    Case(
        "quotation marks after backslashes",
        "a.csv",
        CSV.replace("Monday.", 'Monday, \\"bad\\".').encode(),
        "refused",
        ("from line 2 on", "double the quotes within a text"),
    ),
    Case(
        "apostrophes before numbers",
        "a.csv",
        table(*with_note("'007")).encode(),
        "kept with a warning",
        (*EXCEL, "`repair: [excel]`"),
        rows=with_note("'007"),
    ),
    Case(
        "apostrophes before numbers, with `repair`",
        "a.jsonl",
        lines(*with_note("'007")),
        "repaired",
        EXCEL,
        source={"repair": ["excel"]},
        rows=with_note("007"),
    ),
    Case(
        "apostrophe before a formula, with `repair`",
        "a.jsonl",
        lines(*with_note("'= normal")),
        "repaired",
        EXCEL,
        source={"repair": ["excel"]},
        rows=with_note("= normal"),
    ),
    Case(
        "apostrophe before a decade",
        "a.csv",
        table(*with_note("'90s rash")).encode(),
        "kept",
        rows=with_note("'90s rash"),
    ),
    Case("quoted number", "a.csv", table(*with_note("'38'")).encode(), "kept", rows=with_note("'38'")),
    Case(
        "decimal commas in quotes", "a.csv", table(*with_note("1.234,50")).encode(), "kept", rows=with_note("1.234,50")
    ),
]
