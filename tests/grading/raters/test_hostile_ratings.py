"""Malformed and hostile rating files: refused with file and row, without a traceback, and never blocking."""

import csv
import io
import json
import os
import socket
from itertools import product

import pytest
from openpyxl import Workbook, load_workbook

from clinical_dpo.errors import UserError
from clinical_dpo.grading.raters import ratings, sheets
from clinical_dpo.grading.raters.formulas import guarded, unguarded
from clinical_dpo.grading.raters.rating_files import rating_files, read_ratings, returned_files
from clinical_dpo.grading.raters.sheet_files import CELL, write_sheet
from clinical_dpo.io import read_json, read_jsonl
from tests.helpers.formula_signs import BEFORE, SIGNS
from tests.helpers.rating import SECRET, SEED, sheet, study, write_ratings
from tests.helpers.workbooks import edit_sheet

TIMES = [
    *("9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "10000-01-01", "-1", "1e12", "1e999", "9" * 5000),
    *("2026-13-45", "2026-02-30T25:61", "NaN", "-99999999999", "２０２６-０１-０１", "2026-11-21T12:00:00+99:99"),
]
LONG = "9" * 5000


@pytest.fixture
def key():
    return sheet("correctness")[1]


def first_row(key):
    return next(row for row in key if row["rater"] == "r1")


def rated(key):
    """A rating of the sheet's first item."""
    row = first_row(key)
    return {"item_id": row["item_id"], "text_sha256": row["text_sha256"], "rating": "correct", "comment": "x"}


def write_rating(path, key, **changes):
    """Write a file with one rating, in the format of its ending."""
    values = rated(key) | {"rated_at": "", "sheet": "correctness"} | changes
    if path.suffix == ".csv":
        text = io.StringIO()
        csv.writer(text).writerows([list(values), list(values.values())])
        path.write_text(text.getvalue(), encoding="utf-8")
    elif path.suffix == ".xlsx":
        book = Workbook()
        book.active.append(list(values))
        book.active.append(list(values.values()))
        book.save(path)
    else:
        path.write_text(json.dumps([{**values, "updated_at": values["rated_at"]}]), encoding="utf-8")
    return path


@pytest.mark.parametrize(("time", "ending"), product(TIMES, ["csv", "xlsx", "json"]))
def test_an_invalid_time_becomes_empty(tmp_path, key, time, ending):
    [row] = read_ratings(write_rating(tmp_path / f"correctness.r1.{ending}", key, rated_at=time))
    assert (row["rated_at"], row["rating"]) == ("", "correct")


@pytest.mark.parametrize(
    "number", ["1e12", "-1", "-1e12", "1e999", "-1e999", "nan", LONG, "2958466", "0", "1e-999", "x"]
)
@pytest.mark.parametrize("style", ["yyyy-mm-dd hh:mm:ss", "[hh]:mm:ss", "General"])
@pytest.mark.parametrize("column", ["rated_at", "rating"])
def test_a_cell_of_any_number_is_read_or_refused_with_its_row(tmp_path, key, number, style, column):
    path = tmp_path / "correctness.r1.xlsx"
    book, row = Workbook(), first_row(key)
    book.active.append(["item_id", "text_sha256", "rating", "rated_at"])
    book.active.append([row["item_id"], row["text_sha256"], "correct", ""])
    cell = book.active["D2" if column == "rated_at" else "C2"]
    cell.value, cell.number_format = 77665544, style
    book.save(path)

    def with_number(xml):
        assert b"<v>77665544</v>" in xml
        return xml.replace(b"<v>77665544</v>", f"<v>{number}</v>".encode())

    edit_sheet(path, path, with_number)
    try:
        [rating] = ratings.collect_ratings(key, {"r1": path})
    except UserError as error:
        assert "correctness.r1.xlsx, row 2" in str(error) and len(str(error)) < 1000
    else:
        assert column == "rated_at" and rating["rating"] == "correct"


@pytest.mark.parametrize(
    "value", [LONG, "1e999", "-1e999", "NaN", "Infinity", "1" + "0" * 30, "true", "[]", '["a"]', "{}"]
)
@pytest.mark.parametrize("field", ["item_id", "rating", "comment", "updated_at", "text_sha256"])
def test_a_json_value_that_is_no_text_is_refused_with_its_task(tmp_path, key, value, field):
    path = tmp_path / "correctness.r1.json"
    path.write_text(json.dumps([rated(key), {**rated(key), field: "HERE"}]).replace('"HERE"', value))
    with pytest.raises(UserError, match=r"correctness\.r1\.json, task 2") as error:  # a valid value is a second rating
        ratings.collect_ratings(key, {"r1": path})
    assert len(str(error.value)) < 1000


@pytest.mark.parametrize("deep", ["[" * 100_000, '[{"data": ' + '{"a": ' * 100_000, "[" * 100_000 + "]" * 100_000])
def test_deep_json_is_refused(tmp_path, key, deep):
    path = tmp_path / "correctness.r1.json"
    path.write_text(deep)
    with pytest.raises(
        UserError,
        match=r"correctness\.r1\.json: .* levels of nested lists and objects, but the config's `limits\.depth`",
    ):
        ratings.collect_ratings(key, {"r1": path})
    with pytest.raises(UserError, match=r"line 1: not readable as JSON|line 1: a list"):
        read_jsonl(path)


@pytest.mark.parametrize("depth", [10, 300, 500, 700, 900, 960, 980, 990, 1000])
@pytest.mark.parametrize("field", ["item_id", "rating", "comment"])
def test_a_nested_value_of_any_depth_is_refused(tmp_path, key, depth, field):
    values = {"item_id": "i", "text_sha256": "t", "rating": "correct", field: "HERE"}
    path = tmp_path / "correctness.r1.json"
    path.write_text(json.dumps([values]).replace('"HERE"', "[" * depth + "]" * depth))
    with pytest.raises(UserError, match=r"correctness\.r1\.json"):
        ratings.collect_ratings(key, {"r1": path})


def test_a_number_of_thousands_of_digits_is_refused_by_every_reader_of_json(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(LONG)
    with pytest.raises(UserError, match=r"a\.json: not readable as JSON"):
        read_json(path)
    path.write_text(f'{{"a": {LONG}}}')
    with pytest.raises(UserError, match=r"a\.json, line 1: not readable as JSON"):
        read_jsonl(path)


def test_a_cell_of_thousands_of_digits_is_refused_with_its_line(tmp_path, key):
    path = write_rating(tmp_path / "correctness.r1.csv", key, rating=LONG)
    with pytest.raises(UserError, match=r"correctness\.r1\.csv, line 2, item .*'9+ \.\.\.' .*Write one of"):
        ratings.collect_ratings(key, {"r1": path})


@pytest.mark.parametrize("ending", ["csv", "xlsx", "ods", "json"])
@pytest.mark.parametrize("kind", ["pipe", "socket", "folder", "device", "broken link", "linked pipe"])
def test_a_path_that_is_no_regular_file_is_refused_without_reading_it(tmp_path, kind, ending, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the path of a socket has to be short
    path = tmp_path / f"correctness.r1.{ending}"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as end:
            end.bind(path.name)
    elif kind == "folder":
        path.mkdir()
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "broken link":
        path.symlink_to(tmp_path / "gone")
    else:
        os.mkfifo(tmp_path / "pipe")
        path.symlink_to(tmp_path / "pipe")
    for read in (lambda: returned_files(tmp_path, "correctness"), lambda: rating_files(tmp_path, "correctness")):
        with pytest.raises(UserError, match=rf"correctness\.r1\.{ending}: this is a .*Move it to another place"):
            read()
    with pytest.raises(UserError, match=rf"correctness\.r1\.{ending}: the file of ratings is a .* Save the ratings"):
        read_ratings(path)


each_letter = pytest.mark.parametrize("letter", ["x", "é", "🙂", "\n", '"', "'"])


def write_long_sheet(tmp_path, letter):
    """Write a sheet with a question and an answer of 150,000 letters; returns key and expected ratings."""
    rows, answers = study(4)
    rows[1]["prompt"][-1]["content"] = "Q" + letter * 150_000
    answers["sft"][2]["text"] = letter * 150_000 + "A"
    items = sheets.correctness_items(rows, answers, SEED)
    key = sheets.key_rows(items, "correctness", "correctness", ["r1"], SECRET)
    shown = sheets.sheet_rows(items, key, "r1")
    write_sheet(tmp_path / "correctness.r1", shown, "correctness", "correctness", "r1")
    return key, {row["item_id"]: "incorrect" for row in shown}


def ratings_of(path, key):
    return {row["item_id"]: row["rating"] for row in ratings.collect_ratings(key, {"r1": path})}


@each_letter
def test_a_csv_sheet_with_very_long_texts_can_be_filled_and_read(tmp_path, letter):
    key, expected = write_long_sheet(tmp_path, letter)
    path = tmp_path / "correctness.r1.csv"
    csv.field_size_limit(2**31 - 1)
    header, *lines = csv.reader(io.StringIO(path.read_text("utf-8-sig"), newline=""))
    csv.field_size_limit(131_072)  # the default of a process
    for line in lines:
        line[header.index("rating")] = "incorrect"
    text = io.StringIO()
    csv.writer(text).writerows([header, *lines])
    path.write_text(text.getvalue(), "utf-8-sig", newline="")
    assert ratings_of(path, key) == expected


@each_letter
def test_a_workbook_with_very_long_texts_can_be_filled_and_read(tmp_path, letter):
    key, expected = write_long_sheet(tmp_path, letter)
    book = load_workbook(tmp_path / "correctness.r1.xlsx")
    names = [cell.value for cell in book.active[1]]
    for line in book.active.iter_rows(min_row=2):
        assert all(len(str(cell.value or "").encode("utf-16-le")) <= 2 * CELL for cell in line)
        line[names.index("rating")].value = "incorrect"
    book.save(tmp_path / "correctness.r1.xlsx")
    assert ratings_of(tmp_path / "correctness.r1.xlsx", key) == expected


@each_letter
def test_label_studio_tasks_with_very_long_texts_can_be_rated_and_read(tmp_path, letter):
    key, expected = write_long_sheet(tmp_path, letter)
    path = tmp_path / "correctness.r1.json"
    tasks = json.loads(path.read_text())
    path.write_text(json.dumps([{**task["data"], "rating": "incorrect"} for task in tasks]))
    assert ratings_of(path, key) == expected


@pytest.mark.parametrize(("before", "sign"), product(BEFORE, SIGNS))
def test_a_formula_gets_an_apostrophe_and_loses_it_when_read(tmp_path, before, sign):
    text = f"{before}{sign}1+1"
    assert guarded(text) == f"'{text}" and unguarded(guarded(text)) == text
    assert guarded(text).startswith("'")
    row = {"sheet": "correctness", "item_id": "i1", "text_sha256": "t", "rating": "correct", "comment": text}
    write_ratings(tmp_path / "correctness.r1.csv", [row | {"rated_at": ""}])
    [line] = read_ratings(tmp_path / "correctness.r1.csv")
    with open(tmp_path / "correctness.r1.csv", newline="", encoding="utf-8") as file:
        assert next(csv.DictReader(file))["comment"] == f"'{text}"
    assert line["comment"] == text.strip()  # white space around a comment does not count


@pytest.mark.parametrize("text", ["plain", "'quoted'", "'", "", "5 - 3", "a=b", "mail@host", "''", "' x", "–5", "—"])
def test_a_text_that_is_no_formula_gets_no_apostrophe(text):
    assert guarded(text) == text and unguarded(text) == text


def test_texts_of_a_sheet_are_guarded_in_its_csv(tmp_path):
    rows, answers = study(4)
    rows[0]["prompt"][-1]["content"] = " =HYPERLINK(1)"
    answers["sft"][1]["text"] = "＝cmd"
    answers["sft"][2]["text"] = "\u00a0@SUM(1)"
    items = sheets.correctness_items(rows, answers, SEED)
    key = sheets.key_rows(items, "correctness", "correctness", ["r1"], SECRET)
    write_sheet(tmp_path / "s", sheets.sheet_rows(items, key, "r1"), "correctness", "correctness", "r1")
    table = list(csv.DictReader(io.StringIO((tmp_path / "s.csv").read_text("utf-8-sig"), newline="")))
    cells = {cell for row in table for cell in row.values()}
    assert {"' =HYPERLINK(1)", "'＝cmd"} <= cells
    assert not any(cell.lstrip()[:1] in ("=", "＝", "@") for cell in cells if cell)
