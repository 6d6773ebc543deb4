"""Fit names of any length into a figure: their width, their lines, and an ellipsis in the middle."""

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
WIDE = 1.15  # width of a wide sign in font sizes: that of the box that stands for a sign which the font lacks
LONGEST = 400  # characters that are measured of a name
_PIECES = re.compile(r"\s+|[^\s/_-]*[/_-]|[^\s/_-]+")  # a line may end after each of them


@cache
def width_of(text: str, size: float, weight: str = "normal") -> float:
    """Width of a line of text, in inches. Signs that are wide in their script (Chinese) count WIDE.

    Args:
        text: one line.
        size: points.
        weight: of the font.
    """
    wide = [sign for sign in text if unicodedata.east_asian_width(sign) in "WF"]
    narrow = "".join(sign for sign in text if unicodedata.east_asian_width(sign) not in "WF")
    font = FontProperties(family=FONT, size=size, weight=weight)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a sign that the font lacks
        width, _, _ = text_to_path.get_text_width_height_descent(narrow, font, ismath=False)
    return (width + WIDE * size * len(wide)) / INCH


def fitted(text: str, width: float, size: float, weight: str = "normal", lines: int = 1) -> str:
    """A text in as many lines as it needs, at most `lines`; what is too long has an ellipsis in its middle.

    Names often differ at their end, so the end is shown.

    Args:
        text: a name.
        width: inches.
        size: points.
        weight: of the font.
        lines: the most lines.
    """
    text = printable(" ".join(text.split()))
    if len(text) <= LONGEST and len(whole := _fold(text, width, size, weight)) <= lines:
        return "\n".join(whole)
    sizes = range(min(len(text), LONGEST))  # signs shown
    most = bisect(sizes, lines, key=lambda signs: len(_fold(_without_middle(text, signs), width, size, weight))) - 1
    return "\n".join(_fold(_without_middle(text, max(most, 1)), width, size, weight)[:lines])


def _without_middle(text: str, signs: int) -> str:
    """A text with an ellipsis in place of all but some signs at its beginning and its end."""
    return f"{text[: (signs + 1) // 2].rstrip()}…{text[len(text) - signs // 2 :].lstrip()}"


def _fold(text: str, width: float, size: float, weight: str) -> list[str]:
    """Lines of a text. A word that is longer than a line is divided."""
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
