"""Texts in another form are counted with their rows, and only those that `repair` names change."""

import pytest

from clinical_dpo.data.sources.rtf import without_rtf
from clinical_dpo.data.sources.text_faults import checked_texts
from clinical_dpo.data.sources.text_repairs import FORMS, REPAIRS
from clinical_dpo.errors import UserError
from clinical_dpo.yaml_files import read_yaml
from tests.conftest import ROOT

NOTES = [{"note": "<i>a</i>"}, {"note": "b"}, {"note": r"c\n&lt;d"}, {"parts": [{"note": "<p>e</p>"}]}]


def test_the_schema_offers_every_repair():
    schema = read_yaml(ROOT / "workflow/schemas/source.schema.yaml")
    assert schema["properties"]["repair"]["items"]["enum"] == list(REPAIRS)


def test_faults_are_counted_with_the_rows_in_which_they_are():
    rows, report = checked_texts(NOTES, "a.csv")
    assert rows == NOTES and report.changes == {}
    assert report.warnings.record()["HTML tags"] == {"count": 2, "first": "row 1, column 'note'", "rows": [1, 4]}


def test_only_the_named_forms_are_restored_in_lists_and_objects_too():
    rows, report = checked_texts(NOTES, "a.csv", ["html"], [11, 12, 13, 14])
    assert rows == [{"note": "a"}, {"note": "b"}, {"note": r"c\n<d"}, {"parts": [{"note": "e"}]}]
    assert report.repairs.record()["HTML tags repaired"]["rows"] == [11, 14]
    assert report.changes["HTML entities"] == {"before": r"c\n&lt;d", "after": r"c\n<d"}
    assert list(report.warnings.occurrences) == ["escapes written out (\\n)"]


def test_an_excerpt_begins_shortly_before_the_first_change():
    _, report = checked_texts([{"note": "x" * 500 + "&amp;" + "y" * 500}], "a.csv", ["html"])
    excerpts = report.changes["HTML entities"]
    assert "xx&amp;yy" in excerpts["before"] and "xx&yy" in excerpts["after"] and len(excerpts["after"]) < 100


def test_a_restored_text_that_is_no_text_is_refused():
    with pytest.raises(UserError, match=r"a.csv, row 1: the character U\+0000 in column 'note'"):
        checked_texts([{"note": "a%20%00b"}], "a.csv", ["url"])


def test_fonts_pictures_and_hidden_groups_of_rtf_are_no_text():
    hidden = r"{\colortbl;\red0;}{\*\generator Riched20;}{\pict\pngblip 89504e47}"
    assert without_rtf(rf"{{\rtf1\mac{hidden}\pard A\tab B\line C\par\u8364\'80{{\b D}}}}") == "A\tB\nC\n€D"


def test_damaged_rtf_is_read_to_its_end():
    assert without_rtf(r"{\rtf1\ansicpg99999 Fever}}} \'e9 {\b open") == "Fever é open"


@pytest.mark.parametrize("text", ["", "Fever.", "BP 120/80, T=38.5", "A & B", "a < b > c", "{x}", "(a)", "N/A", "été"])
def test_an_ordinary_text_has_no_fault(text):
    assert [form.fault for form in FORMS if form.shows(text)] == []


@pytest.mark.parametrize("start", ["<![CDATA[", "<!--", "<style>", "<head>", "<script>", "\\", "&lt;", "=C3", "Ã©"])
def test_a_long_text_of_starts_without_ends_is_read(start):
    """In a time that grows with the square of its length, this text would take minutes."""
    text = start * (100_000 // len(start))
    [row], _ = checked_texts([{"note": f"{text} end"}], "a.csv", list(REPAIRS))
    assert "end" in str(row["note"])
