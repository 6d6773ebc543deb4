"""Read the first table of an OpenDocument spreadsheet (.ods), the format of LibreOffice.

Source of the element names: OASIS, "Open Document Format for Office Applications (OpenDocument) Version 1.3, Part 3".
"""

import re
import zipfile
from pathlib import Path
from typing import IO
from xml.etree.ElementTree import Element, ParseError, iterparse

from clinical_dpo.data.sources.bounded_workbooks import OPENDOCUMENT, check_workbook
from clinical_dpo.errors import UserError
from clinical_dpo.limits import check_limit

_OFFICE, _TABLE, _TEXT = (f"{{{OPENDOCUMENT}{part}:1.0}}" for part in ("office", "table", "text"))
_CELLS = (f"{_TABLE}table-cell", f"{_TABLE}covered-table-cell")
# Attributes with the value of a cell that is not text. The paragraphs of such a cell show the value in its format.
_VALUES = tuple(f"{_OFFICE}{name}" for name in ("value", "date-value", "time-value", "boolean-value", "string-value"))
_HIDDEN = (f"{_OFFICE}annotation", f"{_TEXT}note")  # comments on a cell are no part of its text
_MARKS = {f"{_TEXT}tab": "\t", f"{_TEXT}line-break": "\n"}
# A line break or tab character in the XML stands for a space. Line breaks and tabs of a text are elements. Of several
# spaces, all but the first should be an element, but LibreOffice writes plain spaces in a cell of several lines.
_BLANKS = re.compile(r" *[\t\r\n][ \t\r\n]*")


def opendocument_rows(path: Path) -> list[list[str]]:
    """Return the rows of the first table in the file. A row is a list of the cells' texts.

    A row ends at its last cell with a value. The table ends at its last row with a value.

    Raises:
        UserError: the file is no OpenDocument spreadsheet, has a password, or exceeds the run's limits.
    """
    try:
        check_workbook(path)
        with zipfile.ZipFile(path) as archive, archive.open("content.xml") as stream:
            return _FirstTable(path).read(stream)
    except (KeyError, NotImplementedError, OSError, ParseError, RuntimeError, zipfile.BadZipFile) as error:
        raise UserError(
            f"{path}: not a valid OpenDocument spreadsheet ({type(error).__name__}: {error}). Save it again as .ods or "
            ".xlsx, without a password."
        ) from None


class _FirstTable:
    """Reads the rows of a document's first table. A table that exceeds the config's `limits` raises UserError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._row = 1  # number of the row that is read
        self._widest = self._characters = 0  # in all rows so far: largest number of columns, repeated characters

    def read(self, stream: IO[bytes]) -> list[list[str]]:
        """Return the rows of the first table. A row is a list of the cells' texts.

        Args:
            stream: the XML of the document (content.xml).
        """
        rows: list[list[str]] = []
        for _, element in iterparse(stream):
            if element.tag == f"{_TABLE}table":
                break
            if element.tag == f"{_TABLE}table-row":
                texts, repeats = self._row_texts(element), self._number(element, f"{_TABLE}number-rows-repeated")
                element.clear()
                if texts:
                    self._count(rows=self._row + repeats - 1, characters=sum(map(len, texts)) * (repeats - 1))
                    rows += [[]] * (self._row - 1 - len(rows)) + [texts] * repeats
                self._row += repeats
        return rows

    def _row_texts(self, row: Element) -> list[str]:
        """Return the texts of a row's cells, without empty cells at the end of the row."""
        texts: list[str] = []
        column = 0
        for cell in row:
            if cell.tag in _CELLS:
                text, repeats = self._cell_text(cell), self._number(cell, f"{_TABLE}number-columns-repeated")
                if text:
                    self._count(columns=column + repeats, characters=len(text) * (repeats - 1))
                    texts += [""] * (column - len(texts)) + [text] * repeats
                column += repeats
        return texts

    def _cell_text(self, cell: Element) -> str:
        value = next((cell.attrib[name] for name in _VALUES if name in cell.attrib), None)
        if value is not None:
            return value
        return "\n".join(self._paragraph_text(paragraph) for paragraph in cell.findall(f"{_TEXT}p"))

    def _paragraph_text(self, element: Element) -> str:
        """Return the text of a paragraph. XML elements for spaces, tabs and line breaks become these characters."""
        parts = [_BLANKS.sub(" ", element.text or "")]
        for child in element:
            if child.tag == f"{_TEXT}s":
                spaces = self._number(child, f"{_TEXT}c")
                self._count(spaces=spaces, characters=spaces)
                parts.append(" " * spaces)
            elif child.tag not in _HIDDEN:
                parts.append(_MARKS.get(child.tag) or self._paragraph_text(child))
            parts.append(_BLANKS.sub(" ", child.tail or ""))
        return "".join(parts)

    def _number(self, element: Element, name: str) -> int:
        """Return the number of times that an element is repeated.

        Args:
            element: an element for repeated rows, cells or spaces.
            name: name of the attribute that holds the number. If the element lacks the attribute, the number is 1.

        Raises:
            UserError: the attribute is not a number of one to nine digits.
        """
        text = element.get(name, "1")
        if not re.fullmatch("[0-9]{1,9}", text):
            attribute = name.partition("}")[2]
            raise UserError(
                f"{self._path}, row {self._row}: attribute '{attribute}' is '{text[:80]}', not a number. Save the file "
                "again as .ods or .xlsx."
            )
        return int(text)

    def _count(self, rows: int = 0, columns: int = 0, spaces: int = 0, characters: int = 0) -> None:
        """Check that the table stays within the run's limits if a row, a cell or a series of spaces is added.

        A file stores repeated rows, cells and spaces once, with a number of repetitions. So the table of a small file
        can be very large. This method is called once per stored row, cell or series of spaces, before it is added.

        Args:
            rows: total number of rows, including the added row and its repetitions; 0 if no row is added.
            columns: number of columns of the row, including the added cell and its repetitions; 0 if no cell is added.
            spaces: number of spaces in the added series; 0 if no spaces are added.
            characters: number of characters that the repetitions add to the table.

        Raises:
            UserError: the table exceeds the run's limits.
        """
        where = f"{self._path}, row {self._row}"
        self._widest = max(self._widest, columns)
        self._characters += characters
        check_limit(where, "rows", rows, "rows")
        check_limit(where, "columns", columns, "columns")
        check_limit(where, "cells", rows * self._widest, "cells")
        check_limit(where, "characters", spaces, "characters in one cell")
        check_limit(where, "bytes", self._characters, "repeated characters")
