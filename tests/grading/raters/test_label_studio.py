"""Label Studio: interfaces and tasks that its documentation and its own package accept, and its exports as ratings.

Sources: labelstud.io/guide/task_format (tasks and annotations), labelstud.io/tags/choices and its sister pages on
choice, text, textarea and header (the interface), and label-studio-sdk (the schema of interfaces, the code of exports).
"""

import json
from collections import Counter
from itertools import cycle
from xml.etree import ElementTree

import pytest

from clinical_dpo.grading.raters.final_grades import mean_grades
from clinical_dpo.grading.raters.rating_files import read_ratings
from clinical_dpo.grading.raters.ratings import collect_ratings
from clinical_dpo.grading.raters.sheet_files import label_studio_config, write_sheet
from clinical_dpo.grading.raters.sheets import RATINGS, sheet_rows
from tests.helpers import label_studio
from tests.helpers.rating import NASTY, sheet

CONTROLS, OBJECTS = {"Choices", "TextArea"}, {"Text"}
ANCHORS = ['a "very" bad answer', "<poor> & wrong", "fair", "good", "best"]
COMMENTS = [["5 mg; ü →"], ["first", "second\nline"], []]
each_kind = pytest.mark.parametrize("kind", RATINGS)


@pytest.fixture
def tasks(kind, tmp_path):
    """The tasks of a rater's sheet, and its key."""
    items, key = sheet(kind, ["r1"])
    write_sheet(tmp_path / f"{kind}.r1", sheet_rows(items, key, "r1"), kind, kind, "r1")
    return json.loads((tmp_path / f"{kind}.r1.json").read_text(encoding="utf-8")), key


@each_kind
def test_every_control_labels_a_text_of_the_task_and_offers_the_scale(kind, tasks):
    tree = ElementTree.fromstring(label_studio_config(kind))
    assert tree.tag == "View" and {tag.tag for tag in tree} == CONTROLS | OBJECTS | {"Header"}
    texts = {tag.get("name"): tag.get("value") for tag in tree.iter("Text")}
    assert texts and all(f"${name}" == value for name, value in texts.items())
    assert all(set(texts) <= set(task["data"]) for task in tasks[0])
    controls = [tag for tag in tree if tag.tag in CONTROLS]
    assert {tag.get("name") for tag in controls} == {"rating", "comment"}
    assert {tag.get("toName") for tag in controls} <= set(texts)
    names = Counter(tag.get("name") for tag in tree.iter() if tag.get("name"))
    assert set(names.values()) == {1}
    [choices] = tree.iter("Choices")
    assert tuple(choice.get("value") for choice in choices) == RATINGS[kind]
    assert (choices.get("choice"), choices.get("required")) == ("single", "true")


def test_the_interface_says_what_the_grades_mean():
    tree = ElementTree.fromstring(label_studio_config("likert", ANCHORS))
    headers = [tag.get("value") for tag in tree.iter("Header")]
    grades = [f"{grade}: {anchor}." for grade, anchor in enumerate(ANCHORS, start=1)]
    assert headers == ["question", "answer", *grades[::-1], "Cannot judge: the texts do not show what is right."]


@each_kind
def test_a_task_has_the_texts_of_the_sheet_and_nothing_else(kind, tasks):
    shown = [row for row in tasks[1] if row["shown"] == "true"]
    assert {task["data"]["item_id"] for task in tasks[0]} == {row["item_id"] for row in shown}
    assert all(set(task) == {"data"} for task in tasks[0])
    known = {"sheet", "item_id", "text_sha256", "question", "reference", "answer", "criterion", "A", "B"}
    assert all(set(task["data"]) <= known and set(map(type, task["data"].values())) == {str} for task in tasks[0])
    assert any(NASTY in task["data"].values() for task in tasks[0]) == (kind != "preference")


@pytest.mark.parametrize("kind", ["likert"])
@pytest.mark.parametrize(
    ("comment", "read"),
    [("one", "one"), (["one", "two"], "one\ntwo"), ({"text": ["one", "two"]}, "one\ntwo"), ([], ""), (None, "")],
)
def test_a_comment_of_json_min_is_read_in_every_form(kind, tasks, tmp_path, comment, read):
    path = tmp_path / "likert.r1.json"
    path.write_text(json.dumps([{**task["data"], "rating": "4", "comment": comment} for task in tasks[0]]))
    assert {(row["rating"], row["comment"]) for row in read_ratings(path)} == {("4", read)}


@pytest.fixture(scope="session")
def packages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("label_studio")
    if reason := label_studio.fetch(folder):
        pytest.skip(reason)
    return folder


@pytest.mark.slow
@each_kind
def test_label_studio_accepts_interface_and_tasks_and_its_exports_are_the_ratings(kind, tasks, packages, tmp_path):
    imported, key = tasks
    words = {
        task["data"]["item_id"]: {"rating": rating} | ({"comment": comment} if comment else {})
        for task, rating, comment in zip(imported[1:], cycle(RATINGS[kind]), cycle(COMMENTS), strict=False)
    }
    checked = label_studio.export(packages, label_studio_config(kind, ANCHORS), imported, words, tmp_path)
    objects, choices = checked["controls"]["rating"]
    assert checked["invalid"] == [] and tuple(choices) == RATINGS[kind] and len(objects) == 1
    expected = {item: (each["rating"], "\n".join(each.get("comment", []))) for item, each in words.items()}
    for name in ("annotated", "result"):
        path = tmp_path / f"{name}.json"
        ratings = collect_ratings(key, {"r1": path})
        assert {row["item_id"]: (row["rating"], row["comment"]) for row in ratings} == expected
        assert {row["rated_at"] for row in ratings} == {"2026-11-21T12:00:00Z"}
        if kind in ("likert", "rubric"):
            assert {row["status"] for row in mean_grades(key, ratings)} == {"complete", "pending"}
