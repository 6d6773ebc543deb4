"""Sources: files of every format, samples, readers and generated records, and what is refused."""

import json
import os
from pathlib import Path

import pytest

from clinical_dpo.data.sources import retrieve as sources
from clinical_dpo.data.sources.hub import retrieve_hub
from clinical_dpo.errors import UserError
from clinical_dpo.io import sha256
from tests.conftest import ROOT
from tests.helpers.tables import read_rows

DATA = Path(os.environ.get("CLINICAL_DPO_DATA", ROOT.parent / "shared" / "data"))
ROWS = [{"id": "1", "note": 'She said "ça va";\n38.5°C, 5 μg/mL'}, {"id": "2", "note": "Naïve, “quoted”\ttab"}]


def quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


FORMATS = {
    "rows.jsonl": "\n".join(json.dumps(row, ensure_ascii=False) for row in ROWS) + "\n\n",
    "rows.json": json.dumps(ROWS),
    "keyed.json": json.dumps({row["id"]: {"note": row["note"]} for row in ROWS}, indent=1),
    "rows.csv": "id,note\n" + "".join(f"{row['id']},{quoted(row['note'])}\n" for row in ROWS),
    "nested.json": json.dumps({"data": ROWS}),
    "bom.CSV": "\ufeffid,note\r\n" + "".join(f"{row['id']},{quoted(row['note'])}\r\n" for row in ROWS),
}
FACTS = {
    "rows.jsonl": {
        "encoding": "utf-8",
        "repairs": {"empty line skipped": {"count": 1, "first": "line 3"}},
    },
    "bom.CSV": {
        "encoding": "utf-8-sig",
        "repairs": {"byte-order mark dropped": {"count": 1, "first": "line 1"}},
    },
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_same_rows(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(FORMATS[name].encode())
    rows, provenance = sources.retrieve({"kind": "file", "path": str(path)}, seed=1, n=5)
    assert rows == ROWS
    assert provenance == {
        "kind": "file",
        "data": "real",
        "path": str(path),
        "sha256": sha256(path),
        **FACTS.get(name, {"encoding": "utf-8"}),
        "rows": 2,
        "drops": {},
    }


def test_a_path_may_name_an_environment_variable(tmp_path, monkeypatch):
    (tmp_path / "rows.jsonl").write_text(FORMATS["rows.jsonl"], encoding="utf-8")
    monkeypatch.setenv("CLINIC_NOTES", str(tmp_path))
    assert sources.retrieve({"kind": "file", "path": "$CLINIC_NOTES/rows.jsonl"}, seed=1, n=1)[0] == ROWS
    monkeypatch.delenv("CLINIC_NOTES")
    with pytest.raises(UserError, match=r"\$CLINIC_NOTES/rows.jsonl: the environment variable .* is not set"):
        sources.retrieve({"kind": "file", "path": "$CLINIC_NOTES/rows.jsonl"}, seed=1, n=1)


@pytest.mark.parametrize(
    ("name", "content", "options"),
    [
        ("rows.tsv", "id\tnote\n" + "".join(f"{row['id']}\t{quoted(row['note'])}\n" for row in ROWS), {}),
        ("rows.csv", "id;note\n" + "".join(f"{row['id']};{quoted(row['note'])}\n" for row in ROWS), {"delimiter": ";"}),
        (
            "rows.csv",
            "id,note\n" + "".join(f"{row['id']},{quoted(row['note'])}\n" for row in ROWS),
            {"encoding": "cp1252"},
        ),
    ],
)
def test_options_of_a_text_file(tmp_path, name, content, options):
    path = tmp_path / name
    encoding = options.get("encoding", "utf-8")
    path.write_bytes(content.replace("μ", "µ").encode(encoding))
    rows, provenance = sources.retrieve({"kind": "file", "path": str(path)} | options, seed=1, n=5)
    assert [row["note"].replace("µ", "μ") for row in rows] == [row["note"] for row in ROWS]
    assert provenance["encoding"] == encoding and "repairs" not in provenance


def test_parquet_values_become_values_of_json(tmp_path):
    import datetime
    import decimal

    import pyarrow
    from pyarrow.parquet import write_table

    columns = {
        "id": [1, 2],
        "contexts": [["a", "b"], []],
        "dose": [decimal.Decimal("0.50"), None],
        "seen": [datetime.datetime(2026, 5, 1, 8, 30), None],
        "age": [float("nan"), 61.5],
        "meta": [{"day": datetime.date(2026, 5, 1)}, {"day": None}],
        "image": [b"", b""],
    }
    path = tmp_path / "rows.parquet"
    write_table(pyarrow.table(columns), path)
    rows, provenance = sources.retrieve({"kind": "file", "path": str(path), "ignore": ["image"]}, seed=1, n=5)
    assert json.loads(json.dumps(rows)) == [
        {
            "id": 1,
            "contexts": ["a", "b"],
            "dose": "0.50",
            "seen": "2026-05-01T08:30:00",
            "age": None,
            "meta": {"day": "2026-05-01"},
        },
        {"id": 2, "contexts": [], "dose": None, "seen": None, "age": 61.5, "meta": {"day": None}},
    ]
    assert provenance["repairs"] == {
        "date or time written in ISO form": {"count": 2, "first": "row 1, column 'seen'"},
        "NaN read as empty": {"count": 1, "first": "row 1, column 'age'"},
    }


BAD_FILES = {
    "missing.csv": (None, ["no such file", "change the path"]),
    "latin.csv": (
        "id,note\n1,ok\n2,38°C\n".encode("latin-1"),
        ["line 3", "0xb0 is not UTF-8", "Set `encoding: cp1252`", "2,38°C", "save the file with UTF-8"],
    ),
    "cut.jsonl": (b'{"id": 1}\n{"id": 2, "no', ["line 2", "not valid JSON", "cut off"]),
    "list.jsonl": (b'{"id": 1}\n[1, 2]\n', ["line 2", "a list, not a JSON object"]),
    "cut.json": (b'[\n{"id": 1},\n{"id"', ["line 3", "not valid JSON"]),
    "scalar.json": (b'"text"', ["a text, not a list of objects", "Write one object"]),
    "texts.json": (
        b'[{"id": 1}, "text"]',
        ["row 2", "a text, not a JSON object", "one object under each id"],
    ),
    "columns.json": (b'{"note": ["a", "b"]}', ["row 1", "a list, not a JSON object"]),
    "empty.csv": (b"id,note\n", ["has no rows", "Add one row for each item"]),
    "empty.jsonl": (b"\n", ["has no rows"]),
    "semicolon.csv": (
        b"id;note\n1;x\n",
        ["the header has only one column, 'id;note'", 'Set `delimiter: ";"`', "separate the columns by commas"],
    ),
    "wide.csv": (b"id,note\n1,x\n2,x, with a comma\n", ["line 3", "3 cells, but the header has 2", "in quotes"]),
    "short.csv": (b"id,note,label\n1,x,UTI\n2,x\n", ["line 3", "no cell for column 'label'", "Complete the row"]),
    "huge.csv": (b'id,note\n1,"' + b"x" * 200_000, ["from line 2 on", "quotation mark", "Export the file again"]),
    "twice.json": (b'{"1": {"note": "a"}, "1": {"note": "b"}}', ["key '1' comes twice", "Rename or remove"]),
    "cut.xlsx": (b"PK", ["not a valid Excel workbook", "may be cut off"]),
    "missing.xlsx": (None, ["no such file", "change the path"]),
    "book.xls": (
        b"",
        ["format '.xls' is not supported", "Save the workbook as .xlsx", ".jsonl, .json, .csv, .tsv, .parquet, .xlsx"],
    ),
    "none": (b"", ["format '' is not supported"]),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_is_refused_with_location_and_mend(tmp_path, name):
    content, parts = BAD_FILES[name]
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError) as error:
        read_rows(tmp_path / name)
    for part in [str(tmp_path / name), *parts]:
        assert part in str(error.value)


@pytest.fixture
def sampled(tmp_path):
    """A source that draws 30 of 100 rows, whose ids are their numbers."""
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps({"id": str(i)}) + "\n" for i in range(1, 101)), encoding="utf-8")
    return {"kind": "file", "path": str(path), "sample": 30}


def test_a_sample_has_distinct_rows_in_the_order_of_the_file(sampled):
    rows, provenance = sources.retrieve(sampled, seed=1, n=5)
    numbers = [int(row["id"]) for row in rows]
    assert len(set(numbers)) == 30 and numbers == sorted(numbers)
    assert (provenance["rows"], provenance["sampled"]) == (100, 30)


def test_a_sample_depends_on_the_seed_alone(sampled):
    rows = sources.retrieve(sampled, seed=1, n=5)[0]
    assert sources.retrieve(sampled, seed=1, n=9)[0] == rows != sources.retrieve(sampled, seed=2, n=5)[0]


def test_a_sample_larger_than_the_file_is_the_whole_file(sampled):
    assert len(sources.retrieve(sampled | {"sample": 500}, seed=1, n=5)[0]) == 100


def test_an_error_in_a_sample_has_the_row_number_of_the_file(sampled):
    first = sources.retrieve(sampled, seed=1, n=5)[0][0]["id"]
    with pytest.raises(UserError, match=f"rows.jsonl, row {first}: field 'question' is missing"):
        sources.retrieve(sampled | {"reader": "medqa"}, seed=1, n=5)


def question(text: str, step: str = "step2&3") -> dict[str, object]:
    options = {"A": "Gout", "B": "Scurvy"}
    return {"question": text, "answer": "Scurvy", "options": options, "meta_info": step, "answer_idx": "B"}


KEPT_QUESTION = question("Gums bleed. Which of the following is the most likely diagnosis?")


def retrieve_medqa(path, rows, **settings):
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return sources.retrieve({"kind": "file", "path": str(path), "reader": "medqa", **settings}, seed=1, n=1)


def test_a_reader_makes_records_and_counts_dropped_rows(tmp_path):
    rows = [KEPT_QUESTION, question("Why?", "step1"), question("Why?", "step1"), question("Why."), KEPT_QUESTION]
    records, provenance = retrieve_medqa(tmp_path / "medqa.jsonl", rows)
    assert [record["question"] for record in records] == ["Gums bleed. What is the most likely diagnosis?"]
    assert provenance["rows"] == 5
    assert provenance["drops"] == {"does not end in a question": 1, "not of step 2 or 3": 2, "repeats another row": 1}
    assert provenance["published_share"] == "Savage et al. 2025: 5,161 of 12,723"


def test_the_scope_of_a_reader_is_passed_on(tmp_path):
    rows = [KEPT_QUESTION, question("Gums bleed. What is the best initial test?")]
    counts = {
        scope: len(retrieve_medqa(tmp_path / f"{scope}.jsonl", rows, scope=scope)[0]) for scope in ("wide", "strict")
    }
    assert counts == {"wide": 2, "strict": 1}


def test_a_file_of_which_a_reader_keeps_no_row_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"medqa.jsonl: .*'medqa' drops all 1 rows.*'not of step 2 or 3': 1.*`source`"):
        retrieve_medqa(tmp_path / "medqa.jsonl", [question("Why?", "step1")])


def test_a_row_that_a_reader_cannot_read_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"medqa.jsonl, row 2: field 'answer' is missing.*here: question"):
        retrieve_medqa(tmp_path / "medqa.jsonl", [KEPT_QUESTION, {"question": "Why?"}])


def test_the_provenance_of_generated_records_is_synthetic():
    source = {"kind": "synthetic", "generator": "uti", "label_noise": 0.1}
    rows, provenance = sources.retrieve(source, seed=3, n=20)
    assert len(rows) == 20
    assert provenance == {
        "kind": "synthetic",
        "data": "synthetic",
        "generator": "uti",
        "seed": 3,
        "label_noise": 0.1,
        "rows": 20,
        "drops": {},
    }
    assert sources.retrieve(source, seed=3, n=20)[0] == rows


@pytest.mark.parametrize("revision", ["main", "v1.0", "0fb93dd", "B" * 40])
def test_only_a_commit_pins_a_data_set(revision):
    with pytest.raises(
        UserError, match=f"owner/set: revision '{revision}' is not a full commit hash.*later point.*commits"
    ):
        retrieve_hub("owner/set", revision, ["train"])


@pytest.mark.skipif(not (DATA / "pubmedqa").exists(), reason="PubMedQA is not there; set CLINICAL_DPO_DATA")
def test_the_publishers_keyed_object_is_read():
    rows, provenance = sources.retrieve({"kind": "file", "path": str(DATA / "pubmedqa/ori_pqal.json")}, seed=1, n=1)
    assert provenance["rows"] == len(rows) == len({row["id"] for row in rows})
    assert all(row["id"].isdigit() and row["QUESTION"] and row["LONG_ANSWER"] for row in rows)


@pytest.mark.skipif(not (DATA / "medqa").exists(), reason="MedQA is not there; set CLINICAL_DPO_DATA")
def test_every_row_of_the_publisher_is_kept_or_counted():
    path = DATA / "medqa" / "phrases_no_exclude_test.jsonl"
    records, provenance = sources.retrieve({"kind": "file", "path": str(path), "reader": "medqa"}, seed=1, n=1)
    assert len(records) + sum(provenance["drops"].values()) == provenance["rows"]


def kept_rows_of(tmp_path, condition, **source):
    path = tmp_path / "rows.csv"
    path.write_text("age,sex\n17,f\n70,m\n,f\n45,f\n", encoding="utf-8")
    return sources.retrieve({"kind": "file", "path": str(path), "where": condition, **source}, seed=1, n=0)


def test_rows_for_which_a_condition_holds_are_kept_and_counted(tmp_path):
    rows, provenance = kept_rows_of(tmp_path, 'age != "" and age >= 18')
    assert [row["age"] for row in rows] == ["70", "45"]
    assert provenance["where"] == {"condition": 'age != "" and age >= 18', "kept": 2, "dropped": 2}
    assert (provenance["rows"], provenance["drops"]) == (4, {})


def test_a_condition_is_applied_to_the_drawn_rows(tmp_path):
    rows, provenance = kept_rows_of(tmp_path, 'sex in ["f", "m"]', sample=2)
    assert provenance["sampled"] == len(rows) == provenance["where"]["kept"] == 2


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ("age >= 18", ("rows.csv, row 3", "key 'where'", "column 'age' is empty")),
        ("ages >= 18", ("key 'where'", "column 'ages' is missing", "'age'")),
        ('sex == "x"', ("key 'where'", "none of the 4 rows")),
    ],
)
def test_a_condition_that_fails_names_the_row_or_column(tmp_path, condition, words):
    with pytest.raises(UserError) as error:
        kept_rows_of(tmp_path, condition)
    assert all(word in str(error.value) for word in words), str(error.value)
