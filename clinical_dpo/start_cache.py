"""A cache of the values that the workflow computes from files at its start.

The next start reads them from the cache.
"""

import hashlib
import json
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from clinical_dpo.io import sha256, write_json

_SETTLED = 2e9  # nanoseconds; a file that changed more recently may change again without a new time


class StartCache:
    """A cache in a JSON file: key -> value. It also has the SHA-256 of files, with the path of the file as key."""

    def __init__(self, path: Path) -> None:
        """Read the cache file. A missing or unreadable file counts as empty."""
        self._path = path
        try:
            self._values: dict[str, Any] = json.loads(path.read_bytes())
        except (OSError, ValueError):
            self._values = {}

    def __getitem__(self, key: str) -> Any:
        """The value of a key; None for an unknown key."""
        return self._values.get(key)

    def __setitem__(self, key: str, value: Any) -> None:
        """Set the value of a key and write the file.

        If the file cannot be written, the workflow computes the value again at its next start.
        """
        self._values[key] = value
        try:
            write_json(self._path, self._values)
        except OSError:
            return

    def sha256(self, path: str | Path) -> str:
        """Hex SHA-256 of a file. The file is not read again while its size, times and inode stay the same."""
        return self.of_version(str(path), files_version([path]), lambda: sha256(path))

    def of_version(self, key: str, version: str | None, compute: Callable[[], Any]) -> Any:
        """The value of a key. The value is computed again only if the version differs from the saved version.

        Args:
            key: name of the value.
            version: version of the files on which the value depends, from `files_version`. If the version is None, the
                value is always computed and not saved.
            compute: function that returns the value. JSON must be able to hold the value.
        """
        saved = self[key]
        if version and saved and saved[0] == version:
            return saved[1]
        value = compute()
        if version:
            self[key] = [version, value]
        return value


def files_version(files: Iterable[str | Path]) -> str | None:
    """Hex digest of the paths, sizes, times and inodes of files; None if a file changed in the last two seconds."""
    states = [(str(path), Path(path).stat()) for path in files]
    newest = max((max(state.st_mtime_ns, state.st_ctime_ns) for _, state in states), default=0)
    if time.time_ns() - newest <= _SETTLED:
        return None
    identities = [(path, state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino) for path, state in states]
    return hashlib.sha256(repr(sorted(identities)).encode()).hexdigest()
