"""The one exception a user is meant to read, and the hint that most of its messages end with."""

import difflib
from collections.abc import Iterable

from clinical_dpo.escaping import printable


class UserError(Exception):
    """A mistake in configuration or data, told as: where, what is wrong, what would be right.

    Scripts print the message alone, without a traceback, and exit with status 1. What a message quotes cannot command
    the terminal that shows it.
    """

    def __init__(self, message: str) -> None:
        """Take the message."""
        super().__init__(printable(message))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The known word nearest to a mistyped one, or all that are known."""
    words = list(known)
    near = difflib.get_close_matches(word, words, n=1, cutoff=0.5)
    return f" Did you mean '{near[0]}'?" if near else f" Known: {', '.join(words)}."
