"""Data files and raters' files that would unpack to more than the limits are refused before they are unpacked."""

import csv
import io
import json
import os
import re
import struct
import tracemalloc
import zipfile

import pytest
from openpyxl import Workbook

from clinical_dpo.errors import UserError
from clinical_dpo.grading.raters.rating_files import rating_files, read_ratings
from clinical_dpo.limits import Limits
from clinical_dpo.yaml_files import read_yaml
from tests.conftest import ROOT
from tests.helpers.tables import read_rows

READERS = (read_rows, read_ratings)  # of a data source, and of a rater's file
SHEET, STRINGS, STYLES = "xl/worksheets/sheet1.xml", "xl/sharedStrings.xml", "xl/styles.xml"
TYPES, LINKS = "[Content_Types].xml", "xl/_rels/workbook.xml.rels"
SPACE = b'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
DECLARED = (
    b'<Override PartName="/%s" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.%s+xml"/>'
)


def book(path, change=None, packed=zipfile.ZIP_DEFLATED):
    """Write a workbook of two rows; `change` may replace its parts or add some."""
    made, plain = Workbook(), io.BytesIO()
    for row in (["item_id", "text_sha256", "rating"], ["1", "a", "correct"]):
        made.active.append(row)
    made.save(plain)
    with zipfile.ZipFile(plain) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    if change:
        change(parts)
    with zipfile.ZipFile(path, "w", packed) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return path


def into(part, end, added):
    """A change that adds bytes before the end tag of a part."""

    def change(parts):
        parts[part] = parts[part].replace(end, added + end)

    return change


def in_sheet(rows):
    return into(SHEET, b"</sheetData>", rows)


def replaced(part, old, new):
    """A change that replaces bytes in a part."""

    def change(parts):
        assert old in parts[part]
        parts[part] = parts[part].replace(old, new)

    return change


def shared_text(parts):
    """Add 900 cells that share one text of 18 kB."""
    cells = b'<row><c t="s"><v>0</v></c></row>' * 900
    in_sheet(cells)(parts)
    into(TYPES, b"</Types>", DECLARED % (STRINGS.encode(), b"sharedStrings"))(parts)
    parts[STRINGS] = b"<sst %s><si><t>%s</t></si></sst>" % (SPACE, b" x" * 9000)


def strings_as_sheet(parts):
    """Declare a sheet as the shared texts too, which are read by other code."""
    into(TYPES, b"</Types>", DECLARED % (SHEET.encode(), b"sharedStrings"))(parts)


ROW = b'<row r="1"/>'
BOOKS = {  # fault -> change of a workbook, pattern of the message
    "a column beyond all": (in_sheet(b'<row><c r="XFD1"><v>1</v></c></row>'), r"cell XFD1: 16,384.*limits.columns"),
    "a column without end": (in_sheet(b'<row><c r="%s1"/></row>' % (b"Z" * 5000)), "limits.columns"),
    "a row beyond all": (in_sheet(b'<row r="1048577"/>'), "1,048,577 or more rows.*limits.rows"),
    "a row number without end": (in_sheet(b'<row r="%s"/>' % (b"9" * 200)), "limits.rows"),
    "one row a thousand times": (in_sheet(ROW * 1001), "limits.rows"),
    "many cells in all": (in_sheet(b'<row r="900"><c r="CV900"/></row>'), "limits.cells"),
    "one cell a million times": (in_sheet(b"<row>%s</row>" % (b'<c r="A1"/>' * 300_000)), "XML elements"),
    "styles without end": (
        into(STYLES, b"</styleSheet>", b"<a/>" * 300_000),
        "styles.xml: the part has more than .* XML elements",
    ),
    "texts that no sheet clears": (in_sheet((b"<si>" + b"<t/>" * 30 + b"</si>") * 10_000), "XML elements"),
    "a long text": (in_sheet(b'<row><c t="inlineStr"><is><t>%s</t></is></c></row>' % (b"a" * 20_001)), "characters"),
    "a tag without end": (in_sheet(b'<row x="%s"/>' % (b"a" * 3_000_000)), "a tag of more than"),
    "elements in each other": (in_sheet(b"<a>" * 100 + b"</a>" * 100), "limits.depth"),
    "entities": (replaced(SHEET, b"<worksheet", b'<!DOCTYPE a [<!ENTITY b "c">]><worksheet'), "document type"),
    "a large part": (in_sheet(b" " * 30_000_000), "bytes when unpacked.*limits.bytes"),
    "a part that is not read": (lambda parts: parts.update({"media.png": bytes(30_000_000)}), "limits.bytes"),
    "many parts": (lambda parts: parts.update({f"{number}": b"" for number in range(10_001)}), "ZIP archive has more"),
    "a name with a blank, where one parser stops": (
        replaced(STYLES, b"</styleSheet>", b'<b xmlns:x="a b"/>' + b"<a/>" * 300_000 + b"</styleSheet>"),
        "styles.xml: the part has more than .* XML elements",
    ),
    "a name with a brace": (in_sheet(b'<b xmlns:x="a}b"/>'), "sheet1.xml: the part is not valid XML"),
    "links that are no XML": (
        into(LINKS, b"</Relationships>", b"<a></b>"),
        "workbook.xml.rels: the part is not valid XML",
    ),
    "rows that are no rows": (in_sheet((b'<row xmlns="">' + b"<a/>" * 300 + b"</row>") * 1000), "XML elements"),
    "texts that are no texts": (in_sheet(b'<si xmlns=""/>' * 300_000), "XML elements"),
    "a cell of another name": (in_sheet(b'<row><c xmlns="" r="XFD1"/></row>'), r"cell XFD1.*limits.columns"),
    "a text that many cells show": (shared_text, "characters in all cells.*limits.bytes"),
    "a sheet declared as shared texts": (strings_as_sheet, "declares another type"),
    "a sheet linked as a chart": (
        replaced(LINKS, b"relationships/worksheet", b"relationships/chartsheet"),
        "declares another type",
    ),
}


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("fault", BOOKS)
def test_a_workbook_that_unpacks_to_too_much_is_refused_within_20_mb(tmp_path, limited, read, fault):
    change, message = BOOKS[fault]
    limited(rows=1000, cells=50_000, characters=20_000, bytes=12_000_000)
    path = book(tmp_path / "a.xlsx", change)
    tracemalloc.start()
    try:
        with pytest.raises(UserError, match=re.compile(message, re.DOTALL)) as error:
            read(path)
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()
    assert str(path) in str(error.value)


@pytest.mark.parametrize("read", READERS)
def test_a_workbook_with_an_unusual_compression_is_refused(tmp_path, read):
    with pytest.raises(UserError, match="a compression that Excel does not use"):
        read(book(tmp_path / "lzma.xlsx", packed=zipfile.ZIP_LZMA))


@pytest.mark.parametrize("read", READERS)
def test_a_workbook_that_states_a_wrong_size_is_refused(tmp_path, read):
    path = book(tmp_path / "lies.xlsx", in_sheet(b" " * 5_000_000))
    raw = bytearray(path.read_bytes())
    entry = next(
        match.start() for match in re.finditer(b"PK\x01\x02", raw) if raw.startswith(b"xl/work", match.end() + 42)
    )
    raw[entry + 24 : entry + 28] = struct.pack("<I", 2000)  # its size in the directory
    path.write_bytes(raw)
    with pytest.raises(UserError, match="not a valid Excel workbook"):
        read(path)


@pytest.mark.parametrize("digits", [16, 31, 4000])
def test_a_number_of_more_than_15_digits_in_a_workbook_is_refused_with_its_cell(tmp_path, digits):
    path = book(tmp_path / "a.xlsx", in_sheet(b'<row><c r="A3"><v>%s</v></c></row>' % (b"9" * digits)))
    with pytest.raises(UserError, match=r"cell A3: the number .* is too long, because Excel stores only 15 digits"):
        read_rows(path)


def test_a_workbook_within_the_limits_is_read(tmp_path, limited):
    limited(rows=2, columns=3, cells=6)
    path = book(tmp_path / "a.xlsx")
    assert [row["rating"] for row in read_rows(path)] == [row["rating"] for row in read_ratings(path)] == ["correct"]


def test_a_workbook_of_one_cell_too_many_is_refused(tmp_path, limited):
    limited(rows=2, columns=3, cells=5)
    path = book(tmp_path / "a.xlsx")
    with pytest.raises(UserError, match=r"limits\.cells"):
        read_rows(path)


TEXTS = {  # file -> content, limits, pattern of the message
    "large.csv": (b"item_id\n" + b"x\n" * 600, {"bytes": 1000}, "1,208 or more bytes"),
    "rows.csv": (b"item_id,text_sha256,rating\n" + b"1,a,b\n" * 10, {"rows": 10}, "line 11: 11 or more rows"),
    "empty.csv": (b"item_id\n" + b"\n" * 20, {"rows": 10}, "limits.rows"),
    "columns.csv": (b"," * 10, {"columns": 10}, "line 1: 11 or more cells in one row"),
    "cells.csv": (b"a,b\n" + b"1,2\n" * 10, {"cells": 20}, "limits.cells"),
    "line.csv": (b"," * 1000, {"cells": 100}, "1,000 or more cells in one row"),
    "lines.csv": (b'a"\n' + b'"' + b'",,,,,,,,,"\n' * 50, {"cells": 100}, "cells"),
    "cell.csv": (b'item_id\n"' + b"x" * 101 + b'"\n', {"characters": 100}, "characters in one cell"),
    "deep.json": (b"[" * 60 + b"]" * 60, {}, "51 or more levels of nested lists and objects"),
    "objects.json": (b'{"a":' * 60, {}, "limits.depth"),
    "values.json": (b"[" + b"[]," * 200 + b"[]]", {"cells": 100}, "values"),
    "text.json": (b'[{"a": "' + b"x" * 200 + b'"}]', {"characters": 100}, "characters in one text"),
    "escaped.json": (b'[{"a": "' + rb"\"" * 200 + b'"}]', {"characters": 100}, "characters in one text"),
}


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("name", TEXTS)
def test_a_text_file_beyond_the_limits_is_refused(tmp_path, limited, read, name):
    content, values, message = TEXTS[name]
    limited(**values)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=message) as error:
        read(tmp_path / name)
    assert name in str(error.value)


@pytest.mark.parametrize(
    ("content", "values", "message"),
    [
        (b'{"a": 1}\n' * 11, {"rows": 10}, "lines"),
        (b'{"a": [1, 2, 3]}\n' * 9, {"cells": 40}, "line 9: 45 or more values"),
        (b"\n" * 100, {"rows": 10}, "limits.rows"),
        (b'{"a": ' + b"[" * 60, {}, "line 1: 51 or more"),
    ],
)
def test_json_lines_beyond_the_limits_are_refused(tmp_path, limited, content, values, message):
    limited(**values)
    (tmp_path / "a.jsonl").write_bytes(content)
    with pytest.raises(UserError, match=message):
        read_rows(tmp_path / "a.jsonl")


def test_a_limit_leaves_the_field_size_of_the_csv_module_unchanged(tmp_path, limited):
    default = csv.field_size_limit()
    limited(characters=100)
    path = tmp_path / "rows.csv"
    path.write_text("id,text\n1," + "x" * 101 + "\n")
    with pytest.raises(UserError, match="characters in one cell"):
        read_rows(path)
    assert csv.field_size_limit() == default


def test_brackets_and_commas_within_a_string_count_as_text(tmp_path, limited):
    limited(depth=10, cells=20)
    rows = [{"id": "1", "note": '[[[[[[[[[[[[[,,,,,,,,,,,,,,,,,,,,,{{{{ "\\" \\\\'}]
    (tmp_path / "a.json").write_text(json.dumps(rows))
    assert read_rows(tmp_path / "a.json") == rows


def test_an_unclosed_string_of_escaped_quotation_marks_is_refused(tmp_path):
    """A search that starts again at each escaped mark would take hours."""
    (tmp_path / "a.json").write_bytes(b'["' + rb"\"" * 300_000)
    with pytest.raises(UserError, match="not valid JSON"):
        read_rows(tmp_path / "a.json")


def test_a_duplicate_key_among_a_hundred_thousand_is_refused(tmp_path):
    (tmp_path / "b.json").write_text(json.dumps({str(i): {} for i in range(100_000)})[:-1] + ', "99999": {}}')
    with pytest.raises(UserError, match="'99999' comes twice"):
        read_rows(tmp_path / "b.json")


def test_a_pipe_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "a.csv")
    with pytest.raises(UserError, match="a device or a pipe"):
        read_rows(tmp_path / "a.csv")


def test_a_large_file_of_a_rater_is_refused_before_it_is_compared(tmp_path, limited):
    (tmp_path / "correctness.anna.csv").write_bytes(b"x" * 2000)
    limited(bytes=1000)
    with pytest.raises(UserError, match=r"limits\.bytes"):
        rating_files(tmp_path, "correctness")


def test_the_defaults_equal_the_config():
    assert Limits(**read_yaml(ROOT / "config/config.yaml")["limits"]) == Limits()
