"""Rows are written atomically and read back unchanged."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from clinical_dpo.errors import UserError
from clinical_dpo.io import read_csv, read_jsonl, remove_unfinished, replacing, write_csv, write_jsonl


def test_jsonl_round_trip_keeps_text_that_breaks_lines_elsewhere(tmp_path):
    rows = [{"id": "1", "text": 'a "b"\n\u2028 µg/dL \u0085 x'}, {"id": "2", "text": "é"}]
    write_jsonl(tmp_path / "rows.jsonl", rows)
    assert read_jsonl(tmp_path / "rows.jsonl") == rows


@pytest.mark.parametrize("text", ['x, "y"\nz', "carriage\rreturn", "\r", "both\r\n"])
def test_csv_round_trip_keeps_line_breaks_and_commas(tmp_path, text):
    write_csv(tmp_path / "rows.csv", [{"a": text, "b": None, "c": 0.1}], ("a", "b", "c"))
    assert read_csv(tmp_path / "rows.csv") == [{"a": text, "b": "", "c": "0.1"}]


@pytest.mark.parametrize(
    ("raw", "parts"),
    [
        (b'{"a": 1}\n{"a": 2', ["line 2, column 8", "not valid JSON", "export it again"]),
        (b'{"a": 1}\n[1]\n', ["line 2", "'list'", "Write one object on each line"]),
        (b'{"a": 1}\n{"b": 1}\n', ["line 2", "'a' is missing", "Add this field", "Fields here: b"]),
        (b'{"a": 1}\n{"a": "\xe9"}\n', ["line 2", "0xe9", "Save the file with UTF-8"]),
        (b'{"a": %s}\n' % (b"9" * 5000), ["line 1", "not readable as JSON", "Correct the value"]),
    ],
)
def test_an_invalid_line_is_refused_with_file_line_and_mend(tmp_path, raw, parts):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(raw)
    with pytest.raises(UserError) as error:
        read_jsonl(path, required=["a"])
    assert [part for part in (str(path), *parts) if part not in str(error.value)] == []


def test_a_missing_file_is_refused_with_its_path_and_mend(tmp_path):
    with pytest.raises(UserError, match=r"none\.jsonl: no such file.*change the path"):
        read_jsonl(tmp_path / "none.jsonl")


def write(path, text, folder):
    with replacing(path) as part:
        if folder:
            part.mkdir()
        (part / "file" if folder else part).write_text(text)
        if text == "half":
            raise RuntimeError


@pytest.mark.parametrize("folder", [False, True])
def test_a_failed_write_leaves_the_old_file_and_no_temporary_file(tmp_path, folder):
    path = tmp_path / "out"
    write(path, "old", folder)
    with pytest.raises(RuntimeError):
        write(path, "half", folder)
    assert (path / "file" if folder else path).read_text() == "old"
    write(path, "new", folder)
    assert (path / "file" if folder else path).read_text() == "new"
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]


def test_links_that_another_user_puts_beside_a_file_have_no_effect(tmp_path):
    """Another user of a shared folder can guess process numbers, but not the name of the temporary folder."""
    victim = tmp_path / "victim"
    victim.write_text("mine")
    for number in (os.getpid(), os.getpid() + 1):
        (tmp_path / f".out.{number}.part").symlink_to(victim)
    folders = []
    with replacing(tmp_path / "out") as part:
        part.write_text("new")
        folders.append(part.parent)
        assert stat.S_IMODE(part.parent.stat().st_mode) == 0o700 and not part.parent.is_symlink()
    with replacing(tmp_path / "out") as part:
        part.write_text("newer")
        folders.append(part.parent)
    assert victim.read_text() == "mine" and (tmp_path / "out").read_text() == "newer"
    assert folders[0] != folders[1] and not any(folder.exists() for folder in folders)


def test_what_a_killed_process_left_is_removed_and_the_files_of_others_stay(tmp_path):
    out, other = tmp_path / "out[1].csv", tmp_path / "out[1].csv2"
    script = "import sys, os\nfrom clinical_dpo.io import replacing\nwith replacing(sys.argv[1]) as part:\n"
    script += "    part.write_text('half')\n    os.kill(os.getpid(), 9)\n"
    for path in (out, other):
        subprocess.run([sys.executable, "-c", script, path], check=False)
    victim = tmp_path / "victim"
    write(victim, "mine", True)
    link = tmp_path / ".out[1].csv.link.part"
    link.symlink_to(victim)
    assert len(list(tmp_path.glob(".*.part"))) == 3
    remove_unfinished(out)
    left = {path.name for path in tmp_path.glob(".*.part")}
    assert len(left) == 2 and link.name in left and (victim / "file").read_text() == "mine"
    remove_unfinished(other)
    assert [path.name for path in tmp_path.glob(".*.part")] == [link.name]


@pytest.mark.parametrize("folder", [False, True])
def test_a_link_is_replaced_and_not_followed(tmp_path, folder):
    target, link = tmp_path / "target", tmp_path / "out"
    write(target, "old", folder)
    link.symlink_to(target)
    write(link, "new", folder)
    assert not link.is_symlink() and (link / "file" if folder else link).read_text() == "new"
    assert (target / "file" if folder else target).read_text() == "old"


def test_a_private_file_is_closed_and_other_files_follow_the_umask(tmp_path):
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
