"""OpenDocument spreadsheets as ratings: what cells say, and hostile files that are refused with their row."""

import zipfile

import pytest
from openpyxl import Workbook

from clinical_dpo.errors import UserError
from clinical_dpo.grading.raters.opendocument import opendocument_rows
from clinical_dpo.grading.raters.rating_files import read_ratings

NAMESPACES = " ".join(
    f'xmlns:{prefix}="urn:oasis:names:tc:opendocument:xmlns:{prefix}:1.0"' for prefix in ("office", "table", "text")
)


def text(*paragraphs, attributes=""):
    content = "".join(f"<text:p>{each}</text:p>" for each in paragraphs)
    return f"<table:table-cell {attributes}>{content}</table:table-cell>"


def row(*cells, attributes=""):
    return f"<table:table-row {attributes}>{''.join(cells)}</table:table-row>"


def write(path, *rows, after="", before="", start='<?xml version="1.0"?>'):
    """Write a document whose first table has these rows."""
    table = f'<table:table table:name="ratings">{"".join(rows)}</table:table>{after}'
    body = f"<office:body><office:spreadsheet>{before}{table}</office:spreadsheet></office:body>"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet", zipfile.ZIP_STORED)
        archive.writestr(
            "content.xml", f"{start}<office:document-content {NAMESPACES}>{body}</office:document-content>"
        )
    return path


@pytest.fixture
def path(tmp_path):
    return tmp_path / "likert.r1.ods"


@pytest.mark.parametrize(
    ("cell", "read"),
    [
        (text("gut"), "gut"),
        (text("", attributes='office:value-type="float" office:value="4"'), "4"),
        (text("4,00", attributes='office:value-type="float" office:value="4"'), "4"),
        (text("21.11.26", attributes='office:value-type="date" office:date-value="2026-11-21"'), "2026-11-21"),
        (text("WAHR", attributes='office:value-type="boolean" office:boolean-value="true"'), "true"),
        (text("two", "lines"), "two\nlines"),
        (text("a<text:line-break/>b<text:tab/>c<text:s/>d<text:s text:c='3'/>e"), "a\nb\tc d   e"),
        (text("five <text:span>milli<text:span>grams</text:span></text:span>\n   of"), "five milligrams of"),
        (text("&lt;b&gt; &amp; ü &#x1F642;"), "<b> & ü 🙂"),
        ("<table:table-cell><office:annotation><text:p>note</text:p></office:annotation><text:p>x</text:p>"
         "</table:table-cell>", "x"),
        ("<table:covered-table-cell><text:p>x</text:p></table:covered-table-cell>", "x"),
    ],
)  # fmt: skip
def test_a_cell_has_its_value_or_its_text(path, cell, read):
    assert opendocument_rows(write(path, row(cell))) == [[read]]


def test_repeated_rows_and_cells_count_and_empty_ones_end_nothing(path):
    empty = '<table:table-cell table:number-columns-repeated="{}"/>'
    table = [
        row(
            text("a"), empty.format(2), text("b", attributes='table:number-columns-repeated="2"'), empty.format(16_379)
        ),
        row(empty.format(16_384), attributes='table:number-rows-repeated="2"'),
        row(text("c"), attributes='table:number-rows-repeated="2"'),
        row(empty.format(16_384), attributes='table:number-rows-repeated="1048571"'),
    ]
    assert opendocument_rows(write(path, *table)) == [["a", "", "", "b", "b"], [], [], ["c"], ["c"]]


def test_rows_in_groups_count_and_further_tables_do_not(path):
    rows = [f"<table:table-header-rows>{row(text('a'))}</table:table-header-rows>", row(text("b"))]
    other = f'<table:table table:name="Notes">{row(text("c"))}</table:table>'
    assert opendocument_rows(write(path, *rows, after=other)) == [["a"], ["b"]]


def test_ratings_are_read_with_their_rows(path):
    header = row(text("item_id"), text("text_sha256"), text("Rating"), text("comment"))
    rated = [row(text(f"i{n}"), text("t"), text(n, attributes=f'office:value="{n}"')) for n in (4, 5)]
    rows = read_ratings(write(path, header, row(), *rated))
    assert [(each["item_id"], each["rating"], each["comment"], each["row"]) for each in rows] == [
        ("i4", "4", "", "row 3"),
        ("i5", "5", "", "row 4"),
    ]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([row(text("x", attributes='table:number-columns-repeated="999999999"'))], r"row 1: .*`limits\.columns`"),
        ([row(text("x"), attributes='table:number-rows-repeated="999999999"')], r"row 1: .*`limits\.rows`"),
        ([row(), row(text("x<text:s text:c='999999999'/>"))], r"row 2: .*`limits\.characters`"),
        ([row(text("x" * 5000, attributes='table:number-columns-repeated="900"'),
              attributes='table:number-rows-repeated="900"')], r"row 1: .*`limits\.bytes`"),
        ([row(text("x", attributes='table:number-columns-repeated="900"')),
          row(attributes='table:number-rows-repeated="20000"'), row(text("x"))], r"row 20002: .*`limits\.cells`"),
        ([row(text("x"), attributes='table:number-rows-repeated="-1"')], r"row 1: .*'number-rows-repeated' is '-1'"),
        ([row(text("x", attributes='table:number-columns-repeated="1e9"'))], r"row 1: .*'number-columns-repeated' is"),
        ([row(text("x<text:s text:c='many'/>"))], r"row 1: .*'c' is 'many', not a number"),
        ([row(text("<text:span>" * 60 + "</text:span>" * 60))], r"`limits\.depth`"),
        (["<text:p/>" * 250_001], "more than 250,000 XML elements"),
    ],
)  # fmt: skip
def test_a_bomb_is_refused_with_its_row(path, rows, message):
    with pytest.raises(UserError, match=rf"likert\.r1\.ods.*{message}"):
        opendocument_rows(write(path, *rows))


def test_many_spaces_are_refused_before_they_fill_the_memory(path, limited):
    limited(bytes=1_000_000)
    with pytest.raises(UserError, match=r"row 1: 1,200,000 or more repeated characters, .*`limits\.bytes`"):
        opendocument_rows(write(path, row(text("<text:s text:c='400000'/>" * 1000))))


def test_more_elements_than_a_part_may_hold_are_read_if_they_are_rows(path):
    assert len(opendocument_rows(write(path, row(text("x"), text("y")) * 60_000))) == 60_000


def test_an_entity_bomb_is_refused(path):
    entities = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">]>'
    with pytest.raises(UserError, match=r"content\.xml: the part has a document type declaration"):
        opendocument_rows(write(path, row(text("&a;")), start=entities))


def damaged(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("content.xml", "<a><b>")


def without_content(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "x")


@pytest.mark.parametrize(
    "make",
    [lambda path: path.write_bytes(b""), lambda path: path.write_bytes(b"PK\x03\x04 no archive"),
     lambda path: Workbook().save(path), damaged, without_content],
)  # fmt: skip
def test_a_file_that_is_no_document_is_refused(path, make):
    make(path)
    with pytest.raises(
        UserError, match=r"likert\.r1\.ods: not a valid OpenDocument spreadsheet .*Save it again as \.ods"
    ):
        opendocument_rows(path)
