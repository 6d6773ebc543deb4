"""Protect texts that a spreadsheet would compute as formulas: writing adds an apostrophe, and reading removes it."""

import unicodedata

_FORMULA_STARTS = "=+-@\u2212"  # spreadsheets read the minus sign U+2212 as a hyphen


def guarded(text: str) -> str:
    """Return the text for a CSV cell. A text that begins like a formula gets an apostrophe."""
    return f"'{text}" if _is_guardable(text) else text


def unguarded(text: str) -> str:
    """Return the text of a cell without the apostrophe that `guarded` added."""
    return text[1:] if text.startswith("'") and _is_guardable(text[1:]) else text


def _is_guardable(text: str) -> bool:
    """Whether a text begins like a formula: with `=`, `+`, `-`, `@` or the minus sign U+2212.

    Apostrophes at the beginning are ignored. After them, blanks and invisible characters before the first visible
    character are ignored too. However, if the first character after the apostrophes is a tab or a line end, the result
    is true. The full-width form of a sign, such as U+FF1D for `=`, counts as the sign, because East Asian spreadsheets
    read both forms alike.
    """
    bare = text.lstrip("'")
    if bare.startswith(("\t", "\r", "\n")):
        return True
    first = next((character for character in bare if unicodedata.category(character)[0] not in "ZC"), "")
    return bool(first) and unicodedata.normalize("NFKC", first)[0] in _FORMULA_STARTS
