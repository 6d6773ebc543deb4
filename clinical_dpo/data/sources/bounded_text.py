"""Files, CSV and JSON held to the run's limits before they become rows."""

import csv
import io
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from clinical_dpo.errors import UserError
from clinical_dpo.limits import check_limit, limits

# Of JSON: a text (without its closing mark where that is missing), a bracket, a comma. Possessive, so that no text of
# quotation marks and backslashes makes the search slow.
_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[\]{},]', re.DOTALL)


def check_size(path: Path) -> int:
    """Bytes of a file, which must be a regular one and within `limits.bytes`.

    Raises:
        UserError: a device or a pipe, which may have no end, or a file that is too large.
        OSError: the file is not there or cannot be looked at.
    """
    found = path.stat()
    if not stat.S_ISREG(found.st_mode) and not stat.S_ISDIR(found.st_mode):
        raise UserError(f"{path}: a device or a pipe, where a file is needed. Write its content into a file.")
    check_limit(path, "bytes", found.st_size, "bytes")
    return found.st_size


def bounded_bytes(path: Path) -> bytes:
    """The bytes of a file within `limits.bytes`. Raises as `check_size`, and OSError where it cannot be read."""
    size = check_size(path)
    with open(path, "rb") as file:
        content = file.read(size + 1)
    if len(content) > size:
        raise UserError(f"{path}: the file grows while it is read. Wait until it is written, and run again.")
    return content


class BoundedReader:
    """A csv.reader of text that stops where a table is larger than the run's limits.

    Attributes:
        line_num: lines read so far.
        cells: cells read so far.
    """

    def __init__(self, text: str, delimiter: str, where: object) -> None:
        """Read `text`, with `where` as its name in messages."""
        self._delimiter, self._where = delimiter, where
        self.cells = self._rows = self._marks = 0
        self._reader = csv.reader(self._lines(text), delimiter=delimiter, strict=True)

    @property
    def line_num(self) -> int:
        """Lines read so far."""
        return self._reader.line_num

    def __iter__(self) -> Iterator[list[str]]:
        """The rows, each a list of its cells.

        Raises:
            UserError: too many rows, columns or cells, or a cell with too many characters; with the line.
            csv.Error: quotation marks that do not match.
        """
        rows = iter(self._reader)
        while True:
            self._marks = 0
            usual = csv.field_size_limit(limits().characters)  # of all readers of this process
            try:
                cells = next(rows)
            except StopIteration:
                return
            except csv.Error as error:
                if "field limit" in str(error):
                    check_limit(self._place, "characters", limits().characters + 1, "characters in one cell")
                raise
            finally:
                csv.field_size_limit(usual)
            self._rows += 1
            self.cells += len(cells)
            check_limit(self._place, "columns", len(cells), "cells in one row")
            check_limit(self._place, "rows", self._rows, "rows")
            check_limit(self._place, "cells", self.cells, "cells")
            yield cells

    @property
    def _place(self) -> str:
        return f"{self._where}, line {self.line_num}"

    def _lines(self, text: str) -> Iterator[str]:
        """The lines of a text, as long as those of one row do not hold more cells than a table may."""
        for line in io.StringIO(text, newline=""):
            self._marks += line.count(self._delimiter)
            check_limit(self._place, "cells", self._marks, "cells in one row")
            yield line


def check_json(text: str, where: object) -> int:
    """The number of values in a JSON text, after a look at its brackets, commas and texts alone.

    Raises:
        UserError: too many values, too deep, or one text with too many characters. What is no JSON raises nothing.
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
                check_limit(where, "depth", depth, "lists and objects in each other")
        elif mark == ",":
            values += 1
        else:
            depth -= 1
        if values > most.cells:
            check_limit(where, "cells", values, "values")
    return values
