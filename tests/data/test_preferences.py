"""Preference pairs of every policy, and the rows that are refused or dropped."""

import random

import pytest

from clinical_dpo.data.preferences import preference_pairs
from clinical_dpo.errors import UserError
from tests.helpers.task_rows import task_row

LABELS = ["UTI", "No UTI"]


def row(i, answer="right", **fields):
    return task_row(f"r{i}", f"Question {i}", answer, **fields)


def rejected(pairs):
    return [pair["rejected"][0]["content"] for pair in pairs]


def test_the_other_label_is_rejected():
    rows = [row(0, "UTI"), row(1, "No UTI")]
    pairs, report = preference_pairs(rows, "other_label", 1, LABELS)
    assert pairs[0] == {
        "id": "r0",
        "prompt": [{"role": "user", "content": "Question 0"}],
        "chosen": [{"role": "assistant", "content": "UTI"}],
        "rejected": [{"role": "assistant", "content": "No UTI"}],
        "rejected_from": "other_label",
    }
    assert rejected(pairs) == ["No UTI", "UTI"]
    assert report == {"rows": 2, "pairs": 2, "policy": "other_label", "drops": {}}


@pytest.fixture
def rows_with_options():
    return [row(i, options=["a", "b", "c"]) for i in range(60)]


def test_a_distractor_does_not_depend_on_other_rows(rows_with_options):
    drawn = {pair["id"]: pair["rejected"] for pair in preference_pairs(rows_with_options, "random_distractor", 42)[0]}
    sample = random.Random(1).sample(rows_with_options, 40)
    again, _ = preference_pairs(sample, "random_distractor", 42)
    assert [pair["id"] for pair in again] == [row["id"] for row in sample]
    assert all(pair["rejected"] == drawn[pair["id"]] for pair in again)


def test_a_distractor_depends_on_the_seed_and_every_option_is_drawn(rows_with_options):
    first = preference_pairs(rows_with_options, "random_distractor", 42)[0]
    second = preference_pairs(rows_with_options, "random_distractor", 43)[0]
    assert rejected(second) != rejected(first)
    assert all(rejected(second).count(option) > 8 for option in "abc")


def test_the_rejected_field_of_a_row_is_taken():
    pairs, _ = preference_pairs([row(0, rejected="worse")], "field", 1)
    assert rejected(pairs) == ["worse"] and pairs[0]["rejected_from"] == "field"


def test_equal_and_empty_answers_of_the_sft_model_are_dropped_and_counted():
    answers = {"r0": "wrong", "r1": " right\n", "r2": "", "r3": "  ", "r4": "Right"}
    pairs, report = preference_pairs([row(i) for i in range(5)], "sft_prediction", 1, answers=answers)
    assert [pair["id"] for pair in pairs] == ["r0", "r4"] and rejected(pairs) == ["wrong", "Right"]
    assert report["drops"] == {"both answers are equal": 1, "rejected answer is empty": 2}
    assert report["rows"] == 5 and report["pairs"] == 2


@pytest.mark.parametrize(
    ("policy", "fields", "message"),
    [
        (
            "field",
            {"rejected": "right "},
            r"'r7'.*both answers are equal.*'right'.*`rejected_source: field`.*Correct or remove",
        ),
        ("field", {"rejected": " "}, r"'r7'.*rejected answer is empty.*Correct or remove"),
        ("random_distractor", {"options": ["right"]}, r"'r7'.*both answers are equal"),
        ("field", {}, r"'r7'.*'rejected' is missing or empty.*`rejected_source: field`.*Fill in the field"),
        ("random_distractor", {}, r"'r7'.*'options' is missing or empty.*`rejected_source: random_distractor`"),
        ("random_distractor", {"options": []}, r"'r7'.*'options' is missing or empty"),
        ("sft_prediction", {}, r"'r7'.*SFT model's answers.*Delete the file"),
    ],
)
def test_a_row_without_a_wrong_answer_is_refused(policy, fields, message):
    with pytest.raises(UserError, match=rf"^data/eval\.jsonl, row {message}"):
        preference_pairs([row(7, **fields)], policy, 1, where="data/eval.jsonl")


def test_no_pair_at_all_is_refused():
    with pytest.raises(
        UserError, match=r"^train\.jsonl: none of the 1 rows.*sft_prediction.*equal.*1.*`rejected_source`"
    ):
        preference_pairs([row(0)], "sft_prediction", 1, answers={"r0": "right"})
