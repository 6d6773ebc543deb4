"""Ratings as raters send them: reading, refusals, pending items and the final grade."""

import csv
import io
import json

import pytest
from openpyxl import load_workbook

from clinical_dpo.errors import UserError
from clinical_dpo.grading.raters import ratings
from clinical_dpo.grading.raters.rating_files import COLUMNS, read_ratings
from clinical_dpo.grading.raters.sheets import correctness_items, key_rows
from tests.helpers.rating import RATINGS, SECRET, SEED, rate, sheet, study, write_ratings, write_study


@pytest.fixture
def key():
    return sheet("correctness")[1]


def table(path):
    return list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"), newline="")))


def csv_text(rows, **options):
    text = io.StringIO()
    csv.writer(text, **options).writerows(rows)
    return text.getvalue()


def collected(key, path, rater="r1"):
    return ratings.collect_ratings(key, {rater: path})


def rating_and_comment(rows):
    return {row["item_id"]: (row["rating"], row["comment"]) for row in rows}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-le"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_a_file_that_a_spreadsheet_saved_is_read_alike(tmp_path, key, encoding, separator, ending):
    path = rate(tmp_path / "correctness.r1.csv", key, "r1", RATINGS, comment='naïve; "5 mg", fine\nnext')
    expected = rating_and_comment(collected(key, path))
    text = csv_text(
        [[cell.replace("\n", ending) for cell in [*row[::-1], ""]] for row in [*table(path), [""] * 6]],
        delimiter=separator,
        lineterminator=ending,
    )
    saved = tmp_path / "saved" / "correctness.r1.csv"
    saved.parent.mkdir()
    saved.write_bytes((f"sep={separator}{ending}" * (separator == ";") + text).encode(encoding))
    assert rating_and_comment(collected(key, saved)) == expected
    assert len(expected) == 22 and ("correct", 'naïve; "5 mg", fine\nnext') in expected.values()


COMMENT = "né; à"


@pytest.fixture
def sheets_to_fill(tmp_path, key):
    """A rater's empty sheets, and item id -> rating to fill in."""
    write_study(tmp_path, "correctness")
    return tmp_path, {row["item_id"]: rating for row, rating in zip(key, RATINGS, strict=False)}


def assert_read_as(key, path, rating_by_item):
    assert rating_and_comment(collected(key, path)) == {
        item_id: (rating, COMMENT) for item_id, rating in rating_by_item.items()
    }


def test_a_filled_csv_sheet_has_the_ratings(sheets_to_fill, key):
    folder, rating_by_item = sheets_to_fill
    path = folder / "correctness.r1.csv"
    header, *lines = csv.reader(io.StringIO(path.read_text("utf-8-sig"), newline=""))
    item_id, rating, comment = map(header.index, ("item_id", "rating", "comment"))
    for line in lines:
        line[rating], line[comment] = rating_by_item[line[item_id]].upper(), COMMENT
    path.write_bytes(csv_text([header, *lines], delimiter=";").encode("utf-8-sig"))
    assert_read_as(key, path, rating_by_item)


def test_a_filled_workbook_has_the_ratings(sheets_to_fill, key):
    folder, rating_by_item = sheets_to_fill
    path = folder / "correctness.r1.xlsx"
    book = load_workbook(path)
    header = [cell.value for cell in book.active[1]]
    item_id, rating, comment = map(header.index, ("item_id", "rating", "comment"))
    for row in book.active.iter_rows(min_row=2):
        row[rating].value, row[comment].value = f" {rating_by_item[row[item_id].value]} ", COMMENT
    book.save(path)
    assert_read_as(key, path, rating_by_item)


def test_an_export_of_label_studio_has_the_ratings_and_their_times(sheets_to_fill, key):
    folder, rating_by_item = sheets_to_fill
    path = folder / "correctness.r1.json"
    tasks = json.loads(path.read_text())
    for task in tasks:
        rating = rating_by_item[task["data"]["item_id"]]
        result = [
            {"from_name": "rating", "type": "choices", "value": {"choices": [rating]}},
            {"from_name": "comment", "type": "textarea", "value": {"text": [COMMENT]}},
        ]
        cancelled = {"was_cancelled": True, "result": []}
        task["annotations"] = [cancelled, {"result": result, "created_at": "2026-11-21T14:00:00.5+02:00"}]
    path.write_text(json.dumps(tasks))
    assert_read_as(key, path, rating_by_item)
    assert {row["rated_at"] for row in read_ratings(path)} == {"2026-11-21T12:00:00Z"}


def test_a_json_min_export_has_the_ratings(sheets_to_fill, key):
    folder, rating_by_item = sheets_to_fill
    path = folder / "correctness.r1.json"
    items = [task["data"] for task in json.loads(path.read_text())]
    path.write_text(
        json.dumps([{**item, "rating": rating_by_item[item["item_id"]], "comment": COMMENT} for item in items])
    )
    assert_read_as(key, path, rating_by_item)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        *[("2026-11-21T12:00:00Z", "2026-11-21T12:00:00Z"), ("2026-11-21 12:00", "2026-11-21T12:00:00Z")],
        *[("2026-11-21T12:00:00+01:00", "2026-11-21T11:00:00Z"), ("03/04/2026 12:00", ""), ("45983.5", ""), ("", "")],
    ],
)
def test_a_time_becomes_utc_or_empty(tmp_path, key, written, read):
    path = rate(tmp_path / "correctness.r1.csv", key, "r1", ["correct"], rated_at=written)
    assert [row["rated_at"] for row in collected(key, path)] == [read]


def test_ratings_can_be_written_and_read_again(tmp_path, key):
    path = rate(tmp_path / "correctness.r1.csv", key, "r1", RATINGS, comment="x, y")
    rows = read_ratings(path)
    write_ratings(tmp_path / "again.csv", rows)
    assert read_ratings(tmp_path / "again.csv") == rows
    assert table(tmp_path / "again.csv")[0] == list(COLUMNS)


def change_cell(row, column, value):
    return lambda rows: rows[row].__setitem__(column, value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            change_cell(2, 1, "iffffffffffff"),
            r"line 3, item 'iffffffffffff': .*Remove the line, or correct the item_id",
        ),
        (lambda rows: rows.append(list(rows[1])), r"line 24, item '\w+': .* line 2\. Keep one"),
        (change_cell(4, 2, "0" * 64), r"line 5, item '\w+', column 'text_sha256': .*send rater r1 the current sheet"),
        (change_cell(1, 3, "good"), r"line 2, item '\w+', column 'rating': 'good' .*Write one of: correct, incorrect"),
        (change_cell(1, 3, "A"), r"line 2, item '\w+', column 'rating': 'A' .*Write one of: correct, incorrect"),
        (change_cell(1, 0, "preference"), r"line 2, item '\w+', column 'sheet': .*'preference', .*Write 'correctness'"),
        (lambda rows: rows[3].pop(), r"line 4: .* 5 fields, .* 6 columns\. Export the file again"),
        (lambda rows: rows[3].append("x"), r"line 4: .* 7 fields, .* 6 columns\. Export the file again"),
        (change_cell(0, 1, "item"), r"column 'item_id' is missing\. .* sheet, item, text_sha.*exactly once"),
        (change_cell(0, 4, "rating"), r"column 'rating' occurs twice\. .*exactly once"),
        (lambda rows: rows.clear(), r": the file is empty\. Name the columns"),
        (lambda rows: [row.__setitem__(1, "i0") for row in rows[1:]], r": no item of this file .*Move the file"),
    ],
)
def test_a_wrong_rating_file_is_refused_with_file_line_and_mend(tmp_path, key, change, message):
    path = rate(tmp_path / "correctness.r1.csv", key, "r1", RATINGS)
    rows = table(path)
    change(rows)
    path.write_text(csv_text(rows))
    with pytest.raises(UserError, match=rf"correctness\.r1\.csv.*{message}"):
        collected(key, path)


@pytest.mark.parametrize(
    ("name", "raw", "message"),
    [
        ("a.csv", b'sheet,item_id,text_sha256,rating\nx,"y,z,w\n', r"a\.csv, line \d: .*Close the quotation marks"),
        ("b.csv", b"sheet,item_id,text_sha256,rating\n\x81\x8d,b,c,d\n", r"b\.csv: .* cp1252\. Save the file as"),
        ("c.xlsx", b"PK but no workbook", r"c\.xlsx: .* Excel workbook .*Save it again as \.xlsx"),
        ("d.json", b'{"a": 1}', r"d\.json: not a list of tasks\. Export the project"),
        ("e.json", b'[{"data": {"item_id": "x"}}]', r"e\.json, task 1: .*text_sha256.*Export the Label Studio project"),
        ("f.json", b"[1]", r"f\.json, task 1: .*Export the Label Studio project"),
        ("g.numbers", b"", r"g\.numbers: .*Save the file as one of \.csv, \.xlsx, \.ods, \.json"),
    ],
)
def test_a_file_that_is_no_table_is_refused(tmp_path, key, name, raw, message):
    (tmp_path / name).write_bytes(raw)
    with pytest.raises(UserError, match=message):
        collected(key, tmp_path / name)


def test_a_rater_without_a_sheet_is_refused(tmp_path, key):
    path = rate(tmp_path / "correctness.r9.csv", key, "r1", RATINGS)
    message = r"correctness\.r9\.csv: 'r9' is not a rater of this sheet\. .*Rename the file, or add the rater"
    with pytest.raises(UserError, match=message):
        collected(key, path, "r9")


def test_ratings_of_another_raters_sheet_are_refused(tmp_path):
    key = sheet("preference", n=20)[1]
    path = rate(tmp_path / "preference.r2.csv", key, "r1", ["A"] * 20)
    with pytest.raises(UserError, match=r"preference\.r2\.csv, line \d+, .*'text_sha256'.*send rater r2"):
        collected(key, path, "r2")


def test_ratings_of_another_task_are_refused(tmp_path, key):
    path = rate(tmp_path / "correctness.r1.csv", key, "r1", RATINGS)
    assert collected(key, path)
    rows, answers = study()
    rows = [row | {"id": row["id"].replace("medqa", "notes")} for row in rows]
    answers = {
        variant: [answer | {"id": answer["id"].replace("medqa", "notes")} for answer in variant_answers]
        for variant, variant_answers in answers.items()
    }
    notes_items = correctness_items(rows, answers, SEED)
    notes_key = key_rows(notes_items, "correctness", "correctness", ("r1", "r2"), SECRET)
    with pytest.raises(UserError, match=r"correctness\.r1\.csv: no item of this file .*Move the file"):
        collected(notes_key, path)


def test_items_without_a_rating_are_pending(tmp_path, key):
    files = {"r1": rate(tmp_path / "correctness.r1.csv", key, "r1", ["correct", "", None, "Cannot_Judge"])}
    rows = ratings.collect_ratings(key, files)
    assert [row["rating"] for row in rows] == ["correct", "cannot judge"]
    assert ratings.pending_ratings(key, rows) == [
        {"sheet": "correctness", "rater": "r1", "n": 22, "rated": 2, "pending": 20},
        {"sheet": "correctness", "rater": "r2", "n": 22, "rated": 0, "pending": 22},
    ]


def test_identical_pairs_are_not_pending():
    key = sheet("preference")[1]
    assert [row["pending"] for row in ratings.pending_ratings(key, [])] == [6, 6]
