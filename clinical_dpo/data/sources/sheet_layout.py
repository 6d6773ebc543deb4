"""Read the merged cells, the hidden rows and columns, and the totals rows of a sheet of an Excel workbook.

openpyxl does not report these parts of the layout if it reads a sheet row by row.
"""

import posixpath
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple
from xml.parsers import expat

_CHUNK = 65_536  # bytes unpacked at a time
_Attributes = Mapping[str, str]


class Area(NamedTuple):
    """A rectangle of cells: its first and last column (`left`, `right`) and row (`top`, `bottom`), counted from 1."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def name(self) -> str:
        """The area's name in Excel, such as `A2:A4`."""
        # Imported late: it takes half a second, and only workbooks need it.
        from openpyxl.utils import get_column_letter

        return f"{get_column_letter(self.left)}{self.top}:{get_column_letter(self.right)}{self.bottom}"


@dataclass
class SheetLayout:
    """Merged cells, hidden rows and columns, and totals rows of one sheet.

    Attributes:
        merged: the merged cells.
        totals: row number of a totals row -> area of the Excel table to which this row belongs.
        hidden_rows: row numbers of the hidden rows, counted from 1.
        hidden_columns: ranges of adjacent hidden columns, as (first column, last column), counted from 1.
    """

    merged: list[Area] = field(default_factory=list)
    totals: dict[int, Area] = field(default_factory=dict)
    hidden_rows: set[int] = field(default_factory=set)
    hidden_columns: list[tuple[int, int]] = field(default_factory=list)

    def hides_column(self, column: int) -> bool:
        """Whether the sheet hides a column, counted from 1."""
        return any(first <= column <= last for first, last in self.hidden_columns)


def sheet_layout(path: Path, part: str) -> SheetLayout:
    """Return the merged cells, the hidden rows and columns, and the totals rows of a sheet.

    Args:
        path: a workbook that `check_workbook` has accepted.
        part: name of the sheet's part in the ZIP archive, such as `xl/worksheets/sheet1.xml`.
    """
    layout, row = SheetLayout(), 0

    def of_sheet(tag: str, attributes: _Attributes) -> None:
        nonlocal row
        if tag == "row":
            row = int(float(attributes.get("r", row + 1)))
            if _is_true(attributes, "hidden"):
                layout.hidden_rows.add(row)
        elif tag == "mergeCell":
            layout.merged += _areas(attributes)
        elif tag == "col" and _is_true(attributes, "hidden"):
            layout.hidden_columns.append((int(attributes["min"]), int(attributes["max"])))

    tables: list[str] = []
    folder, name = posixpath.split(part)

    def of_relations(tag: str, attributes: _Attributes) -> None:
        if tag == "Relationship" and attributes.get("Type", "").endswith("/table"):
            tables.append(posixpath.normpath(posixpath.join("/", folder, attributes["Target"])).lstrip("/"))

    def of_table(tag: str, attributes: _Attributes) -> None:
        if tag == "table" and attributes.get("totalsRowCount", "0") != "0":  # Excel writes 1 or nothing
            layout.totals |= {area.bottom: area for area in _areas(attributes)}

    with zipfile.ZipFile(path) as archive:
        parts = set(archive.namelist())
        _parse(archive, part, of_sheet)
        if (relations := f"{folder}/_rels/{name}.rels") in parts:
            _parse(archive, relations, of_relations)
        for table in [each for each in tables if each in parts]:
            _parse(archive, table, of_table)
    return layout


def _parse(archive: zipfile.ZipFile, part: str, start: Callable[[str, _Attributes], None]) -> None:
    """Call `start` for each element of a part. Pass the element's name without namespace, and its attributes."""
    parser = expat.ParserCreate(namespace_separator="}")
    parser.StartElementHandler = lambda tag, attributes: start(tag.rpartition("}")[2], attributes)
    with archive.open(part) as stream:
        while chunk := stream.read(_CHUNK):
            parser.Parse(chunk, False)


def _areas(attributes: _Attributes) -> list[Area]:
    """Return a list with the area that attribute `ref` names; an empty list if `ref` names whole columns or rows."""
    from openpyxl.utils import range_boundaries

    bounds = range_boundaries(attributes.get("ref", ""))
    return [Area(*bounds)] if None not in bounds else []


def _is_true(attributes: _Attributes, name: str) -> bool:
    return attributes.get(name) in ("1", "true")
