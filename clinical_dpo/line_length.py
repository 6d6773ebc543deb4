"""Break the lines of a text for a terminal, so that they have at most 300 characters."""

import textwrap

LONGEST = 300  # characters


def folded(text: str, longest: int = LONGEST) -> str:
    """Break each line of more than `longest` characters at blanks.

    The continuation lines are indented by two blanks more than the beginning of the broken line.
    """
    return "\n".join(part for line in text.split("\n") for part in _parts(line, longest))


def _parts(line: str, longest: int) -> list[str]:
    if len(line) <= longest:
        return [line]
    margin = " " * (len(line) - len(line.lstrip(" ")) + 2)
    return textwrap.wrap(
        line,
        longest,
        subsequent_indent=margin[: longest // 2],
        break_on_hyphens=False,
        replace_whitespace=False,
        expand_tabs=False,
    )
