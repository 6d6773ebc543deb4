"""Every malformed input has its expected outcome, and docs/malformed.md lists the same."""

import pytest

from tests.conftest import ROOT
from tests.helpers.malformed.case import ROWS
from tests.helpers.malformed_table import CASES, document, run

COMMAND = "python -m tests.helpers.malformed_table > docs/malformed.md"


@pytest.mark.parametrize("case", CASES, ids=[case.description for case in CASES])
def test_a_malformed_input_has_its_expected_outcome(tmp_path, case):
    result = run(case, tmp_path)
    assert result["outcome"] == case.outcome, result["message"]
    assert [part for part in case.parts if part not in result["message"]] == []
    if case.outcome != "refused":
        assert result["rows"] == tuple(sorted(case.rows))
    if case.outcome == "kept":
        assert not result["message"]
    assert "\n" not in result["message"]


def test_there_are_many_cases_with_distinct_descriptions():
    assert len(CASES) == len({case.description for case in CASES}) >= 400
    assert len(ROWS) == 3


def test_the_document_lists_the_outcomes():
    text = (ROOT / "docs/malformed.md").read_text(encoding="utf-8")
    assert text == document(), f"run: {COMMAND}"
