"""A cache of the values that the workflow computes from files at its start.

The next start reads them from the cache.
"""

import json
import time
from pathlib import Path
from typing import Any

from clinical_dpo.io import sha256, write_json

_SETTLED = 2e9  # nanoseconds; a file that changed more recently may change again without a new time


class StartCache:
    """A cache in a JSON file: key -> value. The SHA-256 of files are also in it, with the path as key."""

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

        If the file cannot be written, the next start computes the value again.
        """
        self._values[key] = value
        try:
            write_json(self._path, self._values)
        except OSError:
            return

    def sha256(self, path: str | Path) -> str:
        """Hex SHA-256 of a file. The file is not read again while its size, times and inode stay the same."""
        state = Path(path).stat()
        identity = [state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino]
        kept = self[str(path)]
        if kept and kept[0] == identity:
            return kept[1]
        digest = sha256(path)
        if time.time_ns() - max(state.st_mtime_ns, state.st_ctime_ns) > _SETTLED:
            self[str(path)] = [identity, digest]
        return digest
