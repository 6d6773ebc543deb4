"""The rater of each file in a folder, and workbooks that another program wrote."""

import re

import pytest
from openpyxl import Workbook

from clinical_dpo.errors import UserError
from clinical_dpo.grading.raters.rating_files import rating_files, read_ratings, returned_files
from tests.helpers.rating import RATINGS, rate, sheet
from tests.helpers.workbooks import edit_sheet


@pytest.fixture
def key():
    return sheet("correctness")[1]


@pytest.fixture
def workbook(tmp_path, key):
    """A filled workbook whose comments are missing cells."""
    book = Workbook()
    rows = [row for row in key if row["rater"] == "r1"]
    book.active.append(["rating", "item_id", "text_sha256", "comment"])
    for row, rating in zip(rows, RATINGS, strict=True):
        book.active.append([rating, row["item_id"], row["text_sha256"]])
    book.save(tmp_path / "whole.xlsx")
    return tmp_path / "whole.xlsx"


def test_a_workbook_is_read_to_its_last_row(workbook):
    assert [row["rating"] for row in read_ratings(workbook)] == RATINGS


def test_a_workbook_is_read_to_its_last_row_whatever_size_it_states(workbook, tmp_path):
    stated = b'<dimension ref="A1:D23"'

    def smaller(xml):
        assert stated in xml
        return xml.replace(stated, b'<dimension ref="A1:D4"')

    path = edit_sheet(workbook, tmp_path / "small.xlsx", smaller)
    assert [row["rating"] for row in read_ratings(path)] == RATINGS


def test_a_damaged_workbook_is_refused_with_the_row_of_the_damage(workbook, tmp_path):
    cut = edit_sheet(workbook, tmp_path / "cut.xlsx", lambda xml: xml[: len(xml) // 2])
    with pytest.raises(UserError, match=r"cut\.xlsx, row 12: .*ParseError.*Save it again as \.xlsx"):
        read_ratings(cut)


@pytest.mark.parametrize(
    "name", ["r1 (1)", "r1(2)", "r1 - Copy", "r1 - Copy (2)", "r1 copy", "r1 copy 3", "r1 (1) - Copy"]
)
def test_a_copy_belongs_to_the_same_rater(tmp_path, key, name):
    path = rate(tmp_path / f"correctness.{name}.csv", key, "r1", RATINGS)
    assert rating_files(tmp_path, "correctness") == {"r1": path}


@pytest.mark.parametrize(
    "name", ["correctness.r1.csv.csv", "correctness.r1.final.csv", "correctness.CSV", "correctness.r 1.json"]
)
def test_another_name_is_refused(tmp_path, name):
    (tmp_path / name).touch()
    with pytest.raises(UserError, match=rf"{re.escape(name)}: .*Name the file correctness\.RATER\.(csv|json),"):
        rating_files(tmp_path, "correctness")
    assert rating_files(tmp_path, "preference") == {}


def test_one_file_under_the_names_of_two_raters_is_refused(tmp_path, key):
    first = rate(tmp_path / "correctness.r1.csv", key, "r1", RATINGS)
    second = tmp_path / "correctness.r2.csv"
    second.write_bytes(first.read_bytes())
    with pytest.raises(UserError, match=r"r2\.csv: this file and 'correctness\.r1\.csv' .*Keep only the file"):
        rating_files(tmp_path, "correctness")
    rate(second, key, "r2", RATINGS[::-1])
    assert len(rating_files(tmp_path, "correctness")) == 2


def test_a_missing_folder_has_no_rating_files(tmp_path):
    assert rating_files(tmp_path / "ratings", "correctness") == {}


def test_each_rater_of_a_sheet_has_a_file(tmp_path, key):
    first = rate(tmp_path / "correctness.r1.csv", key, "r1", RATINGS)
    second = rate(tmp_path / "correctness.r2 (1).csv", key, "r2", RATINGS[::-1])
    rate(tmp_path / "preference.r1.csv", key, "r1", RATINGS)
    (tmp_path / "correctness.r1.txt").write_text("notes")
    assert rating_files(tmp_path, "correctness") == {"r1": first, "r2": second}


def test_a_second_file_of_a_rater_is_refused(tmp_path, key):
    rate(tmp_path / "correctness.r1.csv", key, "r1", RATINGS)
    Workbook().save(tmp_path / "correctness.r1.xlsx")
    with pytest.raises(UserError, match=r"correctness\.r1\.xlsx: rater 'r1' .* 'correctness\.r1\.csv'\. Keep one"):
        rating_files(tmp_path, "correctness")


def test_files_with_other_endings_are_ignored(tmp_path):
    """An editor's backup is no rating file and no input of a rule."""
    for name in ("correctness.anna.csv~", "correctness.notes.txt", "preference.anna.csv"):
        (tmp_path / name).write_text("x")
    assert returned_files(tmp_path, "correctness") == [] and rating_files(tmp_path, "correctness") == {}
    assert [path.name for path in returned_files(tmp_path, "preference")] == ["preference.anna.csv"]
