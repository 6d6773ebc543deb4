"""Check an Excel workbook or OpenDocument spreadsheet against the run's limits.

The ZIP archive is checked first, then every XML part, element by element.
"""

import mmap
import posixpath
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, NoReturn
from xml.parsers import expat

from clinical_dpo.data.sources.bounded_text import check_size
from clinical_dpo.errors import UserError
from clinical_dpo.limits import check_limit, limits

_PARTS = 10_000  # files in the archive
_HELD = 250_000  # elements that openpyxl may hold in memory; it frees those of each row and shared text after reading
_CHUNK = 65_536  # bytes unpacked at a time
_ENTRY = re.compile(b"PK\x01\x02")  # signature of an entry in a ZIP archive's directory
# Compressions that Excel writes. LZMA is not among these: a file's LZMA header decides how much memory unpacking takes.
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_TOKEN = 1_048_576  # bytes of one tag with its attributes
_PART = re.compile(r"(?:.*/)?(worksheets/|sharedStrings)[^/]*\.xml")
_NAMESPACE = "http://schemas.openxmlformats.org/spreadsheetml/2006/main}"  # the only namespace that openpyxl reads
_ROW, _CELL, _TEXT = (_NAMESPACE + name for name in ("row", "c", "si"))
# Parts that openpyxl reads piece by piece. It loads a part whole if the part is not listed or declares another type.
_PIECES = {"worksheet": ("worksheets/", _ROW), "sharedStrings": ("sharedStrings", _TEXT)}
_COLUMN = re.compile(r"([A-Za-z]+)[0-9]+")
OPENDOCUMENT = "urn:oasis:names:tc:opendocument:xmlns:"  # begins the namespaces of OpenDocument
_OPENDOCUMENT_ROW = f"{OPENDOCUMENT}table:1.0}}table-row"  # a reader frees the elements of each row it has read


def check_workbook(path: Path) -> None:
    """Refuse a workbook that unpacks to more than the limits allow. The sizes that the workbook states are not trusted.

    A file whose name ends in .ods is checked as an OpenDocument spreadsheet. An element that stands for repeated rows,
    cells or spaces counts once here; `opendocument_rows` counts the repetitions.

    Raises:
        UserError: too many parts, bytes, elements, rows, columns, cells or characters; a document type declaration;
            a compression method that Excel does not use.
        zipfile.BadZipFile, OSError, RuntimeError: the file is not a ZIP archive, does not exist, or has a password.
    """
    if check_size(path):
        with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            entries = sum(1 for _ in islice(_ENTRY.finditer(content), _PARTS + 1))
        if entries > _PARTS:
            raise UserError(
                f"{path}: the ZIP archive has more than {_PARTS:,} files, too many for a workbook. Save the workbook "
                "again as .xlsx."
            )
    with zipfile.ZipFile(path) as archive:
        parts = archive.infolist()
        # zipfile unpacks at most the size that the archive's directory states.
        check_limit(path, "bytes", sum(part.file_size for part in parts), "bytes when unpacked")
        for part in parts:
            if part.compress_type not in _COMPRESSIONS:
                raise UserError(
                    f"{path}: part '{part.filename}' has a compression that Excel does not use. Save the workbook "
                    "again as .xlsx."
                )
            with archive.open(part) as stream:
                _PartCheck(f"{path}, {part.filename}", part.filename, path.suffix.lower() == ".ods").check(stream)


def bounded_rows(rows: Iterable[Any], where: object) -> Iterator[Any]:
    """Yield the rows of a sheet, and raise an error if the rows or their texts exceed the run's limits.

    A text counts once for each cell that shows it. The workbook may store the text only once.

    Args:
        rows: rows of cells or of values.
        where: file and sheet, for messages.

    Raises:
        UserError: more rows or cells than the limits allow, or more characters in all cells than `limits.bytes`. The
            message names the row.
    """
    characters = widest = 0
    for number, row in enumerate(rows, start=1):
        location = f"{where}, row {number}"
        values = (getattr(cell, "value", cell) for cell in row)
        characters += sum(len(value) for value in values if isinstance(value, str))
        widest = max(widest, len(row))
        check_limit(location, "bytes", characters, "characters in all cells")
        check_limit(location, "rows", number, "rows")
        check_limit(location, "cells", number * widest, "cells")
        yield row


class _PartCheck:
    """Checks one part of a workbook against the run's limits.

    A part is a file in the workbook's ZIP archive. It is parsed as a stream and is not saved.
    """

    def __init__(self, where: str, name: str, opendocument: bool) -> None:
        self._where, self._most = where, limits()
        self._xml = name.lower().endswith((".xml", ".rels"))
        self._row_tag = _OPENDOCUMENT_ROW if opendocument else _ROW
        if opendocument:
            self._piece = _OPENDOCUMENT_ROW if name == "content.xml" else None
        else:
            self._piece = next((tag for kind, tag in _PIECES.values() if kind == _kind(name)), None)
        self._depth = self._held = self._before = self._pieces = self._cells_at = 0
        self._row = self._column = self._widest = self._characters = 0
        self._parser = expat.ParserCreate(namespace_separator="}")  # a space may be part of a name
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text
        self._parser.StartDoctypeDeclHandler = self._doctype

    def check(self, stream: Any) -> None:
        """Parse the stream to its end, and raise an error if a limit is exceeded or the XML is not valid.

        A part whose name does not end in .xml or .rels, such as a picture, need not be XML. Parsing of such a part
        stops at the first syntax error without raising an error.
        """
        read = 0
        while chunk := stream.read(_CHUNK):
            read += len(chunk)
            try:
                self._parser.Parse(chunk, False)
            except expat.ExpatError as error:
                if self._xml:  # openpyxl may read on where this parser stops
                    self._refuse(f"the part is not valid XML ({error})")
                return
            if read - self._parser.CurrentByteIndex > _TOKEN + _CHUNK:
                self._refuse(f"the part has a tag of more than {_TOKEN:,} bytes")

    def _start(self, tag: str, attributes: Mapping[str, str]) -> None:
        self._depth += 1
        self._held += 1
        if self._depth > self._most.depth:
            check_limit(self._where, "depth", self._depth, "levels of nested XML elements")
        if tag in (self._row_tag, _TEXT):
            self._pieces += 1
            self._before, self._column, self._characters = self._held, 0, 0
        if tag == self._row_tag:
            self._cells_at = self._depth + 1
            self._row = _number(attributes.get("r"), self._row + 1)
            if max(self._row, self._pieces) > self._most.rows:
                check_limit(self._where, "rows", max(self._row, self._pieces), "rows")
        elif tag == _CELL or self._depth == self._cells_at:  # openpyxl takes every child of a row for a cell
            self._cell(attributes.get("r"))
        elif tag == _TEXT and self._pieces > self._most.cells:
            check_limit(self._where, "cells", self._pieces, "texts")
        self._check_declared(tag.rpartition("}")[2], attributes)
        if self._held > _HELD:
            self._refuse(f"the part has more than {_HELD:,} XML elements that are neither rows nor texts of cells")

    def _cell(self, reference: str | None) -> None:
        letters = _COLUMN.fullmatch(reference or "")
        self._column = _column(letters[1]) if letters else self._column + 1
        self._characters = 0
        self._widest = max(self._widest, self._column)
        if self._column > self._most.columns or self._row * self._widest > self._most.cells:
            location = f"{self._where}, {f'cell {reference}' if letters else f'row {self._row}'}"
            check_limit(location, "columns", self._column, "columns")
            check_limit(location, "cells", self._row * self._widest, "cells")

    def _check_declared(self, name: str, attributes: Mapping[str, str]) -> None:
        """Raise an error if the type that an XML element declares for a workbook part does not fit the part's name.

        For example, `worksheets/sheet1.xml` must be declared as a worksheet. Only parts whose names are those of sheets
        or of the shared texts are checked. The elements `Override` and `Relationship` declare types. Other elements are
        ignored.

        The run's limits for a part depend on its name, but openpyxl reads the part as the declared type.

        Args:
            name: tag of the element, without namespace.
            attributes: attributes of the element.
        """
        if name == "Override":
            part, declared = attributes.get("PartName", ""), attributes.get("ContentType", "").removesuffix("+xml")
        elif name == "Relationship":
            part, declared = attributes.get("Target", ""), attributes.get("Type", "")
        else:
            return
        kind = _kind(part)
        if kind and _PIECES.get(re.split(r"[./]", declared)[-1], ("", ""))[0] != kind:
            self._refuse(f"the workbook declares another type for part '{part[:80]}' than the part's name says")

    def _end(self, tag: str) -> None:
        self._depth -= 1
        if tag == self._row_tag:
            self._cells_at = 0
        if tag == self._piece:
            self._held, self._characters = self._before - 1, 0

    def _text(self, text: str) -> None:
        self._characters += len(text)
        if self._characters > self._most.characters:
            check_limit(self._where, "characters", self._characters, "characters in one cell")

    def _doctype(self, *_: Any) -> None:
        self._refuse("the part has a document type declaration, which is not allowed in workbooks")

    def _refuse(self, fault: str) -> NoReturn:
        raise UserError(f"{self._where}: {fault}. Copy only the values of the sheet into a new workbook.")


def _kind(part: str) -> str | None:
    """Return the kind of a workbook part: "worksheets/" (a sheet), "sharedStrings" (the shared texts), else None.

    The kind is read from the part's name: `xl/worksheets/sheet1.xml` -> "worksheets/".

    Args:
        part: name of the part.
    """
    match = _PART.fullmatch(posixpath.normpath(part))
    return match[1] if match else None


def _number(text: str | None, default: int) -> int:
    """Convert a row number from text, as it is in the file, to an integer: "12" -> 12.

    The result is `default` if the row has no number (`text` is None), or if openpyxl would refuse the text.
    """
    try:
        return default if text is None else int(float(text))
    except (OverflowError, ValueError):
        return default


def _column(letters: str) -> int:
    """Return the number of a column from its letters: A is 1, AA is 27. Only the first eight letters count."""
    number = 0
    for letter in letters.upper()[:8]:
        number = 26 * number + ord(letter) - ord("A") + 1
    return number
