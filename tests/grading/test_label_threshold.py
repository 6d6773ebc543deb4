"""Answers by likelihood: a threshold on the probability of the positive class, and their grades."""

import pytest

from clinical_dpo.errors import UserError
from clinical_dpo.grading.graders.label import grades
from clinical_dpo.grading.label_parsing import parse_label
from clinical_dpo.grading.label_threshold import at_threshold, positive_items

LABELS = ["UTI", "No UTI"]


def answer(row_id, probability):
    text = LABELS[0 if probability >= 0.5 else 1]
    return {"id": row_id, "text": text, "probabilities": {"UTI": probability, "No UTI": 1 - probability}}


def test_an_item_is_positive_from_the_threshold_on():
    answers = [answer("a", 0.2), answer("b", 0.3), answer("c", 0.9)]
    assert [each["text"] for each in at_threshold(answers, LABELS, 0.3)] == ["No UTI", "UTI", "UTI"]
    assert [each["text"] for each in at_threshold(answers, LABELS, 0.95)] == ["No UTI"] * 3
    assert [each["text"] for each in answers] == ["No UTI", "No UTI", "UTI"]


def test_answers_without_probabilities_keep_their_text():
    assert at_threshold([{"id": "a", "text": "UTI"}], LABELS, 0.99) == [{"id": "a", "text": "UTI"}]


def test_probabilities_follow_the_rows():
    rows = [{"id": "a", "label": "UTI"}, {"id": "b", "label": "No UTI"}]
    assert positive_items(rows, [answer("b", 0.1), answer("a", 0.7)], "UTI") == ([0.7, 0.1], [True, False])
    with pytest.raises(UserError, match="answer 'a'"):
        positive_items(rows[:1], [{"id": "a", "text": "UTI"}], "UTI")


def test_an_answer_that_is_a_label_has_that_label_whatever_its_words():
    """The parser takes the words for a refusal."""
    labels = ["as an AI", "by hand"]
    assert parse_label("as an AI", labels) is None
    rows = [{"id": "a", "completion": [{"role": "assistant", "content": "as an AI"}]}]
    assert grades(rows, ["as an AI"], {"labels": labels}) == [
        {"grade": 1, "label": "as an AI", "parsed": "as an AI", "valid": True}
    ]
