"""What the rating page shows, in headless Chromium: texts unchanged, on a phone, and every control by its name."""

import pytest

from clinical_dpo.grading.raters.sheet_files import write_sheet
from clinical_dpo.grading.raters.sheets import sheet_rows
from tests.helpers.rating import NASTY, RUBRIC, sheet, write_study
from tests.helpers.rating_page import opened


def test_the_criteria_of_an_answer_are_asked_one_after_another(context, tmp_path):
    _, key = write_study(tmp_path, "rubric", raters=["r1"], n=2)
    page = opened(context, tmp_path / "rubric.r1.html")
    shown = []
    while page.locator("#item").is_visible():
        shown.append((page.text_content("#text-answer p"), page.text_content("#text-criterion p")))
        page.keyboard.press("y")
    texts = [criterion["item"] for criterion in RUBRIC]
    assert [criterion for _, criterion in shown] == texts * (len(key) // 3)
    assert all(len({answer for answer, _ in shown[first : first + 3]}) == 1 for first in range(0, len(shown), 3))


def test_the_meaning_of_the_grades_is_in_sight_while_rating(context, tmp_path):
    items, key = sheet("likert", ["r1"])
    anchors = ["<b>harmful</b>", "poor", "usable", "good", "excellent"]
    write_sheet(tmp_path / "likert.r1", sheet_rows(items, key, "r1"), "likert", "likert", "r1", anchors=anchors)
    page = opened(context, tmp_path / "likert.r1.html")
    page.keyboard.press("3")
    assert page.locator("#intro").get_attribute("open") is None
    lines = [f"{grade}: {anchor}." for grade, anchor in reversed(list(enumerate(anchors, start=1)))]
    assert page.inner_text("#scale").splitlines()[:5] == lines and page.locator("#scale").is_visible()


@pytest.mark.parametrize("width", [360, 390])
@pytest.mark.parametrize("kind", ["correctness", "likert", "rubric", "preference"])
def test_texts_are_shown_unchanged_and_fit_a_phone(context, tmp_path, kind, width):
    write_study(tmp_path, kind, instructions="Rate <b>calmly</b>.")
    page = opened(context, tmp_path / f"{kind}.r1.html")
    page.set_viewport_size({"width": width, "height": 740})
    assert page.inner_text("#instructions") == "Rate <b>calmly</b>."
    seen = []
    while page.locator("#item").is_visible():
        seen += page.locator("#texts p").all_text_contents()
        assert page.evaluate("document.documentElement.scrollWidth") == width
        unfit = page.evaluate(
            """[...document.querySelectorAll("button")].filter((b) => b.offsetHeight && (b.offsetHeight < 44
              || b.offsetWidth < 44 || b.scrollWidth > b.clientWidth)).map((b) => b.textContent)"""
        )
        assert unfit == []  # a finger needs 44 px, and no word leaves its button
        page.keyboard.press("1")
    assert (NASTY in seen) == (kind != "preference")
    assert page.locator("b, main script").count() == 0


def test_every_control_has_a_name_and_shows_focus(context, tmp_path):
    write_study(tmp_path, "preference")
    page = opened(context, tmp_path / "preference.r1.html")
    page.keyboard.press("2")
    page.click("#help summary")
    assert page.get_by_role("group", name="Your rating").get_by_role("button").count() == 4
    assert page.get_by_role("progressbar", name="Items rated").count() == 1
    assert page.get_by_label("Comment").count() == page.get_by_label("Continue from an exported CSV").count() == 1
    page.evaluate("document.getElementById('export').focus()")
    reached = set()
    for _ in range(16):
        page.keyboard.press("Tab")
        style, name = page.evaluate(
            """() => {
              const at = document.activeElement;
              const name = at.ariaLabel || at.labels?.[0]?.textContent || at.textContent;
              return [getComputedStyle(at).outlineStyle, at === document.body ? "end" : name.trim()];
            }"""
        )
        assert name and (style == "solid" or name == "end")
        reached.add(name)
    assert {"A is better1", "B is better2", "Tie3", "Cannot judge4", "Undo", "Next item"} <= reached
