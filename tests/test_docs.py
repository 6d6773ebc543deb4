"""What the documents claim of the papers is what the check finds."""

import pytest

from clinical_dpo.papers.consistency import check
from clinical_dpo.papers.published import load_published
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def found():
    return check(load_published(ROOT / "config/published.yaml"))


def test_the_document_holds_every_claim_checked(found):
    lines = {line.strip() for line in (ROOT / "docs/published.md").read_text(encoding="utf-8").split("\n")}
    rows = [f"| {' | '.join(row[key] for key in ('study', 'what', 'claim', 'found', 'verdict'))} |" for row in found]
    assert [row for row in rows if row not in lines] == []


def test_the_readme_holds_what_is_not_simply_possible(found):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = [f"| {row['what']} | {row['claim']} | {row['verdict']} |" for row in found if row["verdict"] != "possible"]
    assert rows and [row for row in rows if row not in text] == []
