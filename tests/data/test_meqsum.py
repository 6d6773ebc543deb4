"""Workbooks, MeQSum's workbook and its copies in other formats, and sheets that are refused."""

import datetime
import json

import pytest
from openpyxl import Workbook, load_workbook

from clinical_dpo.data.rows import task_rows
from clinical_dpo.data.sources import retrieve as sources
from clinical_dpo.data.sources.files import retrieve_file
from clinical_dpo.data.sources.meqsum import to_summary
from clinical_dpo.errors import UserError
from clinical_dpo.yaml_files import read_yaml
from tests.conftest import ROOT, real_data
from tests.helpers.tables import read_rows

HEADER = ["File", "CHQ", "Summary", None, None]
WORKBOOK = "MeQSum_ACL2019_BenAbacha_Demner-Fushman.xlsx"


def meqsum_book(path, rows, sheet="QS", header=HEADER):
    return book(path, **{sheet: [header, *rows], "Notes": [["nothing to read"]]})


def retrieve(path, **more):
    return sources.retrieve({"kind": "file", "path": str(path), "reader": "meqsum", **more}, seed=1, n=1)


def book(path, **sheets):
    workbook = Workbook()
    workbook.remove(workbook.active)
    for title, rows in sheets.items():
        sheet = workbook.create_sheet(title)
        for row in rows:
            sheet.append(row)
    workbook.save(path)
    return path


def test_a_workbook_with_one_sheet_needs_no_name(tmp_path):
    rows = [["id", "note", None], [], [1, " a\xa0b_x000D_\nc "], [2.0, 0.5], [3, None, None]]
    path = book(tmp_path / "one.xlsx", Notes=rows)
    texts = [{"id": "1", "note": "a b\nc"}, {"id": "2", "note": "0.5"}, {"id": "3", "note": ""}]
    assert read_rows(path) == read_rows(path, "Notes") == texts
    assert retrieve_file(str(path), "Notes")[1]["sheet"] == "Notes"
    assert "sheet" not in retrieve_file(str(path))[1]


@pytest.fixture
def two_sheets(tmp_path):
    return book(tmp_path / "two.xlsx", A=[["id"], [1]], B=[["id"], [2]])


def test_one_of_several_sheets_is_read_by_its_name(two_sheets):
    assert read_rows(two_sheets, "B") == [{"id": "2"}]


def test_one_of_several_sheets_must_be_named(two_sheets):
    with pytest.raises(UserError, match=r"two.xlsx: the workbook has several sheets. Set `sheet` to one of A, B"):
        read_rows(two_sheets)


def test_an_unknown_sheet_is_refused(two_sheets):
    with pytest.raises(UserError, match=r"two.xlsx: the workbook has no sheet 'C'. Correct `sheet`. Known: A, B"):
        read_rows(two_sheets, "C")


def test_an_empty_sheet_is_refused(tmp_path):
    with pytest.raises(UserError, match="has no rows"):
        read_rows(book(tmp_path / "none.xlsx", A=[]))


def test_a_sheet_of_a_text_file_is_refused(tmp_path):
    (tmp_path / "rows.csv").write_text("id\n1\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"rows.csv: `sheet: A` is set, but only .xlsx .*Remove `sheet`"):
        read_rows(tmp_path / "rows.csv", "A")


def test_a_question_has_its_summary_as_reference(tmp_path):
    path = meqsum_book(
        tmp_path / "a.xlsx",
        [
            ["1.txt", "SUBJECT: gout_x000D_\nMESSAGE: My\xa0toe hurts ", "What are the\xa0treatments\nfor gout? "],
            [None, None, None],
            ["1.txt", "Another question of that file", "What causes gout?"],
            [15410, "Why?", "Why?"],
            ["1.txt", "Another question of that file", "What causes gout?"],
        ],
    )
    records, provenance = retrieve(path, sheet="QS")
    assert records[0]["question"] == "SUBJECT: gout\nMESSAGE: My toe hurts"
    assert records[0]["reference"] == "What are the treatments for gout?"
    assert [record["id"].rsplit("-", 1)[0] for record in records] == ["1.txt", "1.txt", "15410"]
    assert len({record["id"] for record in records}) == 3
    assert provenance["sheet"] == "QS"
    assert (provenance["rows"], provenance["drops"]) == (4, {"repeats another row": 1})


def test_the_hubs_rows_give_the_same_records(tmp_path):
    row = {"CHQ": "SUBJECT: gout\nMESSAGE: My toe hurts", "Summary": "What is gout?", "File": "1.txt"}
    (tmp_path / "rows.jsonl").write_text(json.dumps(row), encoding="utf-8")
    path = meqsum_book(tmp_path / "a.xlsx", [["1.txt", row["CHQ"], row["Summary"]]])
    assert retrieve(tmp_path / "rows.jsonl")[0] == retrieve(path, sheet="QS")[0] == [to_summary(row)]


BAD_SHEETS = {
    "empty summary": ({"rows": [["1.txt", "Why?", None]]}, ["row 1: File 1.txt: column 'Summary' is empty", "remove"]),
    "blank question": ({"rows": [["1.txt", " \xa0", "Why?"]]}, ["row 1: File 1.txt: column 'CHQ' is empty"]),
    "no file": ({"rows": [[None, "Why?", "Why?"]]}, ["row 1: column 'File' is empty"]),
    "other sheet": ({"rows": [["1", "a", "b"]], "sheet": "Sheet1"}, ["no sheet 'QS'", "Known: Sheet1, Notes"]),
    "no column": (
        {"rows": [["1", "a", "b"]], "header": ["File", "CHQ", "Gold"]},
        ["row 1: column 'Summary' is missing", "here: File, CHQ, Gold"],
    ),
    "nameless": ({"rows": [["1", "a", "b", "seen"]]}, ["sheet 'QS', row 2: 'seen' is in a column without a name"]),
    "twice": ({"rows": [["1", "a", "b"]], "header": ["File", "CHQ", "CHQ"]}, ["column 'CHQ' comes twice", "unique"]),
    "date": (
        {"rows": [["1", "Why?", "b"], ["2", datetime.date(2019, 5, 1), "b"]]},
        ["cell B3: the cell contains a date (2019-05-01 00:00:00), but its column contains texts", "as text"],
    ),
    "time": (
        {"rows": [["1", "Why?", "b"], ["2", datetime.time(2, 20), "b"]]},
        ["cell B3: the cell contains a time (02:20:00)", "such as 1:80 into a time", "as text"],
    ),
    "error": ({"rows": [["1", "a", "#N/A"]]}, ["cell C2: the cell shows the error #N/A. Correct the cell"]),
    "no rows": ({"rows": []}, ["has no rows"]),
}


@pytest.mark.parametrize("name", BAD_SHEETS)
def test_a_bad_sheet_is_refused_with_location_and_mend(tmp_path, name):
    content, parts = BAD_SHEETS[name]
    path = meqsum_book(tmp_path / "a.xlsx", **content)
    with pytest.raises(UserError) as error:
        retrieve(path, sheet="QS")
    for part in [str(path), *parts]:
        assert part in str(error.value)


def test_a_cell_that_is_not_text_is_refused_with_its_column():
    with pytest.raises(UserError, match="File 1: column 'Summary' has the type list, not text"):
        to_summary({"File": "1", "CHQ": "a", "Summary": ["b"]})
    with pytest.raises(UserError, match="File 1: column 'Summary' is empty"):
        to_summary({"File": "1", "CHQ": "a", "Summary": None})


def test_every_row_of_the_publisher_loads():
    path = real_data("meqsum", WORKBOOK)
    task = read_yaml(ROOT / "config/tasks/meqsum.yaml")
    records, provenance = sources.retrieve(task["source"] | {"path": str(path)}, seed=1, n=1)
    [_, *published] = load_workbook(path)["QS"].iter_rows(values_only=True)
    assert len(records) == len(published) == provenance["rows"]
    assert provenance["drops"] == {}
    for record, row, (file, question, summary, *_) in zip(
        records, task_rows(records, task, provenance), published, strict=True
    ):
        assert record["id"].startswith(f"{file}-")
        assert record["question"].split() == question.split()
        assert row["completion"][0]["content"].split() == summary.split()
        assert record["question"] in row["prompt"][0]["content"]
