"""HealthBench's meta-evaluation: rows in the shape of the publisher's file become labelled task rows."""

import json

import pytest

from clinical_dpo.config.loading import load_study
from clinical_dpo.data.rows import task_rows
from clinical_dpo.data.sources import retrieve as sources
from clinical_dpo.errors import UserError
from clinical_dpo.yaml_files import read_yaml
from tests.conftest import ROOT

TASK = read_yaml(ROOT / "config/tasks/healthbench_verdicts.yaml")


def meta_row(number=0, labels=(True, True), **changes):
    """A row with the fields that simple-evals' healthbench_meta_eval reads."""
    prompt = [
        {"role": "user", "content": f"My child has a fever of {38 + number / 10} °C."},
        {"role": "assistant", "content": "How old is the child?"},
        {"role": "user", "content": "Two years.\nShe drinks well."},
    ]
    return {
        "prompt": prompt,
        "completion": "Offer fluids. See a doctor if the fever lasts three days.",
        "rubric": f"States when to see a doctor. ({number})",
        "category": "emergency_referrals",
        "binary_labels": list(labels),
        "anonymized_physician_ids": [f"p{i}" for i in range(len(labels))],
        "prompt_id": "abc",
    } | changes


def retrieved(tmp_path, *rows):
    path = tmp_path / "meta.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return sources.retrieve({"kind": "file", "path": str(path), "reader": "healthbench"}, seed=1, n=1)


@pytest.mark.parametrize(
    ("labels", "label"),
    [((True, True), "met"), ((False,), "not met"), ((True, False, True), "met"), ((False, True, False), "not met")],
)
def test_the_label_is_what_more_than_half_of_the_physicians_say(tmp_path, labels, label):
    [record], _ = retrieved(tmp_path, meta_row(labels=labels))
    assert (record["label"], record["physicians"]) == (label, len(labels))


def test_rows_on_which_physicians_are_divided_are_dropped_and_counted(tmp_path):
    rows = [meta_row(0), meta_row(1, (True, False)), meta_row(2, (True, True, False, False)), meta_row(0)]
    records, provenance = retrieved(tmp_path, *rows)
    assert len(records) == 1
    assert provenance["drops"] == {"physicians are divided equally": 2, "repeats another row": 1}


def test_a_task_row_shows_conversation_answer_and_criterion(tmp_path):
    records, provenance = retrieved(tmp_path, meta_row(1), meta_row(2, (False, False)))
    rows = task_rows(records, TASK, provenance)
    assert [row["label"] for row in rows] == ["met", "not met"] and len({row["id"] for row in rows}) == 2
    text = rows[0]["prompt"][0]["content"]
    assert "user: My child has a fever of 38.1 °C.\n\nassistant: How old is the child?\n\nuser: Two years.\nShe" in text
    assert "Answer to check: Offer fluids." in text and "Criterion: States when to see a doctor. (1)" in text
    assert rows[0]["completion"][0]["content"] == "met"


def test_an_id_depends_on_the_texts_alone(tmp_path):
    [first], _ = retrieved(tmp_path, meta_row(3, (True,)))
    [second], _ = retrieved(tmp_path, meta_row(3, (False, False), prompt_id="xyz"))
    assert first["id"] == second["id"] and first["label"] != second["label"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rubric": ""}, r"row 2: field 'rubric' is empty\. Reader healthbench needs prompt, completion"),
        ({"binary_labels": []}, "field 'binary_labels' is empty"),
        ({"binary_labels": [1, 0, 1]}, "field 'binary_labels' is not a list of true and false"),
        ({"binary_labels": "true"}, "field 'binary_labels' is not a list of true and false"),
        ({"completion": 5}, "field 'completion' has the type int, not text"),
        ({"prompt": "hello"}, "field 'prompt' has the type str, not a list of messages"),
        ({"prompt": [{"role": "user"}]}, "field 'prompt', message 1: 'role' or 'content' has no text"),
        (
            {"prompt": [{"role": "user", "content": "a"}, 7]},
            "field 'prompt', message 2: 'role' or 'content' has no text",
        ),
    ],
)
def test_a_row_of_another_shape_is_refused_with_row_and_field(tmp_path, changes, message):
    with pytest.raises(UserError, match=message):
        retrieved(tmp_path, meta_row(0), meta_row(1, **changes))


def test_a_missing_field_is_refused(tmp_path):
    row = meta_row(0)
    del row["category"]
    with pytest.raises(UserError, match=r"row 1: field 'category' is missing\. .*Fields here: prompt, completion"):
        retrieved(tmp_path, row)


def test_the_task_asks_for_its_file():
    config = read_yaml(ROOT / "config/config.yaml") | {"tasks": ["healthbench_verdicts"], "figure2": {}}
    with pytest.raises(UserError, match=r"healthbench_verdicts\.yaml: .*2025-05-07-06-14-12_oss_meta_eval\.jsonl"):
        load_study(config, ROOT)
