"""Exceptions with messages for users, the error for a missing file, and a hint for mistyped words."""

import difflib
import re
from collections.abc import Iterable

from clinical_dpo.escaping import printable

USER = re.compile(r"(\b(?!hf:)[a-z][a-z0-9+.-]*://)\S*@", re.IGNORECASE)  # not hf://, where @ precedes a commit
QUERY = re.compile(r"(\b[a-z][a-z0-9+.-]*://[^\s?#]*[?#])[^\s'\"]+", re.IGNORECASE)


def without_passwords(text: str) -> str:
    """Replace the user, password, query and fragment of every address with `://` by ***.

    In an hf:// address the text before the @ stays, because a commit follows the @.
    """
    return QUERY.sub(r"\1***", USER.sub(r"\1***@", text))


def _safe(message: str) -> str:
    """The message without passwords and with escaped control characters."""
    return printable(without_passwords(message))


class UserError(Exception):
    """A mistake in configuration or data. The message says where the mistake is, what is wrong, and what to do.

    Scripts print only the message, without a traceback, and exit with status 1. Passwords in addresses are removed from
    the message. Control characters in quoted text are escaped, because they could command a terminal.
    """

    def __init__(self, message: str, public: str | None = None) -> None:
        """Save the message.

        Args:
            message: the full message. The log shows it. The terminal shows it unless the logs are private.
            public: a version of the message that quotes no row, for the terminal if the logs are private.
        """
        super().__init__(_safe(message))
        self.public = None if public is None else _safe(public)

    def within(self, prefix: str, public_prefix: str | None = None, suffix: str = "") -> "UserError":
        """Return a new error that has this error's message with text before and after it.

        If this error has a public message (`public`, a version that quotes no row), the new error has one too.

        Args:
            prefix: where the mistake is; written before the message.
            public_prefix: prefix of the public message; needed if `prefix` quotes a row. If None, `prefix` is used.
            suffix: written after the message and after the public message.
        """
        before = prefix if public_prefix is None else public_prefix
        return UserError(f"{prefix}{self}{suffix}", None if self.public is None else f"{before}{self.public}{suffix}")


class PublicError(UserError):
    """A UserError that quotes no row: its message names only numbers, files, keys and settings.

    The terminal shows the message even for a task with private text (`phi: true`). Column names and ids may contain
    private text. An error that quotes a column name or an id must be a UserError, not a PublicError.
    """

    def __init__(self, message: str) -> None:
        """Save the message. The terminal shows it even if the logs are private."""
        super().__init__(message, message)


def missing_file(path: object) -> PublicError:
    """The error for a user's file that does not exist."""
    return PublicError(f"{path}: no such file. Add the file, or change the path in the task file.")


def unreadable_file(path: object, error: OSError) -> PublicError:
    """The error for a user's file that the system does not let this user read."""
    return PublicError(
        f"{path}: cannot be read ({error.strerror}). Name an existing file, and give this user permission to read the "
        "file."
    )


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint for a mistyped word: the most similar known word, or all known words if none is similar.

    The hint begins with a blank, so that it can follow a sentence.
    """
    words = list(known)
    near = difflib.get_close_matches(word, words, n=1, cutoff=0.5)
    return f" Did you mean '{_on_one_line(near[0])}'?" if near else f" Known: {', '.join(words)}."


def _on_one_line(word: str) -> str:
    r"""A word in which each line feed is written as `\n`, as in a double-quoted YAML text."""
    return word.replace("\n", "\\n")
