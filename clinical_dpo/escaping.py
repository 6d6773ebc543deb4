"""Text from outside, such as ids, titles and answers, written so that it is nothing but text where it is shown."""

import html
import re
from typing import Any

# Control signs but line feed and tab, signs that turn the direction of writing, line ends of Unicode, half surrogates.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
# What means something within a line of Markdown; an underscore within a word means nothing.
_MARKS = re.compile(r"[\\`*\[\]|~$#]|(?<![^\W_])_|_(?![^\W_])")
_START = re.compile(r"[-+=]|\d+(?=[.)](?: |\Z))")  # begins a list, or a heading of the line before


class Markdown(str):
    """Text that is Markdown already."""


def printable(text: str) -> str:
    r"""Text that a terminal shows and does not obey: `\x1b` for the sign that begins a command, and so on."""
    return _UNPRINTABLE.sub(lambda sign: sign[0].encode("unicode_escape").decode("ascii"), text)


def markdown(text: str) -> Markdown:
    """One line of Markdown that shows a text as it is; what is Markdown already stays so."""
    if isinstance(text, Markdown):
        return text
    line = html.escape(printable(" ".join(text.split())), quote=False)
    line = _MARKS.sub(r"\\\g<0>", line)
    start = _START.match(line)
    if not start:
        return Markdown(line)
    last = start.end() - (not start[0].isdigit())
    return Markdown(f"{line[:last]}\\{line[last:]}")


def code_span(text: str) -> Markdown:
    """A text as code within a line of Markdown, in more backticks than it holds itself."""
    line = printable(" ".join(text.split()))
    fence = "`" * (1 + max(map(len, re.findall("`+", line)), default=0))
    space = " " if not line or "`" in (line[0], line[-1]) else ""
    return Markdown(f"{fence}{space}{line}{space}{fence}")


class Settings(dict[str, Any]):
    r"""Settings of a rule whose spelling no web page takes for an element: `\x3c` for each `<` in a text.

    Snakemake writes the spelling into its report as it is. Scripts get an ordinary dict.
    """

    def __repr__(self) -> str:
        """As Python spells a dict, and as Python reads it, without `<`."""
        return super().__repr__().replace("<", "\\x3c")

    def __reduce__(self) -> tuple[Any, ...]:
        """An ordinary dict of the same values."""
        return dict, (dict(self),)
