"""JSON and JSON Lines: invalid JSON, faults that Python's parser accepts, and values that no text file can hold."""

import json

from tests.helpers.malformed.case import ROWS, Case, lines, objects, with_note

JSON = json.dumps(objects(), ensure_ascii=False)
TWO = lines(*ROWS[:2])


def third(row: str) -> bytes:
    """Return two valid lines and `row` as the third."""
    return TWO + row.encode() + b"\n"


CASES = [
    Case("JSON with text after its end", "a.json", (JSON + " END").encode(), "refused", ("line 1", "Extra data")),
    Case("JSON cut off", "a.json", JSON.encode()[:-20], "refused", ("line 1", "not valid JSON")),
    Case("JSON with a trailing comma", "a.json", JSON.replace("}]", "},]").encode(), "refused", ("not valid JSON",)),
    Case("JSON with single quotes", "a.json", JSON.replace('"', "'").encode(), "refused", ("not valid JSON",)),
    Case("JSON Lines named .json", "a.json", lines(), "refused", ("line 2", "extension to .jsonl")),
    Case("JSON named .jsonl", "a.jsonl", JSON.encode(), "refused", ("line 1", "a list", "extension to .json")),
    Case("line cut off", "a.jsonl", lines()[:-20], "refused", ("line 3", "not valid JSON", "cut off")),
    Case("two objects on a line", "a.jsonl", lines().replace(b"\n", b"", 1), "refused", ("line 1", "Extra data")),
    Case("empty lines in JSON Lines", "a.jsonl", lines().replace(b"\n", b"\n\n"), "repaired", ("empty line",)),
    Case("JSON Lines with Windows' line ends", "a.jsonl", lines().replace(b"\n", b"\r\n"), "kept"),
    Case(
        "JSON Lines with carriage returns alone", "a.jsonl", lines().replace(b"\n", b"\r"), "refused", ("Extra data",)
    ),
    Case(
        "null in place of an object",
        "a.jsonl",
        third("null"),
        "refused",
        ("line 3: the line is null, not a JSON object",),
    ),
    Case("object without a field", "a.jsonl", third('{"id": "r3"}'), "refused", ("row 3", "'note'", "missing")),
    Case("NaN", "a.jsonl", third('{"id": "r3", "note": NaN, "label": "UTI"}'), "refused", ("line 3: NaN", "null")),
    Case("Infinity", "a.json", JSON.replace('"UTI"', "-Infinity", 1).encode(), "refused", ("-Infinity",)),
    Case("number too large", "a.jsonl", third('{"id": 1e999, "note": "x"}'), "refused", ("line 3", "1e999")),
    Case("number of 5,000 digits", "a.jsonl", third(f'{{"id": {"9" * 5000}}}'), "refused", ("line 3", "digits")),
    Case("brackets without end", "a.json", b"[" * 200_000, "refused", ("limits.depth", "51 or more")),
    Case(
        "key that comes twice in a row",
        "a.jsonl",
        third('{"id": "r3", "note": "x", "note": "y"}'),
        "refused",
        ("line 3", "'note' comes twice"),
    ),
    Case(
        "id that comes twice as a key",
        "a.json",
        b'{"r1": {"note": "x"}, "r1": {"note": "y"}}',
        "refused",
        ("'r1' comes twice",),
    ),
    Case(
        "id that differs from its key",
        "a.json",
        b'{"r1": {"id": "r2", "note": "x"}}',
        "refused",
        ("'r1' differs from the id of its object, 'r2'",),
    ),
    Case(
        "columns in place of rows",
        "a.json",
        b'{"note": {"0": "x", "1": "y"}}',
        "refused",
        ("row 1", "'note'", "missing"),
    ),
    Case("list of texts", "a.json", b'["x", "y"]', "refused", ("row 1: the row is a text", "JSON object")),
    Case("single text", "a.json", b'"x"', "refused", ("a text", "a list of objects")),
    Case("empty list", "a.json", b"[]", "refused", ("has no rows",)),
    Case(
        "half a surrogate pair, escaped",
        "a.jsonl",
        third(r'{"id": "r3", "note": "\ud83d", "label": "UTI"}'),
        "refused",
        ("row 3", "U+D83D", "'note'"),
    ),
    Case(
        "half a surrogate pair in a key",
        "a.jsonl",
        third(r'{"id": "r3", "\udc00": "x"}'),
        "refused",
        ("row 3", "U+DC00"),
    ),
    Case(
        "surrogate pair, escaped",
        "a.jsonl",
        third(r'{"id": "r3", "note": "\ud83d\ude00", "label": "UTI"}'),
        "kept",
        rows=with_note("\U0001f600", "r3"),
    ),
    Case(
        "NUL, escaped",
        "a.jsonl",
        third(r'{"id": "r3", "note": "x\u0000", "label": "UTI"}'),
        "refused",
        ("row 3", "U+0000", "'note'"),
    ),
    Case(
        "line end within a text, not escaped",
        "a.json",
        JSON.replace("since", "\n").encode(),
        "refused",
        ("line 1", "control character"),
    ),
    Case(
        "Unicode's line separator in a text",
        "a.jsonl",
        lines(*with_note("Pyuria.\u2028No fever.")),
        "kept",
        rows=with_note("Pyuria.\u2028No fever."),
    ),
    Case(
        "text in place of a list",
        "a.jsonl",
        third('{"id": "r3", "note": "x", "label": "UTI", "options": "a; b"}'),
        "refused",
        ("row 3", "'options' is not a list"),
    ),
]
