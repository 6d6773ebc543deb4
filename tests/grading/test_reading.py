"""Answers and replies that a person has read: the code reads them alike, or not at all."""

from pathlib import Path

import pytest

from clinical_dpo.grading.exact_answers import exact_match
from clinical_dpo.grading.judge.reply_parsing import parse_verdict
from clinical_dpo.grading.label_parsing import parse_label
from clinical_dpo.grading.sentences import shortened
from tests.helpers.reading_table import document, readings, shares

COMMAND = "python -m tests.helpers.reading_table > docs/reading.md"


@pytest.mark.parametrize("half", ["development", "heldout"])
@pytest.mark.parametrize(
    ("kind", "wrong", "unread"), [("labels", 0.01, 0.08), ("exact", 0.02, 0.05), ("judge", 0, 0.10)]
)
def test_few_answers_are_read_wrongly_or_not_at_all(kind, half, wrong, unread):
    measured = shares(readings(kind, half))
    assert measured <= (wrong, 1) and measured[1] <= unread, measured


def test_the_document_has_the_measured_errors():
    assert Path("docs/reading.md").read_text(encoding="utf-8") == document(), f"run {COMMAND}"


@pytest.mark.parametrize(
    "unit",
    ["UTI ", "no UTI, ", "a ", "(", "\n", "x", "- ", "Score: ", "A B ", "correct ", "it is not ", '"a ', "1. ", "{"],
)
def test_a_very_long_text_is_read_at_its_beginning_and_end_alone(unit):
    """Neither a model that repeats itself nor a hostile server delays grading."""
    text = unit * (10**6 // len(unit))
    assert len(shortened(text)) <= 6001
    parse_label(text, ["UTI", "No UTI"])
    exact_match(text, ["lupus"])
    for kind in ("likert", "correctness", "preference"):
        parse_verdict(kind, text)
