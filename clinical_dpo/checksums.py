"""SHA-256 of all that a folder of weights holds: what depends on it knows it by its bytes, never by its age."""

from collections.abc import Collection, Mapping
from pathlib import Path

from clinical_dpo.io import replacing, sha256

# In every folder of weights, as `sha256sum --check` reads it. Rules depend on this file, and so on all that it names.
CHECKSUMS = "SHA256SUMS"
RECORDS = ("log.csv", "run.json")  # beside weights: how they were made


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
