"""Recognise a wrong delimiter, decimal commas, and blanks around the quotation marks of CSV and TSV text."""

import csv
import io
import re
from collections.abc import Sequence
from itertools import islice, pairwise

from clinical_dpo.data.tally import Tally

DELIMITERS = {".csv": ",", ".tsv": "\t"}  # suffix of a file -> its delimiter, unless the task file names another
LIKELY = ";\t|,"  # separators of a header with a single cell
_DELIMITERS = ",;\t|^~¦§\x1f\x01"
_NAMES = {",": "commas", "\t": "tabs", ";": "semicolons", "|": "vertical bars", "^": "carets", "~": "tildes"}
_SAMPLE, _SAMPLE_ROWS = 262_144, 50  # characters and rows from which a delimiter is recognised
_BLANKS = " \t\u00a0\u2002\u2003\u2007\u2009\u200a\u202f\u3000"
_REMARK = re.compile(r"\W*(?:\d+ \w.*|total.*|sum.*|source.*|note:.*|exported.*|end of .*|[*-].*)", re.IGNORECASE)
_OTHER_QUOTES = "“”„«»‘’'"  # not the quotation mark of CSV


def delimiter_name(delimiter: str) -> str:
    """Return the word that messages use for a delimiter, such as `semicolons` for `;`."""
    return _NAMES.get(delimiter, repr(delimiter))


def delimiter_setting(delimiter: str) -> str:
    """Return the setting of a delimiter for messages: `delimiter: ";"`, for example, followed by `for this file`."""
    escaped = "\\t" if delimiter == "\t" else delimiter
    return f'`delimiter: "{escaped}"` for this file'


def likely_delimiter(text: str, delimiter: str) -> str | None:
    """Return the delimiter with which a table should probably be read; None if no other delimiter fits better.

    The returned delimiter divides every row into the same number of cells. It divides the header into more cells than
    the delimiter in use does.

    Args:
        text: the table's text. Only its first rows are examined.
        delimiter: the delimiter in use.
    """
    most = max(1, len(_rows(text, delimiter)[0]))
    likely = None
    for other in _DELIMITERS.replace(delimiter, ""):
        widths = [len(row) for row in _rows(text, other) if row]
        if len(widths) > 1 and len(set(widths)) == 1 and widths[0] > most:
            likely, most = other, widths[0]
    return likely


def _rows(text: str, delimiter: str) -> list[list[str]]:
    """Return the first rows of a table's text, or a single empty row if there are none."""
    sample = text if len(text) <= _SAMPLE else text[: text.rfind("\n", 0, _SAMPLE) + 1]
    try:
        return list(islice(csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter), _SAMPLE_ROWS)) or [[]]
    except csv.Error:
        return [[]]


def why_too_few(cells: Sequence[str], header: Sequence[str]) -> str:
    """Return sentences about a row with fewer cells than the header: the likely reason, and what to do."""
    mark = next((mark for mark in LIKELY if any(cell.count(mark) == len(header) - 1 for cell in cells)), None)
    if mark and len(cells) < len(header) - 1:
        return f"This row may be separated by {delimiter_name(mark)}. Separate all rows as the header is separated."
    if len(cells) == 1 and _REMARK.fullmatch(cells[0].strip()):
        return "The row may be a remark below the table. If so, delete the row."
    return "Complete the row. If a text has several lines, put it in quotes."


def why_too_many(cells: Sequence[str], header: Sequence[str], named: int, text: str, delimiter: str) -> str:
    """Return sentences about a row that has too many cells: the likely reason, and what to do.

    Args:
        cells: the cells of the row.
        header: the cells of the header.
        named: number of columns up to the last column with a name.
        text: the table's text.
        delimiter: the delimiter in use.
    """
    if named == 1:
        return "The first row must name all columns. Delete the rows above the names."
    if other := likely_delimiter(text, delimiter):
        return f"The columns may be separated by {delimiter_name(other)}: set {delimiter_setting(other)}."
    decimal = next((pair for pair in pairwise(cells) if re.search(r"\d\Z", pair[0]) and re.match(r"\d", pair[1])), None)
    if delimiter == "," and decimal:
        return (
            "A number may have a decimal comma, which also separates cells. Put such numbers in quotes, or export the "
            "file with semicolons between its columns."
        )
    if not any(cell.strip() for cell in cells[named:]):
        return f"The row ends with empty cells. Remove the {delimiter_name(delimiter)} at its end, or add a column."
    mark = next((cell.strip()[0] for cell in cells if cell.strip() and cell.strip()[0] in _OTHER_QUOTES), None)
    if mark:
        return f'Texts begin with {mark}, which is no quotation mark of CSV. Put every text in straight quotes (").'
    quoted = f"every text that contains {delimiter_name(delimiter)} in quotes"
    if len(cells) <= len(header):
        return f"Name every column that has values, or put {quoted}."
    widths = [len(row) for row in _rows(text, delimiter) if row and row != header]
    if len(widths) > 1 and set(widths) == {len(cells)}:
        return (
            f"All later rows have {len(cells)} cells. If the first row is a title, delete it. Otherwise put {quoted}."
        )
    return f"Put {quoted}."


def without_blanks_at_quotes(text: str, delimiter: str, repairs: Tally, offset: int = 0) -> str:
    """Return CSV or TSV text without the blanks between a delimiter and the quotation marks of a cell.

    Because of the blank in `, "Dysuria"`, Python's csv module would read the quotation marks as part of the text.

    Args:
        text: the table's text.
        delimiter: the delimiter.
        repairs: counts the cells with such blanks.
        offset: number of lines of the file before the text. The line numbers in `repairs` are those of the file.
    """
    blank = "[" + re.escape(_BLANKS.replace(delimiter, "")) + "]"
    end = rf"(?=[{re.escape(delimiter)}\r\n]|\Z)"
    if not re.search(rf'(?:\A|[{re.escape(delimiter)}\r\n]){blank}+"|"{blank}+{end}', text):
        return text
    cell = re.compile(
        rf'(?P<before>{blank}*+)(?P<quoted>"[^"]*+(?:""[^"]*+)*+"){blank}*+{end}|(?P<plain>[^{re.escape(delimiter)}\r\n]*+)'
    )
    parts, dropped, position = list[str](), Tally(), 0
    while position <= len(text):
        match = cell.match(text, position)
        assert match is not None  # a plain cell may be empty
        plain = (match["plain"] or "").lstrip(_BLANKS)
        if plain.startswith('"') and plain.count('"') % 2:  # the quotation marks do not match, which the reader reports
            return "".join([*parts, plain, text[match.end() :]])
        kept = match["quoted"] or match[0]
        if kept != match[0]:
            dropped.add("blanks dropped around the quotation marks of a cell", str(match.start()))
        parts.append(kept + text[match.end() : match.end() + 1])
        position = match.end() + 1
    for description, occurrence in dropped.occurrences.items():
        line = text.count("\n", 0, int(occurrence.first)) + 1 + offset
        for _ in range(occurrence.count):
            repairs.add(description, f"line {line}")
    return "".join(parts)
