"""SHA-256 checksums of the files in a folder of weights. They depend on the files' contents, not on their times."""

import os
import shutil
from collections.abc import Collection, Mapping
from pathlib import Path

from clinical_dpo.io import replacing, sha256

# Each folder of weights contains this file, in the format of `sha256sum --check`. A rule that depends on this file
# depends on every file that it lists.
CHECKSUMS = "SHA256SUMS"
BASE_RECORD = "base.json"  # in results/models/{model}: id, revision and origin of the weights
RECORDS = ("log.csv", "run.json")  # files beside the weights that record how the weights were made


def write_checksums(folder: Path, digests: Mapping[str, str] | None = None, without: Collection[str] = ()) -> None:
    """Write SHA256SUMS into a folder: a line "digest  path" for each file in it and its subfolders, sorted by path.

    Args:
        folder: the folder.
        digests: path relative to the folder -> SHA-256, for files with a known SHA-256. All other files are read.
        without: names of files to leave out, such as the records of how the weights were made.
    """
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    kept = sorted(name for name, path in files.items() if path.name not in {CHECKSUMS, *without})
    lines = [f"{(digests or {}).get(name) or sha256(files[name])}  {name}\n" for name in kept]
    with replacing(folder / CHECKSUMS) as part:
        part.write_text("".join(lines), encoding="utf-8")


def link_or_copy(source: str, target: str) -> None:
    """Make a hard link if the file system supports hard links, else copy the file.

    Links save space: the weights of an 8B model are 16 GB. SHA256SUMS and RECORDS (the files that record how weights
    were made) are always copied. Snakemake rules have them as inputs, so each copy needs its own modification time.
    """
    if Path(source).name not in {CHECKSUMS, *RECORDS}:
        try:
            os.link(source, target)
            return
        except OSError:
            pass
    shutil.copyfile(source, target)
