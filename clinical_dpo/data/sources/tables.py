"""Read the rows of a table with a header. The table is CSV or TSV text, or one sheet of a workbook."""

import csv
import re
from collections.abc import Callable, Container, Iterable, Sequence
from typing import Any

from clinical_dpo.comparable import nfc
from clinical_dpo.data.sources.bounded_text import BoundedReader
from clinical_dpo.data.sources.delimiters import (
    LIKELY,
    delimiter_name,
    delimiter_setting,
    likely_delimiter,
    why_too_few,
    why_too_many,
    without_blanks_at_quotes,
)
from clinical_dpo.data.sources.text_repairs import without_invisible
from clinical_dpo.data.tally import Tally
from clinical_dpo.errors import PublicError, UserError, did_you_mean
from clinical_dpo.io import Row

_OTHER_FORMS = {  # form of a text -> pattern of its beginning, and what to do
    "HTML or XML": (
        re.compile(r"\s*<(?:!doctype|html|head|body|table|\?xml)\b", re.IGNORECASE),
        "Export the file as CSV.",
    ),
    "JSON": (re.compile(r'\s*(?:\{\s*"|\[\s*[\[{])'), "Give the file the extension .jsonl or .json."),
    "an HL7 message": (
        re.compile(r"(?:MSH|FHS|BHS)\|\^~\\&"),
        "Write one row for each message or item, and a row of names above.",
    ),
}
_RULE = re.compile(r":?-{2,}:?")  # a cell of the line that databases and Markdown draw under the names of columns


def delimited_rows(text: str, where: str, delimiter: str, ignore: Sequence[str], repairs: Tally) -> list[Row]:
    """Return the rows of CSV or TSV text. Quotation marks are read as spreadsheets write them.

    Raises:
        UserError: the text is HTML, JSON or HL7, the delimiter is wrong, quotation marks do not match, or a row has
            more or fewer cells than the header. A message about a row names its line.
    """
    for form, (begins, mend) in _OTHER_FORMS.items():
        if begins.match(text):
            raise PublicError(f"{where}: this is {form}, not a table with delimiters. {mend}")
    separator = re.match(r"sep=(.)\r?\n", text)
    if separator:  # a first line that Excel writes
        repairs.add("Excel's line 'sep=' skipped", "line 1")
        text, delimiter = text[separator.end() :], separator[1]
    offset = 1 if separator else 0
    text = without_blanks_at_quotes(text, delimiter, repairs, offset)
    reader = BoundedReader(text, delimiter, where)
    table: list[tuple[str, list[str]]] = []
    start = 1
    try:
        for cells in reader:
            location, start = f"line {start + offset}", reader.line_num + 1
            if not table and not "".join(cells).strip() and len(cells) < 2:
                repairs.add("empty row skipped", location)
                continue
            if not table:
                _check_delimiter(cells, text, delimiter, where)
            table.append((location, cells))
    except csv.Error as error:
        if not table and (likely := likely_delimiter(text, delimiter)):
            raise UserError(
                f"{where}: the delimiter is probably wrong, because the header goes on after a closing quotation mark. "
                f"Set {delimiter_setting(likely)}, or separate the columns by {delimiter_name(delimiter)}."
            ) from None
        raise UserError(
            f"{where}, from line {start + offset} on: the text has an unmatched quotation mark, or goes on after a "
            f"closing quotation mark ({error}). Export the file again. Put every text in quotes, and double the quotes "
            "within a text."
        ) from None
    if not table:
        return []
    header = table[0][1]
    named = max((number for number, name in enumerate(header, start=1) if name.strip()), default=len(header))
    for location, cells in table:
        if len(cells) > len(header) or any(cell.strip() for cell in cells[named:]):
            has = f"has {len(header)}" if named == len(header) else f"names {named} of its {len(header)} columns"
            raise PublicError(
                f"{where}, {location}: the row has {len(cells)} cells, but the header {has}. "
                f"{why_too_many(cells, header, named, text, delimiter)}"
            )
        if cells and len(cells) < len(header):
            raise UserError(
                f"{where}, {location}: the row has no cell for column '{header[len(cells)]}'. "
                f"{why_too_few(cells, header)}"
            )
    return rows_under_header(table, where, ignore, repairs, lambda cell, location: cell)


def _check_delimiter(header: Sequence[str], text: str, delimiter: str, where: str) -> None:
    """Raise an error if a table's header shows a wrong delimiter or wrong quotation marks.

    The delimiter counts as wrong in two cases:

    - Another delimiter fits the table better (see `likely_delimiter`), and a name in the header contains it.
    - The header is a single cell that contains another delimiter of LIKELY.

    Quotation marks are wrong if they enclose whole lines, or if all names are in single quotes. Columns that are
    aligned by blanks are an error too.

    Args:
        header: the cells of the header, as divided by `delimiter`.
        text: the table's text.
        delimiter: the delimiter in use.
        where: the file, for messages.
    """
    lines = text.splitlines()[:2]
    if len(header) == 1 and delimiter in header[0] and all(line[:1] == line[-1:] == '"' for line in lines):
        raise UserError(
            f"{where}: the header has only one column, '{header[0]}', because quotation marks enclose whole lines. "
            "Export the file again with quotation marks around single cells, or without quotation marks."
        )
    if len(header) == 1 and re.search(r"\w {2,}\w", header[0]):
        raise UserError(
            f"{where}: the header has only one column, '{header[0]}'. The columns seem to be aligned by blanks. Export "
            f"the file again with {delimiter_name(delimiter)} between the columns."
        )
    if header and all(len(name) > 1 and name[0] == name[-1] == "'" for name in header):
        raise UserError(
            f"{where}, header: the names are in single quotes ('). Put every text in straight quotes (\") instead."
        )
    likely = likely_delimiter(text, delimiter)
    if len(header) == 1:
        likely = likely or next((mark for mark in LIKELY if mark != delimiter and mark in header[0]), None)
    if not likely or not any(likely in name for name in header):
        return
    columns = f"only one column, '{header[0]}'" if len(header) == 1 else f"the columns {', '.join(map(repr, header))}"
    instead = f", or separate the columns by {delimiter_name(delimiter)}"
    if likely != "," and re.search(r"[0-9],[0-9]", text):
        instead = ". Numbers with a decimal comma, such as 38,5, stay as they are"
    raise UserError(
        f"{where}: the delimiter is probably wrong, because the header has {columns}. Set "
        f"{delimiter_setting(likely)}{instead}."
    )


def rows_under_header(
    table: Sequence[tuple[str, Sequence[Any]]],
    where: str,
    ignore: Sequence[str],
    repairs: Tally,
    content: Callable[[Any, str], str | int | float],
    unread: dict[str, str] | None = None,
) -> list[Row]:
    """Return the rows of a table whose first row, the header, names the columns.

    Args:
        table: for each row, its location (`line 3`) and its cells.
        where: the file, and the sheet of a workbook, for messages.
        ignore: columns that are not read.
        repairs: counts the repairs: skipped empty rows, skipped repetitions of the header, a skipped row of dashes
            below the header, and cleaned column names (`_column_name`).
        content: a function of a cell and its location. It returns the cell's text or number, and raises a UserError if
            the cell has neither.
        unread: column -> reason. A column is added if `content` cannot read one of its cells. The returned rows lack
            all columns in `unread`. If `unread` is None, the error of `content` is raised instead.

    Raises:
        UserError: no column has a name, two columns have the same name, a name in `ignore` is not a column, or a column
            without a name contains a value. An error of `content` is also raised if its cell is in the header or in a
            column without a name, or if `unread` is None.
    """
    first, cells = table[0]
    names = [str(content(cell, first)) for cell in cells]
    header = [_column_name(name, repairs) for name in names]
    if not any(header):
        raise UserError(
            f"{where}, header: no column has a name. Write the names of the columns into the first row, and delete "
            "empty rows above them."
        )
    twice = next((name for name in header if name and header.count(name) > 1), None)
    if twice is not None:
        raise UserError(f"{where}, header: column '{twice}' comes twice. Make column names unique.")
    check_columns(ignore, header, where)
    ignored = set(map(nfc, ignore))
    read = [i for i, name in enumerate(header) if name not in ignored]
    rows: list[Row] = []
    for location, cells in table[1:]:
        beyond = range(len(header), len(cells))
        values: dict[int, str | int | float] = {}
        for i in (*read, *beyond):
            try:
                values[i] = content(cells[i], location) if i < len(cells) else ""
            except UserError as error:
                if unread is None or i in beyond or not header[i]:
                    raise
                unread.setdefault(header[i], f"{error} Alternatively, name the column in `ignore`.")
                values[i] = str(error)  # the cell is not empty
        if not any(str(value).strip() for value in values.values()):
            repairs.add("empty row skipped", location)
            continue
        texts = [(header[i], nfc(str(values[i]).strip())) for i in read if header[i]]
        if len(texts) > 1 and all(text == name for name, text in texts):
            repairs.add("repeated row of column names skipped", location)
            continue
        if len(texts) > 1 and not rows and all(_RULE.fullmatch(text) for _, text in texts):
            repairs.add("row of dashes below the column names skipped", location)
            continue
        nameless = next(
            (str(value) for i, value in values.items() if value != "" and (i in beyond or not header[i])), None
        )
        if nameless is not None:
            raise UserError(
                f"{where}, {location}: '{nameless[:40]}' is in a column without a name. Name the column. If the "
                "column names are in a lower row, delete the rows above that row."
            )
        rows.append({header[i]: values[i] for i in read if header[i]})
    return without_columns(rows, unread or {})


def _column_name(written: str, repairs: Tally) -> str:
    """Return a column's name without invisible characters and outer white space. A non-breaking space becomes a space.

    `repairs` counts these changes.
    """
    seen = without_invisible(written)
    name = seen.replace("\xa0", " ").strip()
    for description, changed in (
        ("invisible characters dropped from a column's name", seen != written),
        ("white space dropped around a column's name", seen.strip() != seen),
        ("non-breaking space in a column's name read as a blank", "\xa0" in seen.strip()),
    ):
        if changed:
            repairs.add(description, f"column '{name}'")
    return nfc(name)


def without_columns(rows: list[Row], names: Container[str]) -> list[Row]:
    """Return the rows without the columns that `names` contains. `names` are in Unicode form NFC."""
    return [{name: value for name, value in row.items() if nfc(name) not in names} for row in rows] if names else rows


def check_columns(names: Iterable[str], columns: Iterable[str], where: str, key: str = "ignore") -> None:
    """Raise an error if a name that a source lists under `key` is not the name of a column."""
    known = [nfc(name) for name in columns if name]
    for name in names:
        if nfc(name) not in known:
            raise UserError(f"{where}: `{key}` names '{name}', which is not a column.{did_you_mean(name, known)}")
