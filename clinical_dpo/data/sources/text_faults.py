"""Check the texts of rows for traces of a faulty export. Some traces are refused; others give a warning."""

import re
from collections.abc import Iterator, Mapping, Sequence
from html.entities import html5
from typing import Any

from clinical_dpo.data.tally import Tally
from clinical_dpo.errors import UserError
from clinical_dpo.io import Row
from clinical_dpo.limits import check_limit, limits

_BROKEN = re.compile("[\0\ud800-\udfff]")
_EXCEL_ERRORS = frozenset(
    ("#N/A", "#NAME?", "#REF!", "#VALUE!", "#DIV/0!", "#NUM!", "#NULL!", "#SPILL!", "#CALC!", "#FIELD!", "#BLOCKED!")
)
_MISSING = frozenset(("nan", "NaN", "NULL", "null", "None", "<NA>", "NaT", "\\N"))
_ENTITY = re.compile(r"&(?:#\d{1,7};|#[xX][0-9A-Fa-f]{1,6};|([A-Za-z][A-Za-z0-9]{1,31};))")
_TAG = re.compile(r"</?(?:br|p|div|span|b|i|u|li|ul|ol|table|tr|td)(?:\s[^<>]*)?/?>", re.IGNORECASE)
_CONTROL = re.compile("[\x01-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_MOJIBAKE = re.compile("[ÂÃ][\x80-\xbf]|â€|Ã[‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]")
_INVISIBLE = re.compile("[\ufeff\u200b\u2060]")


def check_text_faults(rows: Sequence[Row], where: str, numbers: Sequence[int] | None = None) -> Tally:
    """Check every text of every row. No text is changed.

    Args:
        rows: the rows.
        where: the file or data set of the rows.
        numbers: row numbers for messages; from 1 if None.

    Returns:
        Warnings: HTML, control characters, carriage returns, characters lost or garbled by a wrong encoding, invisible
        characters, missing values that are spelled out.

    Raises:
        UserError: a NUL, half a surrogate pair (UTF-8 cannot encode it), an error value of Excel, or more characters
            than `limits.characters`. The message names the location.
    """
    warnings = Tally()
    most = limits().characters
    for number, row in zip(numbers or range(1, len(rows) + 1), rows, strict=True):
        for column, text in _texts(row):
            location = f"row {number}, column '{column}'"
            if len(text) > most:
                check_limit(f"{where}, {location}", "characters", len(text), "characters")
            broken = _broken(text) or _broken(column)
            if broken:
                raise UserError(
                    f"{where}, row {number}: the character U+{ord(broken[0]):04X} in column "
                    f"'{_BROKEN.sub('?', column)}' is not text. Remove the character, or export the row again."
                )
            if text in _EXCEL_ERRORS:
                raise UserError(
                    f"{where}, {location}: the text is {text}, an error value of a spreadsheet. Correct the cell. If a "
                    "text begins with = or -, format its cell as text."
                )
            for warning in _warnings(text):
                warnings.add(warning, location)
    return warnings


def _broken(text: str) -> re.Match[str] | None:
    return _BROKEN.search(text) if "\0" in text or not text.isascii() else None  # most texts are ASCII


def _texts(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield the column (such as `context.contexts`) and content of every text in a row."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for name, part in value.items():
            yield from _texts(part, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part, path)


def _warnings(text: str) -> Iterator[str]:
    if "&" in text and any(not match[1] or match[1] in html5 for match in _ENTITY.finditer(text)):
        yield "HTML entities"
    if "<" in text and _TAG.search(text):
        yield "HTML tags"
    if "\r" in text:
        yield "carriage returns"
    if _CONTROL.search(text):
        yield "control characters"
    if text in _MISSING:
        yield "a missing value spelled out"
    if text.isascii():
        return
    if "\ufffd" in text:
        yield "U+FFFD, where characters were lost"
    if _MOJIBAKE.search(text):
        yield "characters garbled by a wrong encoding"
    if _INVISIBLE.search(text):
        yield "invisible characters"
