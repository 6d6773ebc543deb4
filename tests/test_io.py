"""Rows in and out: nothing half-written, nothing changed on the way."""

import os
import stat
from pathlib import Path

import pytest

from clinical_dpo.errors import UserError
from clinical_dpo.io import read_csv, read_jsonl, replacing, write_csv, write_jsonl


def test_jsonl_round_trip_keeps_text_that_breaks_lines_elsewhere(tmp_path):
    rows = [{"id": "1", "text": 'a "b"\n\u2028 µg/dL \u0085 x'}, {"id": "2", "text": "é"}]
    write_jsonl(tmp_path / "rows.jsonl", rows)
    assert read_jsonl(tmp_path / "rows.jsonl") == rows


@pytest.mark.parametrize("text", ['x, "y"\nz', "carriage\rreturn", "\r", "both\r\n"])
def test_csv_round_trip_keeps_line_breaks_and_commas(tmp_path, text):
    write_csv(tmp_path / "rows.csv", [{"a": text, "b": None, "c": 0.1}], ("a", "b", "c"))
    assert read_csv(tmp_path / "rows.csv") == [{"a": text, "b": "", "c": "0.1"}]


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


def test_what_is_planted_beside_a_file_is_not_in_its_way(tmp_path):
    """Whatever another user of a shared folder puts there: names of processes, links, folders."""
    victim = tmp_path / "victim"
    victim.write_text("mine")
    for number in (os.getpid(), os.getpid() + 1):
        (tmp_path / f".out.{number}.part").symlink_to(victim)
    seen = []
    with replacing(tmp_path / "out") as part:
        part.write_text("new")
        seen.append(part.parent)
        assert stat.S_IMODE(part.parent.stat().st_mode) == 0o700 and not part.parent.is_symlink()
    with replacing(tmp_path / "out") as part:
        part.write_text("newer")
        seen.append(part.parent)
    assert victim.read_text() == "mine" and (tmp_path / "out").read_text() == "newer"
    assert seen[0] != seen[1] and not any(folder.exists() for folder in seen)


@pytest.mark.parametrize("folder", [False, True])
def test_a_link_is_replaced_and_not_followed(tmp_path, folder):
    elsewhere = tmp_path / "elsewhere"
    write(elsewhere, "theirs", folder)
    (tmp_path / "out").symlink_to(elsewhere)
    write(tmp_path / "out", "new", folder)
    made = tmp_path / "out"
    assert not made.is_symlink() and (made / "file" if folder else made).read_text() == "new"
    assert (elsewhere / "file" if folder else elsewhere).read_text() == "theirs"


def test_other_users_may_read_what_the_umask_lets_them_and_no_private_file(tmp_path):
    old = os.umask(0o022)
    try:
        write(tmp_path / "open/file", "x", False)
        write(tmp_path / "open/folder", "x", True)
        write_csv(tmp_path / "closed/file", [], ["a"], private=True)
    finally:
        os.umask(old)
    modes = {str(path.relative_to(tmp_path)): stat.S_IMODE(path.stat().st_mode) for path in Path(tmp_path).rglob("*")}
    assert modes == {
        **{"open": 0o755, "open/file": 0o644, "open/folder": 0o755, "open/folder/file": 0o644},
        **{"closed": 0o700, "closed/file": 0o600},
    }
