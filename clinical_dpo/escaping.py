"""Escape text from outside, such as ids, titles and answers, so that it is displayed as plain text."""

import html
import re
from collections.abc import Iterable, Sequence
from typing import Any

# Control characters except line feed and tab, characters that change the writing direction, Unicode line ends, and
# surrogates without a partner.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
# Characters with a meaning within a line of Markdown. An underscore within a word has no meaning.
_MARKS = re.compile(r"[\\`*\[\]|~$#]|(?<![^\W_])_|_(?![^\W_])")
_START = re.compile(r"[-+=]|\d+(?=[.)](?: |\Z))")  # begins a list, or makes the line above a heading


class Markdown(str):
    """Text that is already Markdown and must not be escaped again."""


def printable(text: str) -> str:
    r"""Escape the characters that could command a terminal. For example, an escape character becomes `\x1b`."""
    return _UNPRINTABLE.sub(lambda sign: sign[0].encode("unicode_escape").decode("ascii"), text)


def markdown(text: str) -> Markdown:
    """Convert a text to one line of Markdown that displays the text's words unchanged.

    A text of type `Markdown` is returned unchanged.
    """
    if isinstance(text, Markdown):
        return text
    line = html.escape(printable(" ".join(text.split())), quote=False)
    line = _MARKS.sub(r"\\\g<0>", line)
    start = _START.match(line)
    if not start:
        return Markdown(line)
    last = start.end() - (not start[0].isdigit())
    return Markdown(f"{line[:last]}\\{line[last:]}")


def markdown_table(header: Sequence[str], rows: Iterable[Iterable[Any]]) -> str:
    """A Markdown table of a header and rows. Texts in it are escaped, except those of type `Markdown`."""
    lines = [header, [Markdown("---")] * len(header), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def _cell(value: Any) -> str:
    return markdown(value if isinstance(value, str) else str(value))


def code_span(text: str) -> Markdown:
    """Format a text as code within a line of Markdown.

    The delimiter has more backticks than the longest sequence of backticks in the text.
    """
    line = printable(" ".join(text.split()))
    fence = "`" * (1 + max(map(len, re.findall("`+", line)), default=0))
    space = " " if not line or "`" in (line[0], line[-1]) else ""
    return Markdown(f"{fence}{space}{line}{space}{fence}")


class Settings(dict[str, Any]):
    r"""The settings of a rule. In their `repr`, each `<` in a text is written as `\x3c`.

    Snakemake copies the `repr` into its HTML report without escaping it. A `<` could start an HTML element there.
    Scripts receive an ordinary dict.
    """

    def __repr__(self) -> str:
        """The dict as Python code without `<`. The code evaluates to the same values."""
        return super().__repr__().replace("<", "\\x3c")

    def __reduce__(self) -> tuple[Any, ...]:
        """Tell pickle to store these settings as an ordinary dict with the same values."""
        return dict, (dict(self),)
