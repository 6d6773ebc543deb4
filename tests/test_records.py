"""Rows in and out: nothing half-written, nothing changed on the way."""

import pytest

from clinical_dpo.errors import UserError
from clinical_dpo.io import read_csv, read_jsonl, replacing, write_csv, write_jsonl


def test_jsonl_round_trip_keeps_text_that_breaks_lines_elsewhere(tmp_path):
    rows = [{"id": "1", "text": 'a "b"\n\u2028 µg/dL \u0085 x'}, {"id": "2", "text": "é"}]
    write_jsonl(tmp_path / "rows.jsonl", rows)
    assert read_jsonl(tmp_path / "rows.jsonl") == rows


def test_csv_round_trip_keeps_line_breaks_and_commas(tmp_path):
    write_csv(tmp_path / "rows.csv", [{"a": 'x, "y"\nz', "b": None, "c": 0.1}], ("a", "b", "c"))
    assert read_csv(tmp_path / "rows.csv") == [{"a": 'x, "y"\nz', "b": "", "c": "0.1"}]


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b'{"a": 1}\n{"a": 2', "line 2, column 8: not valid JSON"),
        (b'{"a": 1}\n[1]\n', "line 2: a list, where a JSON object is needed"),
        (b'{"a": 1}\n{"b": 1}\n', "line 2: field 'a' is missing. Fields here: b"),
        (b'{"a": 1}\n{"a": "\xe9"}\n', "line 2: byte 0xe9 is not UTF-8"),
    ],
)
def test_a_bad_line_is_named(tmp_path, raw, message):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(raw)
    with pytest.raises(UserError) as error:
        read_jsonl(path, required=["a"])
    assert message in str(error.value) and str(path) in str(error.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"none\.jsonl: no such file"):
        read_jsonl(tmp_path / "none.jsonl")


def write(path, text, folder):
    with replacing(path) as part:
        if folder:
            part.mkdir()
        (part / "file" if folder else part).write_text(text)
        if text == "half":
            raise RuntimeError


@pytest.mark.parametrize("folder", [False, True])
def test_a_failed_write_leaves_the_old_file_and_no_rest(tmp_path, folder):
    path = tmp_path / "out"
    write(path, "old", folder)
    with pytest.raises(RuntimeError):
        write(path, "half", folder)
    assert (path / "file" if folder else path).read_text() == "old"
    write(path, "new", folder)
    assert (path / "file" if folder else path).read_text() == "new"
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]
