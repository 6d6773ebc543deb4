"""The rule by which labels, columns, ids and prompts are compared: after Unicode's canonical composition (NFC)."""

import re
import unicodedata


def nfc(text: str) -> str:
    """Return a text with composed characters: `è` may be one character, or `e` with an accent."""
    return unicodedata.normalize("NFC", text)


def comparable(text: str) -> str:
    """Return a text without differences of case, white space and Unicode form."""
    return nfc(" ".join(nfc(text).casefold().split()))


def comparable_id(row_id: str) -> str:
    """Return an id without differences that people overlook: those of `comparable`, and 007 or 7.0 for 7."""
    plain = comparable(row_id)
    number = re.fullmatch(r"0*(\d+)(?:\.0*)?", plain)
    return number[1] if number else plain
