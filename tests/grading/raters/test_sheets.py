"""Blinded sheets: what raters see, what they must not see, and the key that tells."""

import csv
import io
import json
from collections import Counter
from itertools import pairwise

import pytest
from openpyxl import load_workbook

from clinical_dpo.errors import UserError
from clinical_dpo.grading.raters import sheets
from clinical_dpo.grading.raters.sheet_files import CELL, label_studio_config, page, write_sheet
from tests.helpers.rating import NASTY, SECRET, SEED, sheet, study, write_study

FORMATS = ("html", "csv", "xlsx", "json")


def shown(kind, rater="r1", n=8):
    items, key = sheet(kind, n=n)
    return sheets.sheet_rows(items, key, rater)


def test_each_distinct_answer_is_rated_once_for_all_who_gave_it():
    items, key = sheet("correctness")
    assert Counter(" ".join(*item.variants) for item in items) == {"base": 8, "sft": 6, "dpo": 6, "sft dpo": 2}
    rows, answers = study()
    text = {(name, row["id"]): row["text"] for name, given in answers.items() for row in given}
    for item in items:
        assert {text[variant, item.row_id] for variant in item.variants[0]} == set(item.answers)
        assert item.question == f"Question {item.row_id.rsplit('-', 1)[1]}?"  # without the system message
    assert {(name, row["id"]) for name in answers for row in rows} == {
        (variant, row["row_id"]) for row in key for variant in row["variants"].split()
    }


def test_white_space_around_an_answer_does_not_make_it_another():
    rows, answers = study(2)
    answers["dpo"][0]["text"] = f"\n{answers['sft'][0]['text']} "
    assert len(sheets.correctness_items(rows, answers, SEED)) == 5


def test_pairs_of_identical_answers_are_in_the_key_and_on_no_sheet():
    _, key = sheet("preference")
    hidden = {row["item_id"] for row in key if row["shown"] == "false"}
    assert len(hidden) == 2 and len(shown("preference")) == 6
    assert hidden.isdisjoint(row["item_id"] for row in shown("preference"))


def test_the_key_says_who_stood_where():
    _, answers = study()
    text = {(name, row["id"]): row["text"] for name, given in answers.items() for row in given}
    for rater in ("r1", "r2"):
        seen = {row["item_id"]: row for row in shown("preference", rater)}
        for row in sheet("preference")[1]:
            if row["rater"] == rater and row["shown"] == "true":
                assert row["variants"] == "dpo sft"
                assert all(seen[row["item_id"]][side] == text[row[side], row["row_id"]] for side in "AB")
                assert row["text_sha256"] == seen[row["item_id"]]["text_sha256"]


def test_order_and_sides_are_drawn_per_rater_and_the_same_each_time():
    first, second = shown("preference", "r1", 400), shown("preference", "r2", 400)
    assert first == shown("preference", "r1", 400)
    assert [row["item_id"] for row in first] != [row["item_id"] for row in second]
    key = sheet("preference", n=400)[1]
    for rater in ("r1", "r2"):
        left = [row["A"] == "dpo" for row in key if row["rater"] == rater]
        assert 160 < sum(left) < 240  # a fair coin: 4 standard deviations
    sides = {rater: [row["A"] for row in key if row["rater"] == rater] for rater in ("r1", "r2")}
    same = sum(one == other for one, other in zip(*sides.values(), strict=True))
    assert 160 < same < 240  # the raters' coins are independent
    rows_of = {row["item_id"]: int(row["row_id"].rsplit("-", 1)[1]) for row in key}
    numbers = [rows_of[row["item_id"]] for row in first]
    ascending = sum(one < other for one, other in pairwise(numbers))
    assert 110 < ascending < 190  # 299 neighbours in random order: mean 149.5, standard deviation 5


def test_one_item_does_not_depend_on_the_others():
    few, many = shown("preference", n=8), {row["item_id"]: row for row in shown("preference", n=40)}
    assert all(many[row["item_id"]] == row for row in few)


@pytest.mark.parametrize("kind", ["correctness", "preference"])
def test_no_file_of_a_sheet_says_whose_answer_it_is(tmp_path, kind):
    write_study(tmp_path, kind, instructions="Rate calmly.")
    for rater in ("r1", "r2"):
        for ending in FORMATS:
            raw = (tmp_path / f"{kind}.{rater}.{ending}").read_bytes()
            if ending == "xlsx":
                book = load_workbook(io.BytesIO(raw))
                raw = json.dumps([list(row) for row in book.active.iter_rows(values_only=True)]).encode()
            text = raw.decode().lower().replace("font-variant-numeric", "")
            for word in ("medqa-row", "sft", "dpo", "llama", "variant", "row_id", "seed", "be brief"):
                assert word not in text, (ending, word)
    ids = [row["item_id"] for row in shown(kind)]
    assert len(set(ids)) == len(ids) and all(name[0] == "i" and len(name) == 13 for name in ids)


def test_the_page_holds_texts_as_data_and_may_load_nothing():
    rows = shown("correctness")
    html = page(rows, "correctness", "correctness", "r1", "</script>")
    data = html.split('id="sheet">')[1].split("</script>")[0]
    found = json.loads(data)
    assert found["items"] == rows and found["instructions"] == "</script>"
    assert any(row["answer"] == NASTY for row in found["items"])
    assert html.count("</script>") == 2 and "alert(" in data and "<" not in data
    assert "default-src 'none'" in html and "unsafe-inline" not in html and "http://" not in html
    assert "https://" not in html


def test_tables_hold_the_texts_and_no_formula(tmp_path):
    rows, answers = study()
    answers["base"][1]["text"] = '=HYPERLINK("x")'
    answers["base"][2]["text"] = "long " * 10_000
    answers["base"][3]["text"] = "bell \x07 and tab\t"
    items = sheets.correctness_items(rows, answers, SEED)
    key = sheets.key_rows(items, "correctness", "correctness", ["r1"], SECRET)
    shown_rows = sheets.sheet_rows(items, key, "r1")
    write_sheet(tmp_path / "s", shown_rows, "correctness", "correctness", "r1")
    raw = (tmp_path / "s.csv").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")
    table = list(csv.DictReader(io.StringIO(raw.decode("utf-8-sig"), newline="")))
    assert [row["answer"].removeprefix("'") for row in table] == [row["answer"] for row in shown_rows]
    assert not any(cell.startswith("=") for row in table for cell in row.values())
    sheet_ = load_workbook(tmp_path / "s.xlsx").active
    header = [cell.value for cell in sheet_[1]]
    column = header.index("answer")
    cells = {row[header.index("item_id")].value: row[column] for row in sheet_.iter_rows(min_row=2)}
    for row in shown_rows:
        cell = cells[row["item_id"]]
        assert cell.data_type == "s" and len(cell.value) <= CELL
        if len(row["answer"]) > CELL:
            assert cell.value.endswith("in the HTML sheet.]")
        elif "\x07" not in row["answer"]:
            assert cell.value == row["answer"]
    (choices,) = sheet_.data_validations.dataValidation
    assert choices.formula1 == '"correct,incorrect,cannot judge"'


def test_the_same_sheet_has_the_same_bytes(tmp_path):
    for folder in ("one", "two"):
        write_study(tmp_path / folder, "preference")
    for path in sorted((tmp_path / "one").iterdir()):
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes(), path.name


def test_label_studio_tasks_and_interface_name_the_same_fields(tmp_path):
    for kind in ("correctness", "preference"):
        write_study(tmp_path, kind)
        tasks = json.loads((tmp_path / f"{kind}.r1.json").read_text())
        assert [task["data"]["item_id"] for task in tasks] == [row["item_id"] for row in shown(kind)]
        named = {word.split('"')[0] for word in label_studio_config(kind).split('value="$')[1:]}
        assert named <= set(tasks[0]["data"])


def test_an_adjudication_sheet_keeps_ids_and_texts():
    items, key = sheet("correctness")
    few = {items[0].item_id, items[5].item_id}
    whole = sheets.key_rows(items, "adjudication", "correctness", ["r3"], SECRET, only=few)
    rows = sheets.sheet_rows(items, whole, "r3")
    texts = {row["item_id"]: row["text_sha256"] for row in key}
    assert {row["item_id"]: row["text_sha256"] for row in rows} == {name: texts[name] for name in few}
    assert len(whole) == len(items) and {row["item_id"] for row in whole if row["shown"] == "true"} == few


def test_a_preference_sheet_shows_the_reference_if_asked_for():
    items, _ = sheet("preference")
    key = sheets.key_rows(items, "preference", "preference", ["r1"], SECRET, reference=True)
    rows = sheets.sheet_rows(items, key, "r1", reference=True)
    assert all(row["reference"].startswith("reference number") for row in rows)
    assert {row["text_sha256"] for row in rows} <= {row["text_sha256"] for row in key}
    assert "reference" not in shown("preference")[0]


def test_answers_of_other_items_are_refused():
    rows, answers = study()
    answers["sft"][3]["id"] = "other"
    with pytest.raises(
        UserError, match=r"answers of sft and test items differ, for example \['medqa-row-3', 'other'\]"
    ):
        sheets.correctness_items(rows, answers, SEED)


def test_a_key_without_its_columns_is_refused(tmp_path):
    path = tmp_path / "k.csv"
    path.write_text("sheet,item_id\na,b\n")
    with pytest.raises(UserError, match="columns A, B, kind"):
        sheets.read_blinding_key(path)
