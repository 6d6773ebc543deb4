"""Reading of a hub repository's files: by the format in their names, within the limits, without running its code."""

import gzip
import hashlib
import io
import json
import stat
import tarfile

import datasets
import pandas as pd
import pyarrow.parquet
import pytest

from clinical_dpo.data.sources import hub as hub_source
from clinical_dpo.data.sources.hub import retrieve_hub
from clinical_dpo.errors import UserError
from clinical_dpo.hub import digests
from clinical_dpo.limits import VARIABLE
from tests.helpers.hub_cards import card, config

A = "a" * 40


@pytest.fixture
def commit(tmp_path, monkeypatch):
    """Replace the hub by a folder: the fixture writes files of a commit, and returns the fetched patterns."""
    folder = tmp_path / "commit"
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "tables")
    fetched = []

    def fetch(_id, _revision, patterns, **_):
        fetched.append(patterns)
        return folder

    def file_sizes(*_, **__):
        files = (path for path in folder.rglob("*") if path.is_file())
        return {path.relative_to(folder).as_posix(): path.stat().st_size for path in files}

    monkeypatch.setattr(hub_source, "fetch", fetch)
    monkeypatch.setattr(hub_source, "file_sizes", file_sizes)

    def write(files):
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return fetched

    return write


def test_no_card_reads_a_private_file(commit, tmp_path):
    private = tmp_path / "rows.csv"
    private.write_text("note\nPatient 7\n")
    for path in (str(private), f"file://{private}", "../rows.csv", f"{tmp_path}/*.csv"):
        commit({"README.md": card(config(path)), "data/train.csv": "note\npublic\n"})
        with pytest.raises(UserError, match="outside of the repository"):
            retrieve_hub("owner/set", A, ["train"], "one")


def test_the_repositorys_code_does_not_run(commit, tmp_path):
    code = f"open({str(tmp_path / 'ran')!r}, 'w')\nimport datasets\n"
    commit({"set.py": code, "owner.py": code, "commit.py": code, "train.csv": "note\na\n"})
    assert retrieve_hub("owner/set", A, ["train"])[0] == [{"note": "a"}]
    assert not (tmp_path / "ran").exists()


def test_file_names_are_not_patterns(commit):
    """A file is read itself, even if its name is a pattern or address of another file."""
    names = ["data/[st]rain.csv", "data/*.csv", "data/a::b.csv", "data/file:x.csv"]
    files = {name: f"note\n{name}\n" for name in names}
    fetched = commit(files | {"data/train.txt": "no", "data/strain.csv": "note\nother\n"})
    commit({"README.md": card(config(["data/[[]*", "data/[*].csv", "data/a*", "data/f*"]))})
    rows, record = retrieve_hub("owner/set", A, ["train"], "one")
    assert [row["note"] for row in rows] == names
    assert list(record["sha256"]) == ["README.md", *names]
    assert fetched[-1] == ["README.md", "data/[[]st]rain.csv", "data/[*].csv", "data/a::b.csv", "data/file:x.csv"]


def archive(content):
    """A tar archive, which begins with the name of its first member."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        member = tarfile.TarInfo("note")
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


@pytest.mark.parametrize("name", ["train.csv", "train.jsonl", "train.parquet"])
@pytest.mark.parametrize("content", [gzip.compress(b"note\n" * 100_000), archive(b"note\na\n"), b"PK\x03\x04"])
def test_a_file_of_another_format_than_its_name_is_refused_and_not_unpacked(commit, name, content):
    commit({name: content})
    with pytest.raises(UserError):
        retrieve_hub("owner/set", A, ["train"])


def test_files_of_several_formats_are_refused(commit):
    commit({"train.csv": "note\na\n", "train.jsonl": '{"note": "a"}\n'})
    with pytest.raises(UserError, match="owner/set: the files have several formats"):
        retrieve_hub("owner/set", A, ["train"])


@pytest.mark.parametrize("name", ["train.csv", "train.tsv", "train.jsonl", "train.json", "train.parquet"])
def test_every_format_is_read(commit, tmp_path, name):
    rows = [{"id": 1, "note": "a, b"}, {"id": 2, "note": "c"}]
    table, path = pd.DataFrame(rows), tmp_path / name
    writers = {
        "train.csv": lambda: table.to_csv(path, index=False),
        "train.tsv": lambda: table.to_csv(path, index=False, sep="\t"),
        "train.jsonl": lambda: table.to_json(path, orient="records", lines=True),
        "train.json": lambda: table.to_json(path, orient="records"),
        "train.parquet": lambda: table.to_parquet(path),
    }
    writers[name]()
    commit({f"data/{name}": path.read_bytes()})
    assert retrieve_hub("owner/set", A, ["train"])[0] == rows


LARGE = {
    "train.csv": ("note\n" + "a\n" * 50, {"rows": 20}, "limits.rows"),
    "train.tsv": ("a\tb\n", {"columns": 1}, "limits.columns"),
    "train.jsonl": ('{"a": ' + "[" * 60 + "]" * 60 + "}\n", {}, "limits.depth"),
    "train.json": ('[{"a": [' + "1," * 50 + "1]}]", {"cells": 20}, "limits.cells"),
}


@pytest.mark.parametrize("name", LARGE)
def test_files_beyond_the_limits_are_refused_before_they_are_read(commit, monkeypatch, name):
    content, limits, message = LARGE[name]
    monkeypatch.setenv(VARIABLE, json.dumps(limits))
    commit({name: content})
    with pytest.raises(UserError, match=message):
        retrieve_hub("owner/set", A, ["train"])


def test_files_that_are_too_large_together_are_not_fetched(commit, monkeypatch):
    monkeypatch.setenv(VARIABLE, json.dumps({"bytes": 1000}))
    fetched = commit({f"train/{number}.csv": "note\n" + "a\n" * 300 for number in range(2)})
    with pytest.raises(UserError, match=r"owner/set.*1,210 or more bytes"):
        retrieve_hub("owner/set", A, ["train"])
    assert fetched == [[]]


def test_values_count_over_all_files(commit, monkeypatch):
    monkeypatch.setenv(VARIABLE, json.dumps({"cells": 100}))
    commit({f"train/{number}.jsonl": '{"a": 1}\n' * 30 for number in range(2)})
    retrieve_hub("owner/set", A, ["train"])
    commit({"train/2.jsonl": '{"a": [' + "1, " * 80 + "1]}\n"})
    with pytest.raises(UserError, match=r"limits\.cells"):
        retrieve_hub("owner/set", A, ["train"])


def test_tables_are_closed_to_other_users_and_deleted_afterwards(commit, tmp_path, monkeypatch):
    commit({"train.csv": "note\na\n"})
    seen, make_tables = [], hub_source._tables

    def observed(*arguments):
        tables = make_tables(*arguments)
        seen.append([(path.name, stat.S_IMODE(path.stat().st_mode)) for path in (tmp_path / "tables").iterdir()])
        seen.append(list((tmp_path / "tables").rglob("*.arrow")))
        return tables

    monkeypatch.setattr(hub_source, "_tables", observed)
    retrieve_hub("owner/set", A, ["train"])
    [[(_, mode)], arrow] = seen
    assert mode == 0o700 and len(arrow) == 1
    assert list((tmp_path / "tables").iterdir()) == []


def test_a_damaged_small_file_is_refused(tmp_path):
    content = b"note\na\n"
    blob = tmp_path / hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    blob.write_bytes(content)
    (tmp_path / "train.csv").symlink_to(blob)
    assert list(digests(tmp_path, ["train.csv"])) == ["train.csv"]
    blob.write_bytes(b"note\nb\n")
    with pytest.raises(UserError, match=r"train\.csv: the copy in the local cache is damaged"):
        digests(tmp_path, ["train.csv"])


def test_a_parquet_file_cannot_open_another_file_by_its_column_types(commit, tmp_path):
    """`datasets` opens the paths in columns that a file declares as pictures or sounds."""
    (tmp_path / "private.csv").write_text("note\nPatient 7\n")
    kind = pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])
    for declared in ("Image", "Audio", "Video", "Pdf"):
        features = {"info": {"features": {"note": {"_type": declared}}}}
        schema = pyarrow.schema([pyarrow.field("note", kind)], metadata={"huggingface": json.dumps(features)})
        value = {"bytes": None, "path": str(tmp_path / "private.csv")}
        table = pyarrow.table({"note": pyarrow.array([value], kind)}, schema=schema)
        pyarrow.parquet.write_table(table, tmp_path / "written.parquet")
        commit({"train.parquet": (tmp_path / "written.parquet").read_bytes()})
        assert retrieve_hub("owner/set", A, ["train"])[0] == [{"note": value}]
