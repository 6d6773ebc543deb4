"""Ratings as raters send them: what is read, what is refused, what is pending, and the final grade."""

import csv
import io
import json

import pytest
from openpyxl import load_workbook

from clinical_dpo.errors import UserError
from clinical_dpo.grading import grade as grading
from clinical_dpo.grading.raters import ratings
from clinical_dpo.grading.raters.rating_files import COLUMNS, read_ratings, write_ratings
from clinical_dpo.grading.raters.sheets import correctness_items, key_rows
from clinical_dpo.statistics.metrics import task_metrics
from tests.helpers.rating import SECRET, SEED, rate, sheet, study, write_study

WORDS = ["correct", "incorrect", "cannot judge"] * 7 + ["correct"]  # one for each of the sheet's 22 items


@pytest.fixture
def key():
    return sheet("correctness")[1]


def table(path):
    return list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"), newline="")))


def collected(key, path, rater="r1"):
    return ratings.collect_ratings(key, {rater: path})


def words_of(rows):
    return {row["item_id"]: (row["rating"], row["comment"]) for row in rows}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-le"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_a_file_that_a_spreadsheet_saved_is_read_the_same(tmp_path, key, encoding, separator, ending):
    path = rate(tmp_path / "correctness.r1.csv", key, "r1", WORDS, comment='naïve; "5 mg", fine\nnext')
    expected = words_of(collected(key, path))
    text = io.StringIO()
    csv.writer(text, delimiter=separator, lineterminator=ending).writerows(
        [[cell.replace("\n", ending) for cell in [*row[::-1], ""]] for row in [*table(path), [""] * 6]]
    )
    sent = tmp_path / "sent" / "correctness.r1.csv"
    sent.parent.mkdir()
    sent.write_bytes((f"sep={separator}{ending}" * (separator == ";") + text.getvalue()).encode(encoding))
    assert words_of(collected(key, sent)) == expected
    assert len(expected) == 22 and ("correct", 'naïve; "5 mg", fine\nnext') in expected.values()


def test_the_filled_sheets_give_what_was_filled_in(tmp_path, key):
    write_study(tmp_path, "correctness")
    given = {row["item_id"]: word for row, word in zip(key, WORDS, strict=False)}
    expected = {name: (word, "né; à") for name, word in given.items()}

    header, *lines = csv.reader(io.StringIO((tmp_path / "correctness.r1.csv").read_text("utf-8-sig"), newline=""))
    places = {name: header.index(name) for name in ("item_id", "rating", "comment")}
    for line in lines:
        line[places["rating"]], line[places["comment"]] = given[line[places["item_id"]]].upper(), "né; à"
    text = io.StringIO()
    csv.writer(text, delimiter=";").writerows([header, *lines])
    (tmp_path / "correctness.r1.csv").write_bytes(text.getvalue().encode("utf-8-sig"))

    book = load_workbook(tmp_path / "correctness.r1.xlsx")
    for row in book.active.iter_rows(min_row=2):
        row[places["rating"]].value = f" {given[row[places['item_id']].value]} "
        row[places["comment"]].value = "né; à"
    book.save(tmp_path / "correctness.r1.xlsx")

    tasks = json.loads((tmp_path / "correctness.r1.json").read_text())
    for task in tasks:
        result = [
            {"from_name": "rating", "type": "choices", "value": {"choices": [given[task["data"]["item_id"]]]}},
            {"from_name": "comment", "type": "textarea", "value": {"text": ["né; à"]}},
        ]
        cancelled = {"was_cancelled": True, "result": []}
        task["annotations"] = [cancelled, {"result": result, "created_at": "2026-11-21T14:00:00.5+02:00"}]
    (tmp_path / "correctness.r1.json").write_text(json.dumps(tasks))
    small = [{**task["data"], "rating": given[task["data"]["item_id"]], "comment": "né; à"} for task in tasks]
    (tmp_path / "min.json").write_text(json.dumps(small))

    for name in ("correctness.r1.csv", "correctness.r1.xlsx", "correctness.r1.json", "min.json"):
        assert words_of(collected(key, tmp_path / name)) == expected, name
    assert {row["rated_at"] for row in read_ratings(tmp_path / "correctness.r1.json")} == {"2026-11-21T12:00:00Z"}


@pytest.mark.parametrize(
    ("written", "read"),
    [
        *[("2026-11-21T12:00:00Z", "2026-11-21T12:00:00Z"), ("2026-11-21 12:00", "2026-11-21T12:00:00Z")],
        *[("2026-11-21T12:00:00+01:00", "2026-11-21T11:00:00Z"), ("03/04/2026 12:00", ""), ("45983.5", ""), ("", "")],
    ],
)
def test_times_become_utc_or_nothing(tmp_path, key, written, read):
    path = rate(tmp_path / "correctness.r1.csv", key, "r1", ["correct"], rated_at=written)
    assert [row["rated_at"] for row in collected(key, path)] == [read]


def test_what_was_imported_can_be_written_and_read_again(tmp_path, key):
    path = rate(tmp_path / "correctness.r1.csv", key, "r1", WORDS, comment="x, y")
    rows = read_ratings(path)
    write_ratings(tmp_path / "again.csv", rows)
    assert read_ratings(tmp_path / "again.csv") == rows and table(tmp_path / "again.csv")[0] == list(COLUMNS)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t[2].__setitem__(1, "iffffffffffff"), r"line 3, item 'iffffffffffff': no such item"),
        (lambda t: t.append(list(t[1])), r"line 24, item '\w+': rated twice, first in line 2"),
        (lambda t: t[4].__setitem__(2, "0" * 64), r"line 5, item '\w+', column 'text_sha256': the rater saw another"),
        (lambda t: t[1].__setitem__(3, "good"), r"column 'rating': 'good' is no rating. Write one of: correct, inc"),
        (lambda t: t[1].__setitem__(3, "A"), r"column 'rating': 'A' is no rating"),
        (lambda t: t[1].__setitem__(0, "preference"), r"column 'sheet': 'preference', where this is 'correctness'"),
        (lambda t: t[3].pop(), r"line 4: 5 fields, where the header names 6"),
        (lambda t: t[3].append("x"), r"line 4: 7 fields, where the header names 6"),
        (lambda t: t[0].__setitem__(1, "item"), r"column 'item_id' is missing. Columns here: sheet, item, text_sha"),
        (lambda t: t[0].__setitem__(4, "rating"), r"column 'rating' stands there twice"),
        (lambda t: t.clear(), r"the file is empty"),
        (lambda t: [row.__setitem__(1, "i0") for row in t[1:]], r"none of its items is on this sheet"),
    ],
)
def test_what_is_refused_names_file_place_and_mend(tmp_path, key, change, said):
    path = rate(tmp_path / "correctness.r1.csv", key, "r1", WORDS)
    rows = table(path)
    change(rows)
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    path.write_text(text.getvalue())
    with pytest.raises(UserError, match=rf"correctness\.r1\.csv.*{said}"):
        collected(key, path)


def test_files_that_are_no_tables_are_refused(tmp_path, key):
    cases = {
        "a.csv": (b'sheet,item_id,text_sha256,rating\nx,"y,z,w\n', r"a.csv, line \d: not valid CSV"),
        "b.csv": (b"sheet,item_id,text_sha256,rating\n\x81\x8d,b,c,d\n", "neither UTF-8 nor cp1252"),
        "c.xlsx": (b"PK but no workbook", "c.xlsx: not a valid Excel workbook"),
        "d.json": (b'{"a": 1}', "a list of tasks is needed"),
        "e.json": (b'[{"data": {"item_id": "x"}}]', "task 1: not a task of this sheet"),
        "f.json": (b"[1]", "task 1: not a task of this sheet"),
        "g.ods": (b"", "ratings come as .csv, .xlsx, .json"),
    }
    for name, (raw, said) in cases.items():
        (tmp_path / name).write_bytes(raw)
        with pytest.raises(UserError, match=said):
            collected(key, tmp_path / name)


def test_another_raters_file_is_not_taken(tmp_path, key):
    path = rate(tmp_path / "correctness.r9.csv", key, "r1", WORDS)
    with pytest.raises(UserError, match="no sheet was made for rater 'r9'"):
        collected(key, path, "r9")
    key = sheet("preference", n=20)[1]
    path = rate(tmp_path / "preference.r2.csv", key, "r1", ["A"] * 20)
    with pytest.raises(UserError, match="the rater saw another text"):
        collected(key, path, "r2")


def test_one_file_does_not_serve_two_tasks(tmp_path, key):
    path = rate(tmp_path / "correctness.r1.csv", key, "r1", WORDS)
    assert collected(key, path)
    rows, answers = study()
    rows = [row | {"id": row["id"].replace("medqa", "notes")} for row in rows]
    answers = {
        name: [row | {"id": row["id"].replace("medqa", "notes")} for row in told] for name, told in answers.items()
    }
    other = key_rows(correctness_items(rows, answers, SEED), "correctness", "correctness", ("r1", "r2"), SECRET)
    with pytest.raises(UserError, match=r"correctness\.r1\.csv.*none of its items is on this sheet"):
        collected(other, path)


def test_what_is_blank_or_missing_is_owed(tmp_path, key):
    files = {"r1": rate(tmp_path / "correctness.r1.csv", key, "r1", ["correct", "", None, "Cannot_Judge"])}
    rows = ratings.collect_ratings(key, files)
    assert [row["rating"] for row in rows] == ["correct", "cannot judge"]
    assert ratings.pending_ratings(key, rows) == [
        {"sheet": "correctness", "rater": "r1", "n": 22, "rated": 2, "pending": 20},
        {"sheet": "correctness", "rater": "r2", "n": 22, "rated": 0, "pending": 22},
    ]
    key = sheet("preference")[1]  # identical pairs are awaited of nobody
    assert [row["pending"] for row in ratings.pending_ratings(key, [])] == [6, 6]


@pytest.mark.parametrize(
    ("first", "second", "third", "grade", "decided_by"),
    [
        ("correct", "correct", None, "correct", "raters"),
        ("incorrect", "incorrect", "correct", "incorrect", "raters"),  # nobody asked the adjudicator
        ("correct", "incorrect", "incorrect", "incorrect", "adjudicator"),
        ("correct", "cannot judge", "correct", "correct", "adjudicator"),
        ("correct", "incorrect", "cannot judge", "cannot judge", "adjudicator"),
        ("cannot judge", "cannot judge", "correct", "correct", "adjudicator"),
        ("correct", "incorrect", None, "", "adjudicator"),
        ("correct", None, "correct", "", "raters"),
    ],
)
def test_two_raters_and_an_adjudicator(tmp_path, first, second, third, grade, decided_by):
    items, key = sheet("correctness")
    files = {
        rater: rate(tmp_path / f"correctness.{rater}.csv", key, rater, [word])
        for rater, word in (("r1", first), ("r2", second))
    }
    rows = ratings.collect_ratings(key, files)
    asked = ratings.disputed(key, rows)
    assert asked == ({items[0].item_id} if decided_by == "adjudicator" else set())
    third_key = key_rows(items, "adjudication", "correctness", ["r3"], SECRET)
    path = rate(tmp_path / "adjudication.r3.csv", third_key, "r3", [third])
    final = ratings.final_grades(key, rows, collected(third_key, path, "r3"))[0]
    assert (final["grade"], final["decided_by"]) == (grade, decided_by)
    assert final["status"] == ("complete" if grade else "pending")
    if decided_by == "adjudicator":
        alone = ratings.final_grades(key, rows, None)[0]
        assert (alone["grade"], alone["decided_by"]) == ("cannot judge", "nobody")


def test_the_majority_of_three_raters():
    assert ratings.majority(["correct", "incorrect", "correct"]) == "correct"
    assert ratings.majority(["correct", "incorrect", "cannot judge"]) is None
    assert ratings.majority(["cannot judge", "cannot judge", "correct"]) is None
    assert ratings.majority(["correct"]) == "correct" and ratings.majority([]) is None


def test_final_grades_become_the_grades_of_every_variant(tmp_path):
    rows, _ = study()
    key = sheet("correctness")[1]
    words = {row["item_id"]: "correct" if "dpo" in row["variants"] else "cannot judge" for row in key}
    said = [words[row["item_id"]] for row in key if row["rater"] == "r1"]
    files = {rater: rate(tmp_path / f"correctness.{rater}.csv", key, rater, said) for rater in ("r1", "r2")}
    finals = ratings.final_grades(key, ratings.collect_ratings(key, files))
    tables = {("m", name): ratings.variant_grades(finals, name, rows) for name in ("base", "sft", "dpo")}
    for table_ in tables.values():
        assert [row["id"] for row in table_] == [row["id"] for row in rows]
        assert all(tuple(row) == grading.COLUMNS for row in table_)
    task = {"name": "t", "metric": "accuracy", "data": "real", "seed": 1}
    found = {(row["variant"], row["metric"]): row["estimate"] for row in task_metrics(tables, task)}
    # sft shares two of its eight answers with dpo.
    assert found["base", "accuracy"] == 0 and found["dpo", "accuracy"] == 1 and found["sft", "accuracy"] == 0.25
    assert found["sft", "invalid_rate"] == 0.75 and found["dpo", "invalid_rate"] == 0
    waiting = ratings.variant_grades(ratings.final_grades(key, []), "sft", rows)
    assert {(row["status"], row["grade"], row["valid"]) for row in waiting} == {("pending", "", "")}
    with pytest.raises(UserError, match=r"answers of gold to .* were on no sheet"):
        ratings.variant_grades(finals, "gold", rows)
