"""Cases of CSV and TSV: line ends, headers, delimiters, quotes, rows that are too long or too short."""

from tests.helpers.malformed.case import COLUMNS, ROWS, Case, table, with_note

CSV = table()
LONG = "Pyuria. " * 25_000  # 200 kB
SEMICOLONS = table(delimiter=";")
BLANKS = ("blanks around the quotation marks",)


def decimal(delimiter: str, *numbers: str) -> bytes:
    """Return rows without quotes, whose notes are numbers."""
    notes = zip(ROWS, numbers, strict=True)
    rows = [COLUMNS, *((row_id, number, label) for (row_id, _, label), number in notes)]
    return "".join(delimiter.join(row) + "\n" for row in rows).encode()


CASES = [
    Case("mixed line ends", "a.csv", CSV.replace("\n", "\r\n", 2).encode(), "kept"),
    Case("carriage returns alone as line ends", "a.csv", table(end="\r").encode(), "kept"),
    Case(
        "carriage return within a note",
        "a.csv",
        table(*with_note("Pyuria.\r\nNo fever.")).encode(),
        "kept with a warning",
        ("carriage returns",),
        rows=with_note("Pyuria.\r\nNo fever."),
    ),
    Case("no line end after the last row", "a.csv", CSV.rstrip().encode(), "kept"),
    Case("empty lines", "a.csv", CSV.replace("\n", "\n\n").encode(), "repaired", ("empty row",)),
    Case("rows of empty cells at the end", "a.csv", (CSV + ",,\n,,\n").encode(), "repaired", ("empty row",)),
    Case("column named twice", "a.csv", CSV.replace("id", "note", 1).encode(), "refused", ("'note' comes twice",)),
    Case(
        "white space around a column's name",
        "a.csv",
        CSV.replace("note", " note ", 1).encode(),
        "repaired",
        ("white space around a column's name",),
    ),
    Case(
        "column named twice but for white space",
        "a.csv",
        CSV.replace("id,", "note ,", 1).encode(),
        "refused",
        ("'note' comes twice",),
    ),
    Case(
        "column without a name (pandas' index)",
        "a.csv",
        table(*((str(i), *row) for i, row in enumerate(ROWS)), header=("", "id", "note", "label")).encode(),
        "refused",
        ("line 2", "'0' is in a column without a name"),
    ),
    Case("empty column without a name", "a.csv", CSV.replace("\n", ",\n").encode(), "kept"),
    Case("empty header", "a.csv", CSV.replace("id,note,label", ",,").encode(), "refused", ("no column has a name",)),
    Case("header alone", "a.csv", b"id,note,label\n", "refused", ("has no rows",)),
    Case("no header", "a.csv", CSV.split("\n", 1)[1].encode(), "refused", ("'note'", "is missing")),
    Case("semicolons", "a.csv", SEMICOLONS.encode(), "refused", ('`delimiter: ";"`', "by commas")),
    Case("semicolons with `delimiter`", "a.csv", SEMICOLONS.encode(), "kept", source={"delimiter": ";"}),
    Case("Excel's line sep=;", "a.csv", ("sep=;\r\n" + SEMICOLONS).encode(), "repaired", ("'sep='",)),
    Case("tabs in a file named .csv", "a.csv", table(delimiter="\t").encode(), "refused", ("`delimiter",)),
    Case("commas in a file named .tsv", "a.tsv", CSV.encode(), "refused", ('`delimiter: ","`',)),
    Case(
        "a delimiter for JSON",
        "a.jsonl",
        b"{}",
        "refused",
        ("only .csv, .tsv", "Remove `delimiter`"),
        source={"delimiter": ";"},
    ),
    Case(
        "quotation mark never closed",
        "a.csv",
        CSV.encode()[:-2],
        "refused",
        ("from line 4 on", "unmatched quotation mark"),
    ),
    Case(
        "quotation mark closed in the next row",
        "a.csv",
        CSV.replace('Monday."', "Monday.").encode(),
        "refused",
        ("from line 2 on", "quotation mark"),
    ),
    Case(
        "quotation marks within a note not doubled",
        "a.csv",
        CSV.replace("since", '"since"').encode(),
        "refused",
        ("from line 2 on", "double the quotes within a text"),
    ),
    Case("blanks before quotation marks", "a.csv", table(delimiter=", ").encode(), "repaired", BLANKS),
    Case("blanks after quotation marks", "a.csv", CSV.replace('",', '" ,').encode(), "repaired", BLANKS),
    Case(
        "blanks before quotation marks, and a comma within",
        "a.csv",
        b'id, note, label\nr1, "Dysuria since Monday.", UTI\nr2, "Pyuria, mild.", No UTI\nr3, "None", UTI\n',
        "repaired",
        ("3, first in line 2",),
        rows=(("r1", "Dysuria since Monday.", "UTI"), ("r2", "Pyuria, mild.", "No UTI"), ("r3", "None", "UTI")),
    ),
    Case(
        "blanks before quotation marks, and a line end and quotation marks within",
        "a.csv",
        table(*with_note('A ""pain"",\n ""x""')).replace('","', '", "').encode(),
        "repaired",
        BLANKS,
        rows=with_note('A "pain",\n "x"'),
    ),
    Case(
        "tabs before quotation marks",
        "a.csv",
        SEMICOLONS.replace(";", ";\t").encode(),
        "repaired",
        BLANKS,
        source={"delimiter": ";"},
    ),
    Case(
        "blank, and quotation marks within a text",
        "a.csv",
        b'id,note,label\nr1, "Sharp" pain,UTI\nr2,"x",No UTI\nr3,"y",UTI\n',
        "kept",
        rows=(("r1", '"Sharp" pain', "UTI"), ("r2", "x", "No UTI"), ("r3", "y", "UTI")),
    ),
    Case(
        "semicolons, and commas in the header",
        "a.csv",
        SEMICOLONS.replace("note", "note, long", 1).encode(),
        "refused",
        ("'id;note'", '`delimiter: ";"`'),
    ),
    Case(
        "semicolons and decimal commas",
        "a.csv",
        decimal(";", "38,5", "37,0", "36,6"),
        "refused",
        ('`delimiter: ";"`', "decimal comma"),
    ),
    Case(
        "semicolons and decimal commas with `delimiter`",
        "a.csv",
        decimal(";", "38,5", "37,0", "36,6"),
        "kept",
        source={"delimiter": ";"},
        rows=(("r1", "38,5", "UTI"), ("r2", "37,0", "No UTI"), ("r3", "36,6", "UTI")),
    ),
    Case(
        "commas and decimal commas",
        "a.csv",
        decimal(",", "38,5", "37", "36,6"),
        "refused",
        ("line 2", "decimal comma", "in quotes"),
    ),
    Case("vertical bars", "a.csv", table(delimiter="|").encode(), "refused", ('`delimiter: "|"`',)),
    Case(
        "`delimiter` that the file does not have",
        "a.csv",
        CSV.encode(),
        "refused",
        ('`delimiter: ","`', "one column"),
        source={"delimiter": ";"},
    ),
    Case(
        "typographic quotation marks around a text",
        "a.csv",
        CSV.replace('"Frequency, 38.5 °C."', "“Frequency, 38.5 °C.”").encode(),
        "refused",
        ("line 4", "begin with “", "straight quotes"),
    ),
    Case(
        "comma in a note without quotes",
        "a.csv",
        CSV.replace('"Frequency, 38.5 °C."', "Frequency, 38.5 °C.").encode(),
        "refused",
        ("line 4", "4 cells, but the header has 3", "in quotes"),
    ),
    Case(
        "line end in a note without quotes",
        "a.csv",
        CSV.replace('"Dysuria since Monday."', "Dysuria\nsince Monday.").encode(),
        "refused",
        ("line 2", "no cell for column 'label'"),
    ),
    Case("last row cut off", "a.csv", CSV.encode()[:-7], "refused", ("line 4", "no cell for column 'label'")),
    Case("note of 200 kB", "a.csv", table(*with_note(LONG)).encode(), "kept", rows=with_note(LONG.strip())),
    Case("line of 5 MB", "a.csv", table(*with_note("x" * 5_000_000)).encode(), "refused", ("5000000 characters",)),
    Case("line of 5 MB never closed", "a.csv", (CSV + '"' + "x, " * 1_700_000).encode(), "refused", ("from line 5",)),
    Case("row of 1,001 cells", "a.csv", b"," * 1000, "refused", ("line 1", "limits.columns")),
    Case("note of 11 MB", "a.csv", table(*with_note("x" * 11_000_000)).encode(), "refused", ("limits.characters",)),
    Case("Excel's error in a note", "a.csv", table(*with_note("#NAME?")).encode(), "refused", ("row 2", "#NAME?")),
    Case("web page in place of the file", "a.csv", b"<!DOCTYPE html>\n<html></html>\n", "refused", ("'note'",)),
    Case("unknown column ignored", "a.csv", CSV.encode(), "refused", ("`ignore` names 'dat'",), {"ignore": ["dat"]}),
]
