"""The rating page in headless Chromium: a whole sheet by keyboard, interrupted, undone, exported, and read back."""

import csv
import random
from collections import Counter
from itertools import product

import pytest
from sklearn.metrics import cohen_kappa_score

from clinical_dpo.grading.raters.formulas import guarded
from clinical_dpo.grading.raters.rating_files import read_ratings
from clinical_dpo.grading.raters.ratings import collect_ratings, pending_ratings
from clinical_dpo.statistics.agreement import agreement
from clinical_dpo.statistics.win_rate import win_rates
from tests.helpers.formula_signs import BEFORE, SIGNS
from tests.helpers.rating import rate, write_ratings, write_study
from tests.helpers.rating_page import exported, item_id, opened, rate_by_keyboard

NAMES = {"task": "pubmedqa", "model": "biomistral", "data": "synthetic"}
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
COMMENT = '1 of "two"; both, ü\nsecond line'


@pytest.fixture
def half_rated(context, tmp_path):
    """A page of 12 pairs, 4 of them rated, with the key of its sheet and the ratings."""
    _, key = write_study(tmp_path, "preference", n=16)
    page = opened(context, tmp_path / "preference.r1.html")
    return page, key, rate_by_keyboard(page, random.Random(1), n=4)


def test_a_closed_tab_loses_no_rating(context, half_rated, tmp_path):
    page, _, clicked = half_rated
    assert page.inner_text("#count") == "4 of 12 rated"
    page.close()
    page = opened(context, tmp_path / "preference.r1.html")
    assert page.inner_text("#count") == "4 of 12 rated"
    assert item_id(page) not in clicked


def test_a_rating_can_be_undone(half_rated):
    page, _, _ = half_rated
    name = item_id(page)
    page.keyboard.press("1")
    assert item_id(page) != name
    page.keyboard.press("u")
    assert item_id(page) == name and page.inner_text("#count") == "4 of 12 rated"
    assert "Undone" in page.text_content("#live")


def test_keys_in_a_comment_rate_nothing(half_rated):
    page, _, _ = half_rated
    page.keyboard.press("m")
    page.keyboard.type(COMMENT)
    page.keyboard.press("Escape")
    assert page.inner_text("#count") == "4 of 12 rated"


def test_a_half_rated_sheet_can_be_exported(half_rated, tmp_path):
    page, key, _ = half_rated
    path = exported(page, tmp_path / "half")
    assert path.name == "preference.r1.csv"
    assert pending_ratings(key, collect_ratings(key, {"r1": path}))[0]["pending"] == 8


def test_the_end_of_a_sheet_offers_the_export(half_rated, tmp_path):
    page, _, _ = half_rated
    rate_by_keyboard(page, random.Random(2))
    assert page.locator("#done").is_visible() and "12" in page.inner_text("#done-text")
    assert page.evaluate("document.activeElement.id") == "done-export"
    exported(page, tmp_path, "#done-export")
    assert "No rating has changed" in page.inner_text("#done-saved")


@pytest.fixture
def two_raters(context, half_rated, tmp_path):
    """The key, both raters' files from the same browser, rater -> item -> rating, and the item with a comment."""
    page, key, clicked = half_rated
    draw = random.Random(3)
    commented = item_id(page)
    page.keyboard.press("m")
    page.keyboard.type(COMMENT)
    page.keyboard.press("Escape")
    by_r1 = clicked | rate_by_keyboard(page, draw)
    files = {"r1": exported(page, tmp_path, "#done-export")}
    page = opened(context, tmp_path / "preference.r2.html")
    assert page.inner_text("#count") == "0 of 12 rated"
    by_r2 = rate_by_keyboard(page, draw)
    files["r2"] = exported(page, tmp_path, "#done-export")
    return key, collect_ratings(key, files), {"r1": by_r1, "r2": by_r2}, commented


def test_comments_are_exported_with_their_items(two_raters):
    _, ratings, _, commented = two_raters
    comments = {row["item_id"]: row["comment"] for row in ratings if row["rater"] == "r1" and row["comment"]}
    assert comments == {commented: COMMENT}


def choices_of(key, clicked):
    """Rater -> variants, ties and cannot judge, in the order of item ids."""
    sides = {(row["rater"], row["item_id"]): row for row in key}
    return {
        rater: [sides[rater, name].get(rating) or rating for name, rating in sorted(by_item.items())]
        for rater, by_item in clicked.items()
    }


@pytest.mark.parametrize("rater", ["r1", "r2"])
def test_the_win_rate_is_that_of_the_keys_pressed(two_raters, rater):
    key, ratings, clicked, _ = two_raters
    count = Counter(choices_of(key, clicked)[rater])
    [row] = [row for row in win_rates(key, ratings, NAMES) if row["rater"] == rater]
    assert (row["wins"], row["losses"]) == (count["dpo"], count["sft"])
    assert (row["ties"], row["cannot_judge"]) == (count["tie"] + 4, count["cannot judge"])
    assert row["rate"] == count["dpo"] / (count["dpo"] + count["sft"])


def test_kappa_is_that_of_the_keys_pressed(two_raters):
    key, ratings, clicked, _ = two_raters
    choices = choices_of(key, clicked)
    kappa = next(row for row in agreement(key, ratings, NAMES) if row["metric"] == "cohen_kappa")
    assert kappa["estimate"] == pytest.approx(cohen_kappa_score(choices["r1"], choices["r2"]))


GRADE_KEYS = [*((grade, grade) for grade in "12345"), ("6", "cannot judge"), ("n", "cannot judge")]
RUBRIC_KEYS = [("1", "yes"), ("y", "yes"), ("2", "no"), ("n", "no"), ("3", "cannot judge"), ("c", "cannot judge")]


@pytest.mark.parametrize(("kind", "keys"), [("likert", GRADE_KEYS), ("rubric", RUBRIC_KEYS)])
def test_grades_and_rubrics_are_rated_saved_and_read_back(context, tmp_path, kind, keys):
    _, key = write_study(tmp_path, kind, raters=["r1"], n=4)
    page = opened(context, tmp_path / f"{kind}.r1.html")
    page.keyboard.press("m")
    page.keyboard.type(COMMENT)
    page.keyboard.press("Escape")
    commented = item_id(page)
    clicked = rate_by_keyboard(page, random.Random(6), keys=keys)
    assert set(clicked.values()) == {word for _, word in keys} and len(clicked) == len(key)
    path = exported(page, tmp_path / "saved", "#done-export")
    ratings = collect_ratings(key, {"r1": path})
    assert {row["item_id"]: row["rating"] for row in ratings} == clicked
    assert {row["item_id"]: row["comment"] for row in ratings if row["comment"]} == {commented: COMMENT}
    page.evaluate("localStorage.clear()")
    page.reload()
    assert page.inner_text("#count") == f"0 of {len(key)} rated"
    page.click("#help summary")
    page.set_input_files("#import", path)
    page.wait_for_selector("#done:visible")
    assert collect_ratings(key, {"r1": exported(page, tmp_path / "again", "#done-export")}) == ratings


def test_a_sheet_can_be_rated_by_mouse_and_a_double_click_rates_one_item(context, tmp_path):
    _, key = write_study(tmp_path, "correctness", n=3)
    page = opened(context, tmp_path / "correctness.r1.html")
    count = len([row for row in key if row["rater"] == "r1"])
    assert page.locator("#intro").get_attribute("open") is not None  # the first visit shows the instructions
    page.dblclick("footer button >> text=Incorrect")
    assert page.inner_text("#count") == f"1 of {count} rated"
    page.click("#next")
    page.click("footer button >> text=Cannot judge")
    page.click("#previous")
    page.click("#undo")
    assert page.inner_text("#count") == f"1 of {count} rated"
    page.click("#help summary")
    page.uncheck("#shortcuts")
    page.click("h1")
    page.keyboard.press("1")
    assert page.inner_text("#count") == f"1 of {count} rated"
    while page.locator("#item").is_visible():
        page.click("footer button >> nth=0")
    path = exported(page, tmp_path, "#done-export")
    assert Counter(row["rating"] for row in read_ratings(path)) == {"incorrect": 1, "correct": count - 1}
    page.click("#review")
    assert page.locator("#item").is_visible()


def test_an_exported_file_can_be_continued_in_another_browser(browser, context, tmp_path):
    _, key = write_study(tmp_path, "preference")
    path = rate(tmp_path / "preference.r1.csv", key, "r1", ["A", "tie"], comment="=1+1; half done")
    page = opened(context, tmp_path / "preference.r1.html")
    page.click("#help summary")
    page.set_input_files("#import", path)
    playwright.expect(page.locator("#count")).to_have_text("2 of 6 rated")
    again = read_ratings(exported(page, tmp_path / "again"))
    imported = [{name: row[name] for name in row if name != "row"} for row in again if row["rating"]]
    expected = [{name: row[name] for name in row if name != "row"} for row in read_ratings(path)]
    assert sorted(imported, key=str) == sorted(expected, key=str)
    # The second rater's sheet has other sides: the page rejects those lines and counts them.
    page = opened(context, tmp_path / "preference.r2.html")
    page.click("#help summary")
    page.set_input_files("#import", path)
    page.wait_for_selector("#warning:visible")
    texts = {row["text_sha256"] for row in key if row["rater"] == "r2"}
    rejected = sum(row["text_sha256"] not in texts for row in expected)
    assert rejected and f"{rejected} lines of the file do not belong" in page.inner_text("#warning")
    (tmp_path / "wrong.csv").write_text(path.read_text().replace("item_id", "item"))
    page.set_input_files("#import", tmp_path / "wrong.csv")
    playwright.expect(page.locator("#warning")).to_contain_text("column item_id is missing")


def test_the_page_guards_formulas_as_the_package_does(context, tmp_path):
    """The page imports every guarded comment without its apostrophe and exports it with one."""
    comments = [f"{before}{sign}1" for before, sign in product(BEFORE, SIGNS)] + ["plain", "'quoted'", "5 - 3"]
    _, key = write_study(tmp_path, "correctness", n=120)
    shown = [row for row in key if row["rater"] == "r1" and row["shown"] == "true"]
    rows = [
        {name: row[name] for name in ("sheet", "item_id", "text_sha256")}
        | {"rating": "correct", "comment": comment, "rated_at": "2026-11-21T12:00:00Z"}
        for row, comment in zip(shown, comments, strict=False)
    ]
    assert len(rows) == len(comments)
    write_ratings(tmp_path / "correctness.r1.csv", rows)
    page = opened(context, tmp_path / "correctness.r1.html")
    page.click("#help summary")
    page.set_input_files("#import", tmp_path / "correctness.r1.csv")
    playwright.expect(page.locator("#count")).to_contain_text(f"{len(rows)} of")
    with open(exported(page, tmp_path / "again"), newline="", encoding="utf-8-sig") as file:
        cells = {row["item_id"]: row["comment"] for row in csv.DictReader(file)}
    assert {row["item_id"]: cells[row["item_id"]] for row in rows} == {
        row["item_id"]: guarded(row["comment"]) for row in rows
    }
