"""Paths of data files as users write them: `~` is the home folder, and $NAME an environment variable."""

import contextlib
import os
import re
from pathlib import Path

_VARIABLE = re.compile(r"\$(?:\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*))")


def user_path(text: str) -> Path:
    """Return the path that a text names. A file with exactly this name has precedence; unset variables stay as written.

    A dollar sign that no name follows is a part of the file's name.
    """
    if Path(text).exists():
        return Path(text)
    path = Path(_VARIABLE.sub(_value, text))
    with contextlib.suppress(RuntimeError):  # a user without a home folder
        return path.expanduser()
    return path


def variables(text: str) -> list[str]:
    """Return the names of the environment variables in a path."""
    return [match[1] or match[2] for match in _VARIABLE.finditer(text)]


def unset_variables(text: str) -> list[str]:
    """Return the environment variables in a path that are not set; none if a file has exactly this name."""
    return [] if Path(text).exists() else [name for name in variables(text) if name not in os.environ]


def is_pattern(path: str) -> bool:
    """Whether Snakemake would take a part of a path for a wildcard, such as `{v2}`."""
    return bool(re.search(r"\{[^{}]*\}", path))


def _value(match: re.Match[str]) -> str:
    return os.environ.get(match[1] or match[2], match[0])
