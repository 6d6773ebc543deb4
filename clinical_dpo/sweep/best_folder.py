"""Write the folder of a stage's chosen trial. It holds links to the weights and copies of the records."""

import os
import shutil
from pathlib import Path

from clinical_dpo.checksums import CHECKSUMS, RECORDS
from clinical_dpo.io import replacing

_COPIED = {CHECKSUMS, *RECORDS}  # rules depend on these files, so a copy needs its own modification time


def write_best_folder(trial: str | Path, best: str | Path) -> None:
    """Link or copy a trial's files to `best`.

    Args:
        trial: the trial's folder, {trial}/adapter.
        best: target folder. All of its content is replaced.
    """
    with replacing(best) as part:
        shutil.copytree(trial, part, copy_function=_link_or_copy)


def _link_or_copy(source: str, target: str) -> None:
    """Make a hard link if the file system supports hard links, else copy. All weights of an 8B model are 16 GB."""
    if Path(source).name not in _COPIED:
        try:
            os.link(source, target)
            return
        except OSError:
            pass
    shutil.copyfile(source, target)
