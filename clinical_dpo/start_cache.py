"""What a start of the workflow computes of files, kept for the next start."""

import json
import time
from pathlib import Path
from typing import Any

from clinical_dpo.io import sha256, write_json

_SETTLED = 2e9  # nanoseconds: a file written this recently may be written again with the same time


class StartCache:
    """A JSON file of key -> value, and the SHA-256 of files that it knows."""

    def __init__(self, path: Path) -> None:
        """Read the cache file; one that is not there or cannot be read is an empty one."""
        self._path = path
        try:
            self._values: dict[str, Any] = json.loads(path.read_bytes())
        except (OSError, ValueError):
            self._values = {}

    def __getitem__(self, key: str) -> Any:
        """The value of a key, None where none is kept."""
        return self._values.get(key)

    def __setitem__(self, key: str, value: Any) -> None:
        """Keep a value, in the file too; where that cannot be written the next start computes it again."""
        self._values[key] = value
        try:
            write_json(self._path, self._values)
        except OSError:
            return

    def sha256(self, path: str | Path) -> str:
        """Hex SHA-256 of a file. One whose size, times and place on the disk are as before is not read again."""
        state = Path(path).stat()
        known = [state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino]
        kept = self[str(path)]
        if kept and kept[0] == known:
            return kept[1]
        digest = sha256(path)
        if time.time_ns() - max(state.st_mtime_ns, state.st_ctime_ns) > _SETTLED:
            self[str(path)] = [known, digest]
        return digest
