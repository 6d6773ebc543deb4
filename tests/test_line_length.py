"""Long lines are broken at blanks, and nothing is lost."""

import pytest

from clinical_dpo.line_length import LONGEST, folded


def test_short_lines_are_unchanged():
    text = f"a  b\n\n    {'c' * (LONGEST - 4)}\n\tend "
    assert folded(text) == text


@pytest.mark.parametrize("indent", [0, 4, 290])
def test_a_long_line_is_broken_at_blanks_and_the_rest_has_two_more_blanks_at_its_start(indent):
    words = [f"word{i}" for i in range(400)]
    parts = folded(" " * indent + " ".join(words)).split("\n")
    assert [word for part in parts for word in part.split()] == words
    assert max(map(len, parts)) <= LONGEST and len(parts) > 5
    if indent < 10:
        margins = {len(part) - len(part.lstrip(" ")) for part in parts[1:]}
        assert margins == {indent + 2} and parts[0].startswith(" " * indent + "word0")


def test_lines_fit_into_a_narrow_terminal():
    assert (
        folded("  uti: SFT is enough, at 1.3 times the hours", 24)
        == "  uti: SFT is enough, at\n    1.3 times the hours"
    )


def test_a_word_longer_than_a_line_is_broken_too():
    parts = folded("x" * 1000).split("\n")
    assert "".join(part.strip() for part in parts) == "x" * 1000 and max(map(len, parts)) <= LONGEST
