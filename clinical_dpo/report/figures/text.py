"""Fit names of any length into a figure: measure their width, divide them into lines, and shorten them."""

import re
import unicodedata
import warnings
from bisect import bisect
from functools import cache

from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

from clinical_dpo.escaping import printable

FONT = "DejaVu Sans"  # comes with matplotlib
INCH = 72  # points
WIDE = 1.15  # font sizes: width of a wide character (Chinese). The font lacks it and draws a box of this width.
LONGEST = 400  # characters: a longer name always gets an ellipsis
_PIECES = re.compile(r"\s+|[^\s/_-]*[/_-]|[^\s/_-]+")  # pieces of a text; a line may end after each piece


@cache
def width_of(text: str, size: float, weight: str = "normal") -> float:
    """Width of a line of text in inches. A wide character, such as a Chinese one, counts as WIDE times the font size.

    Args:
        text: one line.
        size: font size in points.
        weight: weight of the font, such as "bold".
    """
    wide = [sign for sign in text if unicodedata.east_asian_width(sign) in "WF"]
    narrow = "".join(sign for sign in text if unicodedata.east_asian_width(sign) not in "WF")
    font = FontProperties(family=FONT, size=size, weight=weight)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a character that the font lacks
        width, _, _ = text_to_path.get_text_width_height_descent(narrow, font, ismath=False)
    return (width + WIDE * size * len(wide)) / INCH


def fitted(text: str, width: float, size: float, weight: str = "normal", lines: int = 1) -> str:
    """Divide a name into at most `lines` lines. A name that needs more lines gets an ellipsis in its middle.

    The end of the name stays, since names often differ there. The result has line breaks between the lines.

    Args:
        text: a name.
        width: largest width of a line in inches.
        size: font size in points.
        weight: weight of the font, such as "bold".
        lines: the largest number of lines.
    """
    text = printable(" ".join(text.split()))
    if len(text) <= LONGEST and len(whole := _fold(text, width, size, weight)) <= lines:
        return "\n".join(whole)
    sizes = range(min(len(text), LONGEST))  # numbers of characters that could be shown
    most = bisect(sizes, lines, key=lambda signs: len(_fold(_without_middle(text, signs), width, size, weight))) - 1
    return "\n".join(_fold(_without_middle(text, max(most, 1)), width, size, weight)[:lines])


def _without_middle(text: str, signs: int) -> str:
    """Shorten a text to `signs` characters, half from its beginning and half from its end, with an ellipsis between."""
    return f"{text[: (signs + 1) // 2].rstrip()}…{text[len(text) - signs // 2 :].lstrip()}"


def _fold(text: str, width: float, size: float, weight: str) -> list[str]:
    """Divide a text into lines of at most `width` inches. A word that is longer than a line is divided too."""
    lines = [""]
    for piece in _PIECES.findall(text):
        if width_of((lines[-1] + piece).rstrip(), size, weight) <= width:
            lines[-1] += piece
            continue
        if piece.isspace():
            continue
        if lines[-1]:
            lines.append("")
        for sign in piece:
            if lines[-1] and width_of(lines[-1] + sign, size, weight) > width:
                lines.append("")
            lines[-1] += sign
    return [line.rstrip() for line in lines]
