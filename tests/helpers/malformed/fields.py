"""Ids, labels and texts of a row, and the task file's mapping of columns."""

import json

from tests.helpers.malformed.case import COLUMNS, ROWS, Case, lines, objects, table, with_note

NOTES = [note for _, note, _ in ROWS]


def ids(*given: str) -> bytes:
    """The rows as CSV with these ids."""
    return table(*((row_id, *row[1:]) for row_id, row in zip(given, ROWS, strict=True))).encode()


def labels(*given: str) -> bytes:
    """The rows as CSV with these labels."""
    return table(*((*row[:2], label) for label, row in zip(given, ROWS, strict=True))).encode()


def mapped(**columns: object) -> dict[str, object]:
    """Part of a task file."""
    return {"columns": columns}


def more(**fields: object) -> bytes:
    """The rows as JSON Lines with further fields."""
    return "".join(json.dumps(row | fields) + "\n" for row in objects()).encode()


CASES = [
    Case(
        "label with white space",
        "a.csv",
        labels(" UTI", "No UTI ", "UTI\xa0"),
        "repaired",
        ("white space around field 'label'",),
    ),
    Case("label in other case", "a.csv", labels("uti", "NO UTI", "UTI"), "repaired", ("label respelled",)),
    Case("label with two spaces", "a.csv", labels("UTI", "No  UTI", "UTI"), "repaired", ("label respelled",)),
    Case(
        "label mistyped", "a.csv", labels("UTI", "No UTI", "UTl"), "refused", ("row 3", "'UTl'", "Did you mean 'UTI'?")
    ),
    Case("label missing", "a.csv", labels("UTI", "No UTI", " "), "refused", ("row 3", "'label' is empty")),
    Case(
        "label that is true or false",
        "a.jsonl",
        lines(*((*row[:2], True) for row in ROWS)),
        "refused",
        ("row 1", "'label' is a bool"),
    ),
    Case("ids that differ in case", "a.csv", ids("a1", "b1", "A1"), "refused", ("row 3", "'A1'", "'a1'", "row 1")),
    Case(
        "ids that differ in white space",
        "a.csv",
        ids("a1", "b1", " a1"),
        "refused",
        ("row 3", "id 'a1' is also that of row 1"),
    ),
    Case("ids 1 and 1.0", "a.csv", ids("1", "2", "1.0"), "refused", ("row 3", "'1.0'", "'1'")),
    Case("ids 007 and 7", "a.csv", ids("007", "8", "7"), "refused", ("row 3", "'7'", "'007'")),
    Case("id twice", "a.csv", ids("r1", "r2", "r1"), "refused", ("row 3", "also that of row 1")),
    Case("id missing", "a.csv", ids("r1", "", "r3"), "refused", ("row 2", "'id' is empty")),
    Case("note missing", "a.csv", table(*with_note("")).encode(), "refused", ("row 2", "'note' is empty")),
    Case(
        "note of white space", "a.csv", table(*with_note(" \u2003 ")).encode(), "refused", ("row 2", "'note' is empty")
    ),
    Case(
        "HTML entities",
        "a.csv",
        table(*with_note("WBC &gt; 10 &amp; fever")).encode(),
        "kept and told",
        ("HTML entities",),
        rows=with_note("WBC &gt; 10 &amp; fever"),
    ),
    Case(
        "HTML tags",
        "a.csv",
        table(*with_note("Pyuria.<br/>No fever.")).encode(),
        "kept and told",
        ("HTML tags",),
        rows=with_note("Pyuria.<br/>No fever."),
    ),
    Case(
        "missing value spelled out",
        "a.csv",
        table(*with_note("nan")).encode(),
        "kept and told",
        ("a missing value",),
        rows=with_note("nan"),
    ),
    Case(
        "column in other case",
        "a.csv",
        table(header=("id", "Note", "label")).encode(),
        "refused",
        ("columns.note", "Did you mean 'Note'?"),
        task=mapped(note="note"),
    ),
    Case(
        "column that is missing",
        "a.csv",
        table().encode(),
        "refused",
        ("row 1", "config/tasks/uti.yaml", "columns.label", "'diagnosis' is missing"),
        task=mapped(label="diagnosis"),
    ),
    Case(
        "column renamed by a template",
        "a.csv",
        table(header=("id", "Chief complaint", "label")).encode(),
        "kept",
        task=mapped(note='{{ row["Chief complaint"] }}'),
    ),
    Case(
        "template that is no Jinja",
        "a.csv",
        table().encode(),
        "refused",
        ("columns.label", "not a valid Jinja template"),
        task=mapped(label="{{ label"),
    ),
    Case(
        "template with an unknown code",
        "a.csv",
        labels("1", "0", "2"),
        "refused",
        ("row 3", "columns.label", "'2'"),
        task=mapped(label="{{ {'1': 'UTI', '0': 'No UTI'}[label] }}"),
    ),
    Case(
        "template that reaches into Python",
        "a.csv",
        table().encode(),
        "refused",
        ("columns.note", "unsafe"),
        task=mapped(note="{{ note.__class__ }}"),
    ),
    Case(
        "template that prints a list",
        "a.jsonl",
        more(parts=NOTES),
        "refused",
        ("columns.note", "a list", "join"),
        task=mapped(note="{{ parts }}"),
    ),
    Case(
        "template that prints null",
        "a.jsonl",
        more(parts={"a": None}),
        "refused",
        ("columns.note", "null"),
        task=mapped(note="{{ parts.a }}"),
    ),
    Case(
        "nested field that is missing",
        "a.jsonl",
        more(parts={"text": "x"}),
        "refused",
        ("columns.note", "'parts.texts'", "Did you mean 'text'?"),
        task=mapped(note="parts.texts"),
    ),
    Case(
        "list without an expression",
        "a.jsonl",
        more(a="x", b="y"),
        "refused",
        ("columns.options", "YAML list"),
        task=mapped(options="{{ a }}; {{ b }}"),
    ),
    Case(
        "wrong answer that is the right one",
        "a.jsonl",
        more(wrong="uti"),
        "refused",
        ("row 1", "'rejected' holds the right answer"),
        task=mapped(rejected="wrong"),
    ),
    Case(
        "columns without the mapped id",
        "a.csv",
        table().encode(),
        "refused",
        ("columns.id", "'mrn'"),
        task=mapped(id="mrn"),
    ),
]
assert COLUMNS == ("id", "note", "label")
