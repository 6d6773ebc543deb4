"""Lines for a terminal have at most 300 characters."""

import textwrap

LONGEST = 300  # characters


def folded(text: str) -> str:
    """Break each line of more than LONGEST characters. The next lines have two blanks more at their start."""
    return "\n".join(part for line in text.split("\n") for part in _parts(line))


def _parts(line: str) -> list[str]:
    if len(line) <= LONGEST:
        return [line]
    margin = " " * (len(line) - len(line.lstrip(" ")) + 2)
    options = {"break_on_hyphens": False, "replace_whitespace": False, "expand_tabs": False}
    return textwrap.wrap(line, LONGEST, subsequent_indent=margin[: LONGEST // 2], **options)
