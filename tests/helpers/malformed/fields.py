"""Cases of ids, labels and texts of a row, and of the task file's mapping of columns."""

import json
import unicodedata

from tests.helpers.malformed.case import COLUMNS, ROWS, Case, lines, objects, table, with_note

FRENCH = {"labels": ["Fièvre", "Autre"]}
FRENCH_ROWS = tuple((*row[:2], label) for row, label in zip(ROWS, ("Fièvre", "Autre", "Fièvre"), strict=True))
NOTES = [note for _, note, _ in ROWS]


def decomposed(text: str) -> str:
    """Return a text in Unicode form NFD: an accented letter is two characters."""
    return unicodedata.normalize("NFD", text)


def ids(*row_ids: str) -> bytes:
    """Return the rows as CSV with these ids."""
    return table(*((row_id, *row[1:]) for row_id, row in zip(row_ids, ROWS, strict=True))).encode()


def labels(*row_labels: str) -> bytes:
    """Return the rows as CSV with these labels."""
    return table(*((*row[:2], label) for label, row in zip(row_labels, ROWS, strict=True))).encode()


def mapped(**columns: object) -> dict[str, object]:
    """Return a part of a task file."""
    return {"columns": columns}


def extended(**fields: object) -> bytes:
    """Return the rows as JSON Lines with further fields."""
    return "".join(json.dumps(row | fields) + "\n" for row in objects()).encode()


CASES = [
    Case(
        "label with white space",
        "a.csv",
        labels(" UTI", "No UTI ", "UTI\xa0"),
        "repaired",
        ("white space dropped around field 'label'",),
    ),
    Case("label in another case", "a.csv", labels("uti", "NO UTI", "UTI"), "repaired", ("label respelled",)),
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
        ("row 1", "'label' has the type bool"),
    ),
    Case("ids that differ in case", "a.csv", ids("a1", "b1", "A1"), "refused", ("row 3", "'A1'", "'a1'", "row 1")),
    Case(
        "ids that differ in white space",
        "a.csv",
        ids("a1", "b1", " a1"),
        "refused",
        ("row 3", "id 'a1' duplicates 'a1' in row 1"),
    ),
    Case("ids 1 and 1.0", "a.csv", ids("1", "2", "1.0"), "refused", ("row 3", "'1.0'", "'1'")),
    Case("ids 007 and 7", "a.csv", ids("007", "8", "7"), "refused", ("row 3", "'7'", "'007'")),
    Case("id twice", "a.csv", ids("r1", "r2", "r1"), "refused", ("row 3", "duplicates 'r1' in row 1")),
    Case("id missing", "a.csv", ids("r1", "", "r3"), "refused", ("row 2", "'id' is empty")),
    Case("note missing", "a.csv", table(*with_note("")).encode(), "refused", ("row 2", "'note' is empty")),
    Case(
        "note of white space", "a.csv", table(*with_note(" \u2003 ")).encode(), "refused", ("row 2", "'note' is empty")
    ),
    Case(
        "labels with decomposed accents (NFD)",
        "a.csv",
        labels(decomposed("Fièvre"), "Autre", "Fièvre"),
        "repaired",
        ("label respelled as in the task file (1, first in row 1)",),
        task=FRENCH,
        rows=FRENCH_ROWS,
    ),
    Case(
        "labels with composed accents, and decomposed ones in the task file",
        "a.csv",
        labels("Fièvre", "Autre", "Fièvre"),
        "kept",
        task=FRENCH | {"labels": [decomposed(label) for label in FRENCH["labels"]]},
        rows=FRENCH_ROWS,
    ),
    Case(
        "ids that differ in Unicode form",
        "a.csv",
        ids("é1", "b1", decomposed("é1")),
        "refused",
        ("row 3", "duplicates 'é1' in row 1"),
    ),
    Case(
        "values with decomposed accents, compared in a template",
        "a.jsonl",
        "".join(
            f'{{"id": "{row_id}", "note": "{note}", "label": "Fie\u0300vre"}}\n' for row_id, note, _ in ROWS
        ).encode(),
        "kept",
        task={"columns": {"label": "{{ 'UTI' if label | trim | lower == 'fièvre' else 'No UTI' }}"}},
        rows=tuple((row_id, note, "UTI") for row_id, note, _ in ROWS),
    ),
    Case(
        "values with decomposed accents, as codes in a template",
        "a.jsonl",
        "".join(
            f'{{"id": "{row_id}", "note": "{note}", "label": "Fie\u0300vre"}}\n' for row_id, note, _ in ROWS
        ).encode(),
        "kept",
        task={"columns": {"label": "{{ {'Fièvre': 'UTI'}[label] }}"}},
        rows=tuple((row_id, note, "UTI") for row_id, note, _ in ROWS),
    ),
    Case(
        "columns with decomposed accents",
        "a.csv",
        table(header=("id", decomposed("résumé"), "label")).encode(),
        "kept",
        task=mapped(note="résumé"),
    ),
    Case(
        "columns with decomposed accents, in a template",
        "a.jsonl",
        lines().replace(b'"note"', decomposed('"résumé"').encode()),
        "kept",
        task={"prompt": "{{ row['résumé'] }}"},
    ),
    Case(
        "ignored column with decomposed accents",
        "a.csv",
        table(*((*row, "x") for row in ROWS), header=(*COLUMNS, decomposed("âge"))).encode(),
        "kept",
        source={"ignore": ["âge"]},
    ),
    Case(
        "columns that differ in Unicode form",
        "a.csv",
        table(*((*row, "x") for row in ROWS), header=("id", "é", decomposed("é"), "label")).encode(),
        "refused",
        ("comes twice",),
    ),
    Case(
        "keys that differ in Unicode form",
        "a.jsonl",
        extended(**{"é": "x", decomposed("é"): "y"}),
        "refused",
        ("row 1", "differ only in Unicode form"),
    ),
    Case(
        "keys of which some are decomposed and two differ in Unicode form",
        "a.jsonl",
        extended(**{decomposed("ü"): "z", "é": "x", decomposed("é"): "y"}),
        "refused",
        ("row 1", "look like 'é'", "differ only in Unicode form"),
    ),
    Case(
        "missing value spelled out",
        "a.csv",
        table(*with_note("nan")).encode(),
        "kept with a warning",
        ("a missing value",),
        rows=with_note("nan"),
    ),
    Case(
        "column name in another case",
        "a.csv",
        table(header=("id", "Note", "label")).encode(),
        "refused",
        ("columns.note", "Did you mean 'Note'?"),
        task=mapped(note="note"),
    ),
    Case(
        "missing column",
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
        "template with invalid Jinja syntax",
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
        "template that accesses Python's internals",
        "a.csv",
        table().encode(),
        "refused",
        ("columns.note", "unsafe"),
        task=mapped(note="{{ note.__class__ }}"),
    ),
    Case(
        "template that prints a list",
        "a.jsonl",
        extended(parts=NOTES),
        "refused",
        ("columns.note", "a list", "join"),
        task=mapped(note="{{ parts }}"),
    ),
    Case(
        "template that prints null",
        "a.jsonl",
        extended(parts={"a": None}),
        "refused",
        ("columns.note", "null"),
        task=mapped(note="{{ parts.a }}"),
    ),
    Case(
        "missing nested field",
        "a.jsonl",
        extended(parts={"text": "x"}),
        "refused",
        ("columns.note", "column 'parts' has no member 'texts'", "Did you mean 'text'?"),
        task=mapped(note="parts.texts"),
    ),
    Case(
        "list without an expression",
        "a.jsonl",
        extended(a="x", b="y"),
        "refused",
        ("columns.options", "YAML list"),
        task=mapped(options="{{ a }}; {{ b }}"),
    ),
    Case(
        "rejected answer that equals the label",
        "a.jsonl",
        extended(wrong="uti"),
        "refused",
        ("row 1", "'rejected' contains the right answer"),
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
