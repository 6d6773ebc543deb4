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
    """Return the names of the environment variables in a path that are not set.

    If a file or folder has exactly this path, including the dollar signs, the list is empty.
    """
    return [] if Path(text).exists() else [name for name in variables(text) if name not in os.environ]


def is_pattern(path: str) -> bool:
    """Whether Snakemake would take a part of the path, such as `{v2}`, for a wildcard."""
    return bool(re.search(r"\{[^{}]*\}", path))


def _value(match: re.Match[str]) -> str:
    return os.environ.get(match[1] or match[2], match[0])
