"""Fit names of any length into a figure: their width, their lines, and an ellipsis in the middle."""

import re
import unicodedata
import warnings
from functools import cache

from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

from clinical_dpo.escaping import printable

FONT = "DejaVu Sans"  # comes with matplotlib
INCH = 72  # points
LONGEST = 400  # characters that are measured of a name
_PIECES = re.compile(r"\s+|[^\s/_-]*[/_-]|[^\s/_-]+")  # a line may end after each of them


@cache
def width_of(text: str, size: float, weight: str = "normal") -> float:
    """Width of a line of text, in inches. Signs that are wide in their script (Chinese) count as wide as high.

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
    return (width + size * len(wide)) / INCH


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
    kept = text if len(text) <= LONGEST else f"{text[: LONGEST // 2]}…{text[-LONGEST // 2 :]}"
    most = len(kept)
    while len(folded := _fold(kept, width, size, weight)) > lines and most > 1:
        # The text is about as many times too long as it has too many lines; the last steps are of one sign.
        most = min(most - 1, int(most * lines / len(folded)) + 8)
        kept = f"{text[: (most + 1) // 2].rstrip()}…{text[len(text) - most // 2 :].lstrip()}"
    return "\n".join(folded[:lines])


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
