"""Which files in a folder are whose ratings, and workbooks that another program wrote."""

import re
import zipfile

import pytest
from openpyxl import Workbook

from clinical_dpo.errors import UserError
from clinical_dpo.grading.raters.rating_files import rating_files, read_ratings, sent_back
from tests.helpers.rating import rate, sheet

WORDS = ["correct", "incorrect", "cannot judge"] * 7 + ["correct"]  # one for each of the sheet's 22 items


@pytest.fixture
def key():
    return sheet("correctness")[1]


def rewritten(path, target, change):
    """A workbook with its sheet's XML changed."""
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(target, "w") as out:
        for name in source.namelist():
            content = source.read(name)
            out.writestr(name, change(content) if name == "xl/worksheets/sheet1.xml" else content)
    return target


def test_a_workbook_is_read_to_its_last_row_whatever_size_it_names(tmp_path, key):
    book = Workbook()
    rows = [row for row in key if row["rater"] == "r1"]
    book.active.append(["rating", "item_id", "text_sha256", "comment"])
    for row, word in zip(rows, WORDS, strict=True):
        book.active.append([word, row["item_id"], row["text_sha256"]])
    book.save(tmp_path / "whole.xlsx")
    stated = b'<dimension ref="A1:D23" />'

    def smaller(xml):
        assert stated in xml
        return xml.replace(stated, b'<dimension ref="A1:D4" />')

    for path in (tmp_path / "whole.xlsx", rewritten(tmp_path / "whole.xlsx", tmp_path / "small.xlsx", smaller)):
        assert [row["rating"] for row in read_ratings(path)] == WORDS, path
    cut = rewritten(tmp_path / "whole.xlsx", tmp_path / "cut.xlsx", lambda xml: xml[: len(xml) // 2])
    with pytest.raises(
        UserError, match=r"cut.xlsx, row 12: not a valid Excel workbook \(ParseError.*Save it again as .xlsx"
    ):
        read_ratings(cut)


@pytest.mark.parametrize(
    "name", ["r1 (1)", "r1(2)", "r1 - Copy", "r1 - Copy (2)", "r1 copy", "r1 copy 3", "r1 (1) - Copy"]
)
def test_a_copy_keeps_its_raters_name(tmp_path, key, name):
    path = rate(tmp_path / f"correctness.{name}.csv", key, "r1", WORDS)
    assert rating_files(tmp_path, "correctness") == {"r1": path}


@pytest.mark.parametrize(
    "name", ["correctness.r1.csv.csv", "correctness.r1.final.csv", "correctness.CSV", "correctness.r 1.json"]
)
def test_another_name_is_refused(tmp_path, name):
    (tmp_path / name).touch()
    with pytest.raises(
        UserError, match=rf"{re.escape(name)}: no name of a rating file. Name it correctness.RATER.(csv|json),"
    ):
        rating_files(tmp_path, "correctness")
    assert rating_files(tmp_path, "preference") == {}


def test_one_file_does_not_count_for_two_raters(tmp_path, key):
    first = rate(tmp_path / "correctness.r1.csv", key, "r1", WORDS)
    second = tmp_path / "correctness.r2.csv"
    second.write_bytes(first.read_bytes())
    with pytest.raises(UserError, match=r"correctness.r2.csv: the same file as correctness.r1.csv"):
        rating_files(tmp_path, "correctness")
    rate(second, key, "r2", WORDS[::-1])
    assert len(rating_files(tmp_path, "correctness")) == 2


def test_a_rater_sends_one_file_per_sheet(tmp_path, key):
    folder = tmp_path / "ratings"
    assert rating_files(folder, "correctness") == {}
    first = rate(folder / "correctness.r1.csv", key, "r1", WORDS)
    rate(folder / "correctness.r2 (1).csv", key, "r2", WORDS[::-1])
    rate(folder / "preference.r1.csv", key, "r1", WORDS)
    (folder / "correctness.r1.txt").write_text("notes")
    found = rating_files(folder, "correctness")
    assert found == {"r1": first, "r2": folder / "correctness.r2 (1).csv"}
    Workbook().save(folder / "correctness.r1.xlsx")
    with pytest.raises(UserError, match=r"correctness.r1.xlsx: rater r1 has sent correctness.r1.csv too"):
        rating_files(folder, "correctness")


def test_what_is_no_rating_file_is_not_looked_at(tmp_path):
    """An editor's copy is none, and no input of a rule."""
    for name in ("correctness.anna.csv~", "correctness.notes.txt", "preference.anna.csv"):
        (tmp_path / name).write_text("x")
    assert sent_back(tmp_path, "correctness") == [] and rating_files(tmp_path, "correctness") == {}
    assert [path.name for path in sent_back(tmp_path, "preference")] == ["preference.anna.csv"]
