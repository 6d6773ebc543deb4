"""SHA-256 checksums of a folder of weights, so that its contents alone, and no file time, identify it."""

from collections.abc import Collection, Mapping
from pathlib import Path

from clinical_dpo.io import replacing, sha256

# Each folder of weights holds this file, in the format of `sha256sum --check`. A rule that depends on it depends on
# every file that it lists.
CHECKSUMS = "SHA256SUMS"
RECORDS = ("log.csv", "run.json")  # files beside the weights that record how the weights were made


def write_checksums(folder: Path, digests: Mapping[str, str] | None = None, without: Collection[str] = ()) -> None:
    """Write SHA256SUMS of a folder: a line "digest  path" for each file below it, sorted by path.

    Args:
        folder: the folder.
        digests: path relative to the folder -> SHA-256 that is already computed; the other files are read.
        without: names of files to leave out, such as records of how the others were made.
    """
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    kept = sorted(name for name, path in files.items() if path.name not in {CHECKSUMS, *without})
    lines = [f"{(digests or {}).get(name) or sha256(files[name])}  {name}\n" for name in kept]
    with replacing(folder / CHECKSUMS) as part:
        part.write_text("".join(lines), encoding="utf-8")
