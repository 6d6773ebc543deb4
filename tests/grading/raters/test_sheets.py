"""Blinded sheets: the texts that raters see, the names that they must not see, and the key."""

import csv
import io
import json
from collections import Counter
from itertools import pairwise

import pytest
from openpyxl import load_workbook

from clinical_dpo.errors import UserError
from clinical_dpo.grading.raters import sheets
from clinical_dpo.grading.raters.sheet_files import CELL, page, write_sheet
from tests.helpers.rating import NASTY, SECRET, SEED, sheet, study, write_study

FORMATS = ("html", "csv", "xlsx", "json")


def shown(kind, rater="r1", n=8):
    items, key = sheet(kind, n=n)
    return sheets.sheet_rows(items, key, rater)


def answer_by_variant_and_row():
    _, answers = study()
    return {(variant, row["id"]): row["text"] for variant, rows in answers.items() for row in rows}


def test_each_distinct_answer_is_one_item_for_all_variants_that_give_it():
    items, _ = sheet("correctness")
    assert Counter(" ".join(*item.variants) for item in items) == {"base": 8, "sft": 6, "dpo": 6, "sft dpo": 2}
    text = answer_by_variant_and_row()
    for item in items:
        assert {text[variant, item.row_id] for variant in item.variants[0]} == set(item.answers)


def test_an_item_has_the_question_without_the_system_message():
    for item in sheet("correctness")[0]:
        assert item.question == f"Question {item.row_id.rsplit('-', 1)[1]}?"


def test_the_key_has_every_answer_of_every_variant():
    rows, answers = study()
    assert {(variant, row["id"]) for variant in answers for row in rows} == {
        (variant, row["row_id"]) for row in sheet("correctness")[1] for variant in row["variants"].split()
    }


def test_white_space_around_an_answer_does_not_count():
    rows, answers = study(2)
    answers["dpo"][0]["text"] = f"\n{answers['sft'][0]['text']} "
    assert len(sheets.correctness_items(rows, answers, SEED)) == 5


def test_pairs_of_identical_answers_are_in_the_key_and_on_no_sheet():
    _, key = sheet("preference")
    hidden = {row["item_id"] for row in key if row["shown"] == "false"}
    assert len(hidden) == 2 and len(shown("preference")) == 6
    assert hidden.isdisjoint(row["item_id"] for row in shown("preference"))


def test_a_preference_sheet_has_the_question_and_two_answers_alone():
    assert set(shown("preference")[0]) == {"item_id", "text_sha256", "question", "A", "B"}


def test_the_key_names_the_variant_on_each_side():
    text = answer_by_variant_and_row()
    for rater in ("r1", "r2"):
        seen = {row["item_id"]: row for row in shown("preference", rater)}
        for row in sheet("preference")[1]:
            if row["rater"] == rater and row["shown"] == "true":
                assert row["variants"] == "dpo sft"
                assert all(seen[row["item_id"]][side] == text[row[side], row["row_id"]] for side in "AB")
                assert row["text_sha256"] == seen[row["item_id"]]["text_sha256"]


def left_sides(rater):
    return [row["A"] for row in sheet("preference", n=400)[1] if row["rater"] == rater]


def test_a_sheet_is_the_same_each_time():
    assert shown("preference", "r1", 400) == shown("preference", "r1", 400)


@pytest.mark.parametrize("rater", ["r1", "r2"])
def test_sides_are_a_fair_coin(rater):
    assert 160 < left_sides(rater).count("dpo") < 240  # 4 standard deviations


def test_sides_of_two_raters_are_independent():
    same = sum(first == second for first, second in zip(left_sides("r1"), left_sides("r2"), strict=True))
    assert 160 < same < 240


def test_orders_are_random_and_differ_between_raters():
    first, second = shown("preference", "r1", 400), shown("preference", "r2", 400)
    assert [row["item_id"] for row in first] != [row["item_id"] for row in second]
    number_by_id = {row["item_id"]: int(row["row_id"].rsplit("-", 1)[1]) for row in sheet("preference", n=400)[1]}
    numbers = [number_by_id[row["item_id"]] for row in first]
    ascending = sum(number < following for number, following in pairwise(numbers))
    assert 110 < ascending < 190  # 299 neighbours in random order: mean 149.5, standard deviation 5


def test_an_item_does_not_depend_on_the_other_items():
    few, many = shown("preference", n=8), {row["item_id"]: row for row in shown("preference", n=40)}
    assert all(many[row["item_id"]] == row for row in few)


@pytest.mark.parametrize("kind", ["correctness", "preference"])
def test_no_file_of_a_sheet_names_a_variant_model_or_row(tmp_path, kind):
    write_study(tmp_path, kind, instructions="Rate calmly.")
    for rater in ("r1", "r2"):
        for ending in FORMATS:
            raw = (tmp_path / f"{kind}.{rater}.{ending}").read_bytes()
            if ending == "xlsx":
                book = load_workbook(io.BytesIO(raw))
                raw = json.dumps([list(row) for table in book for row in table.values]).encode()
            text = raw.decode().lower().replace("font-variant-numeric", "")
            for word in ("medqa-row", "sft", "dpo", "llama", "variant", "row_id", "seed", "be brief"):
                assert word not in text, (ending, word)


@pytest.mark.parametrize("kind", ["correctness", "preference"])
def test_item_ids_are_opaque_and_distinct(kind):
    ids = [row["item_id"] for row in shown(kind)]
    assert len(set(ids)) == len(ids) and all(name[0] == "i" and len(name) == 13 for name in ids)


@pytest.fixture
def html():
    return page(shown("correctness"), "correctness", "correctness", "r1", "</script>")


def test_the_page_has_hostile_texts_as_data(html):
    text = html.split('id="sheet">')[1].split("</script>")[0]
    data = json.loads(text)
    assert data["items"] == shown("correctness") and data["instructions"] == "</script>"
    assert any(row["answer"] == NASTY for row in data["items"])
    assert html.count("</script>") == 2 and "alert(" in text and "<" not in text


def test_the_page_may_load_nothing(html):
    assert "default-src 'none'" in html and "unsafe-inline" not in html
    assert "http://" not in html and "https://" not in html


@pytest.fixture
def hostile_sheet(tmp_path):
    """Rows of a sheet with a formula, a long text and control characters, written to s.csv and s.xlsx."""
    rows, answers = study()
    answers["base"][1]["text"] = '=HYPERLINK("x")'
    answers["base"][2]["text"] = "long " * 10_000
    answers["base"][3]["text"] = "bell \x07 and tab\t"
    items = sheets.correctness_items(rows, answers, SEED)
    key = sheets.key_rows(items, "correctness", "correctness", ["r1"], SECRET)
    shown_rows = sheets.sheet_rows(items, key, "r1")
    write_sheet(tmp_path / "s", shown_rows, "correctness", "correctness", "r1")
    return shown_rows


def test_the_csv_sheet_has_all_texts_and_no_formula(hostile_sheet, tmp_path):
    raw = (tmp_path / "s.csv").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")
    table = list(csv.DictReader(io.StringIO(raw.decode("utf-8-sig"), newline="")))
    assert [row["answer"].removeprefix("'") for row in table] == [row["answer"] for row in hostile_sheet]
    assert not any(cell.startswith("=") for row in table for cell in row.values())


def test_the_workbook_has_texts_that_are_no_formula_and_fit_a_cell(hostile_sheet, tmp_path):
    table = load_workbook(tmp_path / "s.xlsx").active
    header = [cell.value for cell in table[1]]
    column = header.index("answer")
    cells = {row[header.index("item_id")].value: row[column] for row in table.iter_rows(min_row=2)}
    for row in hostile_sheet:
        cell = cells[row["item_id"]]
        assert cell.data_type == "s" and len(cell.value) <= CELL
        if len(row["answer"]) > CELL:
            assert cell.value.endswith("in the HTML sheet.]")
        elif "\x07" not in row["answer"]:
            assert cell.value == row["answer"]


def test_the_workbook_offers_the_allowed_ratings(hostile_sheet, tmp_path):
    (choices,) = load_workbook(tmp_path / "s.xlsx").active.data_validations.dataValidation
    assert choices.formula1 == '"correct,incorrect,cannot judge"'


def test_the_same_sheet_has_the_same_bytes(tmp_path):
    for folder in ("first", "second"):
        write_study(tmp_path / folder, "preference")
    for path in sorted((tmp_path / "first").iterdir()):
        assert path.read_bytes() == (tmp_path / "second" / path.name).read_bytes(), path.name


def test_an_adjudication_sheet_keeps_ids_and_texts():
    items, key = sheet("correctness")
    disputed = {items[0].item_id, items[5].item_id}
    adjudication = sheets.key_rows(items, "adjudication", "correctness", ["r3"], SECRET, only=disputed)
    rows = sheets.sheet_rows(items, adjudication, "r3")
    digests = {row["item_id"]: row["text_sha256"] for row in key}
    assert {row["item_id"]: row["text_sha256"] for row in rows} == {item_id: digests[item_id] for item_id in disputed}
    assert len(adjudication) == len(items)
    assert {row["item_id"] for row in adjudication if row["shown"] == "true"} == disputed


def test_answers_of_other_items_are_refused():
    rows, answers = study()
    answers["sft"][3]["id"] = "other"
    with pytest.raises(UserError, match=r"answers of sft: .*\['medqa-row-3', 'other'\]\. Delete the file of"):
        sheets.correctness_items(rows, answers, SEED)


def test_a_key_without_its_columns_is_refused(tmp_path):
    path = tmp_path / "k.csv"
    path.write_text("sheet,item_id\na,b\n")
    with pytest.raises(UserError, match=r"k\.csv: columns A, B, criterion, kind.*Delete the file"):
        sheets.read_blinding_key(path)
