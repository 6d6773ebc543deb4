"""Check the size of files, CSV texts and JSON texts against the run's limits before rows are built from them."""

import csv
import io
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from clinical_dpo.errors import UserError
from clinical_dpo.limits import check_limit, limits

# Tokens of JSON: a text (its closing quote may be missing), a bracket, a comma. The quantifiers are possessive, because
# some sequences of quotes and backslashes would otherwise make the search slow.
_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[\]{},]', re.DOTALL)
_UNCLOSED = ", perhaps because a quotation mark is not closed"


def check_size(path: Path) -> int:
    """Check that a file is within `limits.bytes` and is not a device or a pipe, and return its size in bytes.

    A folder passes this check. Opening a folder later raises an OSError.

    Raises:
        UserError: the file is too large, or is a device or a pipe, which may have no end.
        OSError: the file does not exist or is not accessible.
    """
    status = path.stat()
    if not stat.S_ISREG(status.st_mode) and not stat.S_ISDIR(status.st_mode):
        raise UserError(f"{path}: this is a device or a pipe, not a file. Write the content into a file.")
    check_limit(path, "bytes", status.st_size, "bytes")
    return status.st_size


def bounded_bytes(path: Path) -> bytes:
    """Return the content of a file that has at most `limits.bytes` bytes.

    Raises:
        UserError: the file is too large, is a device or a pipe, or grows while it is read.
        OSError: the file does not exist or is not readable.
    """
    size = check_size(path)
    with open(path, "rb") as file:
        content = file.read(size + 1)
    if len(content) > size:
        raise UserError(f"{path}: the file grows while it is read. Wait until it is complete, and run again.")
    return content


class BoundedReader:
    """Reads the rows of a CSV text as csv.reader does, and raises an error if the table exceeds the run's limits.

    Attributes:
        line_num: number of lines read so far.
        cells: number of cells read so far.
    """

    def __init__(self, text: str, delimiter: str, where: object) -> None:
        """Prepare to read `text`. Its cells are separated by `delimiter`, and messages name the text as `where`."""
        self._delimiter, self._where = delimiter, where
        self.cells = self._rows = self._marks = 0
        self._reader = csv.reader(self._lines(text), delimiter=delimiter, strict=True)

    @property
    def line_num(self) -> int:
        """Number of lines read so far."""
        return self._reader.line_num

    def __iter__(self) -> Iterator[list[str]]:
        """Yield each row of the table as a list of cells.

        Raises:
            UserError: too many rows, columns or cells, or a cell with too many characters. The message names the line.
            csv.Error: quotation marks that do not match.
        """
        rows = iter(self._reader)
        while True:
            self._marks = 0
            previous_limit = csv.field_size_limit(limits().characters)  # all readers of this process share this limit
            try:
                cells = next(rows)
            except StopIteration:
                return
            except csv.Error as error:
                if "field limit" in str(error):
                    unit = f"characters in one cell{_UNCLOSED}"
                    check_limit(self._location, "characters", limits().characters + 1, unit)
                raise
            finally:
                csv.field_size_limit(previous_limit)
            self._rows += 1
            self.cells += len(cells)
            check_limit(self._location, "columns", len(cells), "cells in one row")
            check_limit(self._location, "rows", self._rows, "rows")
            check_limit(self._location, "cells", self.cells, "cells")
            yield cells

    @property
    def _location(self) -> str:
        return f"{self._where}, line {self.line_num}"

    def _lines(self, text: str) -> Iterator[str]:
        """Yield the lines of a text.

        Raises:
            UserError: a row, which may have several lines, has more delimiters than `limits.cells`.
        """
        for line in io.StringIO(text, newline=""):
            self._marks += line.count(self._delimiter)
            check_limit(self._location, "cells", self._marks, f"cells in one row{_UNCLOSED}")
            yield line


def check_json(text: str, where: object) -> int:
    """Check a JSON text against the run's limits, and return the number of its values.

    The text is not parsed. The number of values is 1 plus the number of opening brackets and commas outside of strings.

    Args:
        text: the JSON text.
        where: name of the text, with which a message begins.

    Raises:
        UserError: too many values, too deep nesting, or a string with too many characters. Invalid JSON raises no
            error.
    """
    most = limits()
    depth, values = 0, 1
    for token in _TOKEN.finditer(text):
        mark = text[token.start()]
        if mark == '"':
            length = token.end() - token.start() - 2
            if length > most.characters:
                check_limit(where, "characters", length, "characters in one text")
        elif mark in "[{":
            depth, values = depth + 1, values + 1
            if depth > most.depth:
                check_limit(where, "depth", depth, "levels of nested lists and objects")
        elif mark == ",":
            values += 1
        else:
            depth -= 1
        if values > most.cells:
            check_limit(where, "cells", values, "values")
    return values
