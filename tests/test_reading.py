"""Answers and replies that a person has read: the code reads them so, or not at all."""

from pathlib import Path

import pytest

from tests.reading_table import document, readings, shares

COMMAND = "python -m tests.reading_table > docs/reading.md"


@pytest.mark.parametrize("half", ["development", "heldout"])
@pytest.mark.parametrize(
    ("what", "wrong", "unread"), [("labels", 0.01, 0.08), ("exact", 0.02, 0.05), ("judge", 0, 0.10)]
)
def test_few_answers_are_read_wrongly_or_not_at_all(what, half, wrong, unread):
    measured = shares(readings(what, half))
    assert measured <= (wrong, 1) and measured[1] <= unread, measured


def test_the_document_says_what_is_measured(capsys):
    text = document()
    print(text)
    assert Path("docs/reading.md").read_text(encoding="utf-8") == text, f"run {COMMAND}"
