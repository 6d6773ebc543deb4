"""Every malformed input is refused, repaired or kept as its case says, and docs/malformed.md says the same."""

import pytest

from tests.conftest import ROOT
from tests.helpers.malformed.case import ROWS
from tests.helpers.malformed_table import CASES, document, run

COMMAND = "python -m tests.helpers.malformed_table > docs/malformed.md"


@pytest.mark.parametrize("case", CASES, ids=[case.what for case in CASES])
def test_what_becomes_of_it(tmp_path, case):
    found = run(case, tmp_path)
    assert found["outcome"] == case.outcome, found["told"]
    assert [told for told in case.told if told not in found["told"]] == []
    if case.outcome != "refused":
        assert found["rows"] == tuple(sorted(case.rows))
    if case.outcome == "kept":
        assert not found["told"]
    assert "\n" not in found["told"]


def test_the_corpus_is_large_and_each_case_is_its_own():
    assert len(CASES) == len({case.what for case in CASES}) >= 40
    assert len(ROWS) == 3


def test_the_document_is_what_happens():
    text = (ROOT / "docs/malformed.md").read_text(encoding="utf-8")
    assert text == document(), f"run: {COMMAND}"
