"""The folder of a stage's chosen trial: links to its weights, copies of its records."""

import os
import shutil
from pathlib import Path

from clinical_dpo.checksums import CHECKSUMS, RECORDS
from clinical_dpo.io import replacing

_COPIED = {CHECKSUMS, *RECORDS}  # files that rules depend on need a time of their own


def keep(trial: str | Path, best: str | Path) -> None:
    """Put a trial's files in `best`.

    Args:
        trial: its folder, {trial}/adapter.
        best: folder, replaced whole.
    """
    with replacing(best) as part:
        shutil.copytree(trial, part, copy_function=_link_or_copy)


def _link_or_copy(source: str, target: str) -> None:
    """A hard link where the file system has them: all weights of an 8B model are 16 GB."""
    if Path(source).name not in _COPIED:
        try:
            os.link(source, target)
            return
        except OSError:
            pass
    shutil.copyfile(source, target)
