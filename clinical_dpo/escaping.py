"""Escape text from outside, such as ids, titles and answers, so that it is displayed as plain text and nothing else."""

import html
import re
from typing import Any

# Control characters except line feed and tab, characters that change the writing direction, Unicode line ends, and lone
# surrogates.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
# Characters with a meaning within a line of Markdown. An underscore within a word has none.
_MARKS = re.compile(r"[\\`*\[\]|~$#]|(?<![^\W_])_|_(?![^\W_])")
_START = re.compile(r"[-+=]|\d+(?=[.)](?: |\Z))")  # begins a list, or turns the line before into a heading


class Markdown(str):
    """Text that is already Markdown."""


def printable(text: str) -> str:
    r"""Escape the characters that could command a terminal: an escape character becomes `\x1b`, and so on."""
    return _UNPRINTABLE.sub(lambda sign: sign[0].encode("unicode_escape").decode("ascii"), text)


def markdown(text: str) -> Markdown:
    """One line of Markdown that displays a text unchanged. A `Markdown` text is returned as it is."""
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
    """A text as code within a line of Markdown, between more backticks than it contains in a row."""
    line = printable(" ".join(text.split()))
    fence = "`" * (1 + max(map(len, re.findall("`+", line)), default=0))
    space = " " if not line or "`" in (line[0], line[-1]) else ""
    return Markdown(f"{fence}{space}{line}{space}{fence}")


class Settings(dict[str, Any]):
    r"""Settings of a rule whose `repr` no web page reads as an element: each `<` in a text becomes `\x3c`.

    Snakemake copies the `repr` into its report without escaping it. Scripts receive an ordinary dict.
    """

    def __repr__(self) -> str:
        """The dict as Python code without `<`, which evaluates to the same values."""
        return super().__repr__().replace("<", "\\x3c")

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle an ordinary dict of the same values."""
        return dict, (dict(self),)
