"""The exceptions a user is meant to read, and the hint that most of their messages end with."""

import difflib
import re
from collections.abc import Iterable

from clinical_dpo.escaping import printable

USER = re.compile(r"(\b(?!hf:)[a-z][a-z0-9+.-]*://)\S*@", re.IGNORECASE)  # of hf:// it is a commit
QUERY = re.compile(r"(\b[a-z][a-z0-9+.-]*://[^\s?#]*[?#])[^\s'\"]+", re.IGNORECASE)


def without_passwords(text: str) -> str:
    """The text, in which no address shows a user, a password, a query or a fragment."""
    return QUERY.sub(r"\1***", USER.sub(r"\1***@", text))


def _told(message: str) -> str:
    return printable(without_passwords(message))


class UserError(Exception):
    """A mistake in configuration or data, told as: where, what is wrong, what would be right.

    Scripts print the message alone, without a traceback, and exit with status 1. An address in it shows no password,
    and what it quotes cannot command the terminal that shows it.
    """

    def __init__(self, message: str, public: str | None = None) -> None:
        """Keep the message.

        Args:
            message: for the log, and for the terminal where no text is private.
            public: as much of it as quotes no row; see PublicError.
        """
        super().__init__(_told(message))
        self.public = None if public is None else _told(public)

    def within(self, place: str, public_place: str | None = None, then: str = "") -> "UserError":
        """The same error with its place before it, and more after it; `public_place` where the place quotes a row."""
        before = place if public_place is None else public_place
        return UserError(f"{place}{self}{then}", None if self.public is None else f"{before}{self.public}{then}")


class PublicError(UserError):
    """A UserError that quotes nothing of a row: numbers, file names, keys, settings.

    The terminal is told it with `phi: true` too. Names of columns and ids may be a row's own words, so a message with
    one of them is no PublicError.
    """

    def __init__(self, message: str) -> None:
        """Keep the message."""
        super().__init__(message, message)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The known word nearest to a mistyped one, or all that are known."""
    words = list(known)
    near = difflib.get_close_matches(word, words, n=1, cutoff=0.5)
    return f" Did you mean '{near[0]}'?" if near else f" Known: {', '.join(words)}."
