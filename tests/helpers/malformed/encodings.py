"""Cases of byte-order marks, encodings, NUL bytes, and characters that an export lost, garbled or inserted."""

import gzip
from pathlib import Path

from tests.helpers.malformed.case import ROWS, Case, lines, table, with_note

CSV = table()


def folder(path: Path) -> None:
    path.mkdir()


CASES = [
    Case("CSV with a UTF-8 byte-order mark", "a.csv", CSV.encode("utf-8-sig"), "repaired", ("byte-order mark",)),
    Case("JSON Lines with a byte-order mark", "a.jsonl", b"\xef\xbb\xbf" + lines(), "repaired", ("byte-order mark",)),
    Case("UTF-16 with a byte-order mark", "a.csv", CSV.encode("utf-16"), "repaired", ("byte-order mark",)),
    Case(
        "UTF-16, big-endian, with a byte-order mark",
        "a.tsv",
        b"\xfe\xff" + table(delimiter="\t").encode("utf-16-be"),
        "repaired",
        ("byte-order mark",),
    ),
    Case("UTF-32 with a byte-order mark", "a.csv", CSV.encode("utf-32"), "repaired", ("byte-order mark",)),
    Case("UTF-16 without a byte-order mark", "a.csv", CSV.encode("utf-16-le"), "refused", ("`encoding: utf-16-le`",)),
    Case(
        "UTF-16 without a byte-order mark, with `encoding`",
        "a.csv",
        CSV.encode("utf-16-le"),
        "kept",
        source={"encoding": "utf-16-le"},
    ),
    Case("Windows-1252", "a.csv", CSV.encode("cp1252"), "refused", ("line 4", "`encoding: cp1252`", "38.5 °C")),
    Case("Windows-1252 with `encoding`", "a.csv", CSV.encode("cp1252"), "kept", source={"encoding": "cp1252"}),
    Case(
        "Windows-1252 with a wrong `encoding`",
        "a.csv",
        CSV.encode("cp1252"),
        "refused",
        ("line 4", "not ASCII", "Correct `encoding`"),
        source={"encoding": "ascii"},
    ),
    Case(
        "unknown encoding",
        "a.csv",
        CSV.encode(),
        "refused",
        ("`encoding: utf-9` is not known",),
        source={"encoding": "utf-9"},
    ),
    Case(
        "`encoding` that contradicts the byte-order mark",
        "a.csv",
        CSV.encode("utf-8-sig"),
        "refused",
        ("byte-order mark of utf-8", "Remove `encoding`"),
        source={"encoding": "cp1252"},
    ),
    Case("NUL byte in a note", "a.csv", CSV.replace("since", "\0").encode(), "refused", ("line 2", "NUL bytes")),
    Case("file padded with NUL bytes", "a.jsonl", lines() + b"\0" * 20, "refused", ("line 4", "NUL bytes")),
    Case("UTF-8 cut in the middle of a character", "a.csv", CSV.encode()[:-11], "refused", ("line 4", "not UTF-8")),
    Case(
        "half a surrogate pair as bytes",
        "a.csv",
        CSV.encode().replace(b"since", b"\xed\xa0\x80"),
        "refused",
        ("line 2", "0xed is not UTF-8"),
    ),
    Case("compressed file named .csv", "a.csv", gzip.compress(CSV.encode(), mtime=0), "refused", ("is compressed",)),
    Case("workbook named .csv", "a.csv", b"PK\x03\x04\x14", "refused", ("an Excel workbook", "extension")),
    Case("compressed file", "a.csv.gz", gzip.compress(CSV.encode(), mtime=0), "refused", ("'.gz' is not supported",)),
    Case("folder in place of a file", "a.csv", folder, "refused", ("this is a folder", "Set `path` to a file")),
    Case("empty file", "a.csv", b"", "refused", ("has no rows",)),
    Case(
        "JSON Lines joined from two files with byte-order marks",
        "a.jsonl",
        lines(ROWS[0]) + b"\xef\xbb\xbf" + lines(*ROWS[1:]),
        "refused",
        ("line 2", "BOM"),
    ),
    Case(
        "zero-width space in a note",
        "a.csv",
        table(*with_note("Pyuria\u200b.")).encode(),
        "kept with a warning",
        ("invisible characters",),
        rows=with_note("Pyuria\u200b."),
    ),
    Case(
        "replacement character of an earlier export",
        "a.csv",
        table(*with_note("38 \ufffdC")).encode(),
        "kept with a warning",
        ("U+FFFD",),
        rows=with_note("38 \ufffdC"),
    ),
    Case(
        "UTF-8 read as Windows-1252 by an earlier export",
        "a.csv",
        table(*with_note("38 Â°C, itâ€™s")).encode(),
        "kept with a warning",
        ("garbled by a wrong encoding",),
        rows=with_note("38 Â°C, itâ€™s"),
    ),
    Case(
        "form feed in a note",
        "a.csv",
        table(*with_note("Pyuria.\fPage 2")).encode(),
        "kept with a warning",
        ("control characters",),
        rows=with_note("Pyuria.\fPage 2"),
    ),
    Case(
        "Windows-1252 read as latin-1: quotes become control characters",
        "a.csv",
        table(*with_note("“No” pyuria")).encode("cp1252"),
        "kept with a warning",
        ("control characters",),
        source={"encoding": "latin-1"},
        rows=with_note("\x93No\x94 pyuria"),
    ),
]
