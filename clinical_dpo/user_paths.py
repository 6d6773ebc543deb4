"""Paths of data files as users write them, with `~` for the home folder and $NAME for an environment variable."""

import contextlib
import os
import re
from pathlib import Path

_VARIABLE = re.compile(r"\$(?:\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*))")


def user_path(text: str) -> Path:
    """Convert a path as a user writes it: replace `~` by the home folder, and $NAME by an environment variable's value.

    Unset variables stay as written. If the unchanged text is the path of an existing file or folder, nothing is
    replaced. A dollar sign without a name after it is part of the path.
    """
    if _exists(text):
        return Path(text)
    path = Path(_VARIABLE.sub(_value, text))
    with contextlib.suppress(RuntimeError):  # a user without a home folder
        return path.expanduser()
    return path


def variables(text: str) -> list[str]:
    """Return the names of the environment variables in a path."""
    return [match[1] or match[2] for match in _VARIABLE.finditer(text)]


def unset_variables(text: str) -> list[str]:
    """Return the names of the environment variables in a path that are not set.

    If a file or folder has exactly this path, including the dollar signs, the list is empty.
    """
    return [] if _exists(text) else [name for name in variables(text) if name not in os.environ]


def why_missing(text: str) -> str | None:
    """Return the reason why a path of the user leads to no file or folder; None if it leads to one.

    A reason is "notes.csv does not exist", "$DATA/notes.csv does not exist, and the environment variable DATA is not
    set" or "/closed/notes.csv cannot be reached (Permission denied)".
    """
    try:
        user_path(text).stat()
    except PermissionError as error:
        return f"{text} cannot be reached ({error.strerror})"
    except (OSError, ValueError):  # ValueError: the path contains NUL
        unset = "".join(f", and the environment variable {name} is not set" for name in unset_variables(text))
        return f"{text} does not exist{unset}"
    return None


def is_pattern(path: str) -> bool:
    """Whether Snakemake would take a part of the path, such as `{v2}`, for a wildcard."""
    return bool(re.search(r"\{[^{}]*\}", path))


def _exists(text: str) -> bool:
    """Whether a file or folder has exactly this path; false for a path in a folder that this user must not enter."""
    try:
        return Path(text).exists()
    except PermissionError:
        return False


def _value(match: re.Match[str]) -> str:
    return os.environ.get(match[1] or match[2], match[0])
