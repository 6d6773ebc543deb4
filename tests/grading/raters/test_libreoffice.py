"""Sheets of every kind that a rater fills in, and that LibreOffice opens and saves in its formats."""

import csv
import io
from itertools import cycle, islice

import pytest
from openpyxl import load_workbook

from clinical_dpo.grading.raters import sheets
from clinical_dpo.grading.raters.formulas import unguarded
from clinical_dpo.grading.raters.opendocument import opendocument_rows
from clinical_dpo.grading.raters.rating_files import read_ratings
from clinical_dpo.grading.raters.ratings import collect_ratings
from clinical_dpo.grading.raters.sheet_files import CELL, CUT, write_sheet
from tests.helpers import debian
from tests.helpers.libreoffice import FORMATS, LibreOffice
from tests.helpers.rating import SECRET, SEED, study, write_ratings

pytestmark = pytest.mark.slow

RATER = "r1"
KIND = {sheet: sheet for sheet in ("correctness", "likert", "rubric", "preference")} | {"adjudication": "correctness"}
RUBRIC = [{"item": "-5 mg are named", "weight": 2}, {"item": "Nennt die Rückkehr; „bald“", "weight": 1}]
QUESTIONS = [
    '=HYPERLINK("http://x"; "y")',
    'Größe\nzweite Zeile;  "zitiert", →\r\ndritte Zeile',
    "Länge " * 20_000,
    "+49 30 1234",
]
ANSWERS = ["-5 mg", "@SUM(A1)", "= 3 mmol/l", "fünf\nZeilen"]
CAPTIONS = {"A": "Answer A", "B": "Answer B"}
COMMENTS = ["", "=1+1; halb fertig", "ü „ja“\nzweite  Zeile", "-5", "plain"]
each_format = pytest.mark.parametrize("form", FORMATS)
each_sheet = pytest.mark.parametrize("sheet", KIND)
each_source = pytest.mark.parametrize("source", ["xlsx", "csv"])


def rows_and_key(sheet):
    """The rows of a sheet with texts that a spreadsheet might change, and its key."""
    rows, answers = study(8)
    for row, text in zip(rows, QUESTIONS, strict=False):
        row["prompt"][-1]["content"] = text
    for answer, text in zip(answers["dpo"][4:], ANSWERS, strict=True):
        answer["text"] = text
    if KIND[sheet] == "preference":
        items = sheets.preference_items(rows, answers, ("dpo", "sft"), SEED)
    else:
        items = sheets.correctness_items(rows, answers, SEED)
    items = sheets.rubric_items(items, RUBRIC) if sheet == "rubric" else items
    only = {item.item_id for item in items[::2]} if sheet == "adjudication" else None
    key = sheets.key_rows(items, sheet, KIND[sheet], [RATER], SECRET, only=only)
    return sheets.sheet_rows(items, key, RATER), key


def filled(sheet, rows):
    """Rating and comment of each item, as a rater writes them."""
    words = islice(cycle(sheets.RATINGS[KIND[sheet]]), len(rows))
    return {row["item_id"]: (word, note) for row, word, note in zip(rows, words, cycle(COMMENTS), strict=False)}


def fill_workbook(path, by_item):
    book = load_workbook(path)
    header = [cell.value for cell in book.active[1]]
    for line in book.active.iter_rows(min_row=2):
        word, comment = by_item[line[header.index("item_id")].value]
        line[header.index("rating")].value = int(word) if word.isdigit() else word  # a typed 4 is a number
        line[header.index("comment")].value = comment or None
        line[header.index("comment")].data_type = "s"
    book.save(path)


def fill_csv(path, by_item):
    with open(path, newline="", encoding="utf-8-sig") as file:
        header, *lines = csv.reader(file)
    for line in lines:
        line[header.index("rating")], comment = by_item[line[header.index("item_id")]]
        line[header.index("comment")] = f"'{comment}" if comment[:1] in ("=", "-") else comment
    text = io.StringIO()
    csv.writer(text).writerows([header, *lines])
    path.write_text(text.getvalue(), encoding="utf-8-sig", newline="")


@pytest.fixture(scope="module")
def office(tmp_path_factory):
    if missing := debian.install(["libreoffice-calc"], ["soffice"]):
        pytest.skip(missing)
    return LibreOffice(tmp_path_factory.mktemp("profile"))


@pytest.fixture(scope="module")
def study_sheets(tmp_path_factory):
    """Sheet -> its rows, its key, its ratings and comments; and the folder with the filled files."""
    folder, by_sheet = tmp_path_factory.mktemp("sheets"), {}
    for sheet, kind in KIND.items():
        rows, key = rows_and_key(sheet)
        write_sheet(folder / f"{sheet}.{RATER}", rows, sheet, kind, RATER)
        by_item = filled(sheet, rows)
        fill_workbook(folder / f"{sheet}.{RATER}.xlsx", by_item)
        fill_csv(folder / f"{sheet}.{RATER}.csv", by_item)
        by_sheet[sheet] = rows, key, by_item
    return by_sheet, folder


@pytest.fixture(scope="module")
def saved(office, study_sheets, tmp_path_factory):
    """A function: the file that LibreOffice saves of a sheet, by sheet, source and format."""
    by_sheet, folder = study_sheets
    paths = {}

    def path(sheet, source, form):
        if (source, form) not in paths:
            sources = [folder / f"{name}.{RATER}.{source}" for name in by_sheet]
            paths[source, form] = office.save_as(form, sources, tmp_path_factory.mktemp("saved"))
        return paths[source, form][f"{sheet}.{RATER}"]

    return path


@each_format
@each_source
@each_sheet
def test_grades_and_comments_come_back_from_every_format(study_sheets, saved, sheet, source, form):
    _, key, by_item = study_sheets[0][sheet]
    ratings = collect_ratings(key, {RATER: saved(sheet, source, form)})
    assert {row["item_id"]: (row["rating"], row["comment"]) for row in ratings} == by_item


def table(path):
    """Cells of a saved file as texts, row by row, read without the package where it is not ODS."""
    if path.suffix == ".ods":
        return opendocument_rows(path)
    if path.suffix == ".xlsx":
        lines = load_workbook(path).active.iter_rows(values_only=True)
        return [["" if cell is None else str(cell) for cell in line] for line in lines]
    raw = path.read_bytes()
    encoding, separator = ("cp1252", ";") if b";" in raw.split(b"\n")[0] else ("utf-8", ",")
    return list(csv.reader(io.StringIO(raw.decode(encoding), newline=""), delimiter=separator))


def as_saved(text, form):
    """A text of a workbook's cell after LibreOffice: line feeds, and the letters of the file's encoding.

    In cp1252, which has no line separator, LibreOffice writes a line feed.
    """
    text = text.replace("\r\n", "\n")
    text = text if len(text) <= CELL else text[: CELL - len(CUT)] + CUT
    if form != "csv with semicolons":
        return text
    return text.replace("\u2028", "\n").encode("cp1252", "replace").decode("cp1252")


@each_format
@each_sheet
def test_texts_of_a_workbook_come_back_from_every_format(study_sheets, saved, sheet, form):
    header, *lines = table(saved(sheet, "xlsx", form))
    cells = {line[header.index("item_id")]: dict(zip(header, line, strict=False)) for line in lines}
    rows = study_sheets[0][sheet][0]
    assert len(cells) == len(rows) > 5
    for row in rows:
        for name in set(row) - {"item_id", "text_sha256"}:
            assert cells[row["item_id"]][CAPTIONS.get(name, name)] == as_saved(row[name], form)


@each_format
@each_sheet
def test_no_text_of_a_csv_sheet_becomes_a_formula(study_sheets, saved, sheet, form):
    rows = study_sheets[0][sheet][0]
    header, *lines = table(saved(sheet, "csv", form))
    assert len(lines) == len(rows)
    signs = []
    for row, line in zip(rows, lines, strict=True):
        cells = dict(zip(header, line, strict=False))
        for name, text in row.items():
            cell = cells[CAPTIONS.get(name, name)]
            assert not cell.startswith(("=", "@", "+", "-"))
            assert unguarded(cell)[:CELL] == as_saved(text[:CELL], form)  # LibreOffice cuts a long text of a CSV
            signs += [text] if cell != text else []
    assert signs


@each_format
def test_the_export_of_the_page_comes_back_from_every_format(office, study_sheets, tmp_path, form):
    _, key, by_item = study_sheets[0]["likert"]
    digest = {row["item_id"]: row["text_sha256"] for row in key}
    path = tmp_path / f"likert.{RATER}.csv"
    write_ratings(
        path,
        [
            {"sheet": "likert", "item_id": item, "text_sha256": digest[item], "rating": word, "comment": comment}
            | {"rated_at": "2026-11-21T12:00:00Z"}
            for item, (word, comment) in by_item.items()
        ],
    )
    [again] = office.save_as(form, [path], tmp_path / "saved").values()
    ratings = collect_ratings(key, {RATER: again})
    assert {row["item_id"]: (row["rating"], row["comment"]) for row in ratings} == by_item
    assert {row["rated_at"] for row in read_ratings(again)} <= {"2026-11-21T12:00:00Z", ""}
