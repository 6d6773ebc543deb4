"""SHA-256 of files and folders: what a run depends on is known by its bytes, never by its age."""

import json
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from clinical_dpo.records import replacing, sha256, write_json

# In every folder of weights, as `sha256sum --check` reads it. Rules depend on this file, and so on all that it names.
CHECKSUMS = "SHA256SUMS"
_SETTLED = 2e9  # nanoseconds: a file written this recently may be written again with the same time


def write_checksums(folder: Path, known: Mapping[str, str] | None = None, without: Collection[str] = ()) -> None:
    """Write SHA256SUMS of a folder: a line "digest  path" for each file below it, in the order of the paths.

    Args:
        folder: the folder.
        known: path below it -> SHA-256, of files that are read already.
        without: names of files that say how the others were made, such as records of times.
    """
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    kept = sorted(name for name, path in files.items() if path.name not in {CHECKSUMS, *without})
    lines = [f"{(known or {}).get(name) or sha256(files[name])}  {name}\n" for name in kept]
    with replacing(folder / CHECKSUMS) as part:
        part.write_text("".join(lines), encoding="utf-8")


class StartCache:
    """What a start of the workflow computes of files, kept for the next start: a JSON file of key -> value."""

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
