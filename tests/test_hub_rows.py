"""Rows of a fetched data set of the hub: their order, checksums and checks."""

import pandas as pd
import pytest

from clinical_dpo.data.sources import hub as hub_source
from clinical_dpo.data.sources.hub import retrieve_hub
from clinical_dpo.errors import UserError
from clinical_dpo.io import sha256
from tests.helpers.note_files import parquet

A = "a" * 40


@pytest.fixture
def fetched(tmp_path, monkeypatch):
    """A folder that replaces the cache's folder of a commit."""
    folder = tmp_path / "fetched"
    folder.mkdir()
    monkeypatch.setattr(hub_source, "fetch", lambda *_, **__: folder)
    monkeypatch.setattr(
        hub_source, "file_sizes", lambda *_, **__: {path.name: path.stat().st_size for path in folder.iterdir()}
    )
    return folder


def test_a_local_folder_with_the_name_of_a_data_set_is_not_read(fetched, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder, note in (fetched, "pinned"), (tmp_path / "owner/set", "here"):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "train.parquet").write_bytes(parquet(note))
    assert retrieve_hub("owner/set", A, ["train"])[0] == [{"note": "pinned"}]


def test_rows_are_in_the_order_of_the_splits_and_the_record_has_their_checksums(fetched):
    for split, texts in {"train": ["ça", "b"], "test": ["c"]}.items():
        options = [{"A": "x", "B": None}] * len(texts)
        pd.DataFrame({"note": texts, "options": options}).to_parquet(fetched / f"{split}.parquet")
    rows, record = retrieve_hub("owner/set", A, ["test", "train"])
    assert [row["note"] for row in rows] == ["c", "ça", "b"] and rows[0]["options"] == {"A": "x", "B": None}
    assert record == {
        **{"kind": "hub", "data": "real", "id": "owner/set", "config": None, "revision": A},
        **{"splits": ["test", "train"], "rows": 3},
        "sha256": {f"{split}.parquet": sha256(fetched / f"{split}.parquet") for split in ("test", "train")},
    }


def test_a_config_of_a_data_set_without_configs_is_refused(fetched):
    pd.DataFrame({"note": ["a"]}).to_parquet(fetched / "train.parquet")
    with pytest.raises(UserError, match=r"owner/set: there is no config 'other', only the default"):
        retrieve_hub("owner/set", A, ["train"], "other")


def test_rows_of_the_hub_are_converted_and_checked_like_rows_of_a_file(fetched):
    dates = [pd.Timestamp("2020-02-03"), None]
    pd.DataFrame({"note": ["cough", "fever &lt; 39"], "seen": dates, "age": [50.0, float("nan")]}).to_parquet(
        fetched / "train.parquet"
    )
    rows, record = retrieve_hub("owner/set", A, ["train"])
    assert rows == [
        {"note": "cough", "seen": "2020-02-03", "age": 50.0},
        {"note": "fever &lt; 39", "seen": None, "age": None},
    ]
    warning = {"count": 1, "first": "row 2, column 'note'", "rows": [2], "repair": "html"}
    assert record["warnings"] == {"HTML entities": warning}


def test_a_row_of_the_hub_with_a_null_character_is_refused(fetched):
    pd.DataFrame({"note": ["cough", "fe\0ver"]}).to_parquet(fetched / "train.parquet")
    with pytest.raises(UserError, match=r"row 2: the character U\+0000 in column 'note'.*Set `revision`.*`kind: file`"):
        retrieve_hub("owner/set", A, ["train"], draw=lambda total: [1])


def test_a_text_file_of_the_hub_in_another_encoding_is_refused_with_what_can_be_done(fetched):
    (fetched / "train.csv").write_bytes("note\nça\n".encode("cp1252"))
    with pytest.raises(UserError, match=r"is not UTF-8.*Files of the hub cannot be changed.*`kind: file`"):
        retrieve_hub("owner/set", A, ["train"])
