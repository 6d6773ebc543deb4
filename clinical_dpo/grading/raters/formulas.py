"""Texts that a spreadsheet would compute: an apostrophe before them makes them texts, and goes when they come back."""

import unicodedata

_SIGNS = "=+-@\u2212"  # with which a formula begins; spreadsheets take the minus sign for a hyphen


def guarded(text: str) -> str:
    """A text for a cell of a CSV file."""
    return f"'{text}" if _is_guardable(text) else text


def unguarded(text: str) -> str:
    """The text that such a cell was made of."""
    return text[1:] if text.startswith("'") and _is_guardable(text[1:]) else text


def _is_guardable(text: str) -> bool:
    """Whether a text begins like a formula, behind blanks, signs that nobody sees, and apostrophes.

    Full-width signs count as the signs they stand for, since spreadsheets of East Asia take them so.
    """
    bare = text.lstrip("'")
    if bare.startswith(("\t", "\r", "\n")):
        return True
    first = next((sign for sign in bare if unicodedata.category(sign)[0] not in "ZC"), "")
    return bool(first) and unicodedata.normalize("NFKC", first)[0] in _SIGNS
