"""Exceptions whose messages users read, and the hint that ends many of these messages."""

import difflib
import re
from collections.abc import Iterable

from clinical_dpo.escaping import printable

USER = re.compile(r"(\b(?!hf:)[a-z][a-z0-9+.-]*://)\S*@", re.IGNORECASE)  # in hf:// the @ precedes a commit
QUERY = re.compile(r"(\b[a-z][a-z0-9+.-]*://[^\s?#]*[?#])[^\s'\"]+", re.IGNORECASE)


def without_passwords(text: str) -> str:
    """Replace user, password, query and fragment of every address in a text by ***."""
    return QUERY.sub(r"\1***", USER.sub(r"\1***@", text))


def _safe(message: str) -> str:
    """A message that shows no password and contains no terminal command."""
    return printable(without_passwords(message))


class UserError(Exception):
    """A mistake in configuration or data. The message says where it is, what is wrong and how to correct it.

    Scripts print the message alone, without a traceback, and exit with status 1. The message shows no password of an
    address. Control characters in quoted text are escaped, so they cannot command a terminal.
    """

    def __init__(self, message: str, public: str | None = None) -> None:
        """Keep the message.

        Args:
            message: for the log, and for the terminal unless the logs are private.
            public: a version of the message that quotes no row; see PublicError.
        """
        super().__init__(_safe(message))
        self.public = None if public is None else _safe(public)

    def within(self, prefix: str, public_prefix: str | None = None, suffix: str = "") -> "UserError":
        """The same error with text around its message.

        Args:
            prefix: where the mistake is; written before the message.
            public_prefix: replaces `prefix` in the public message, where `prefix` quotes a row.
            suffix: written after the message.
        """
        before = prefix if public_prefix is None else public_prefix
        return UserError(f"{prefix}{self}{suffix}", None if self.public is None else f"{before}{self.public}{suffix}")


class PublicError(UserError):
    """A UserError that quotes nothing of a row: it names numbers, files, keys and settings only.

    The terminal shows it with `phi: true` too. Column names and ids may contain private text. A message that quotes one
    of them must be a UserError.
    """

    def __init__(self, message: str) -> None:
        """Keep the message."""
        super().__init__(message, message)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint that names the known word nearest to a mistyped one, or all known words."""
    words = list(known)
    near = difflib.get_close_matches(word, words, n=1, cutoff=0.5)
    return f" Did you mean '{near[0]}'?" if near else f" Known: {', '.join(words)}."
