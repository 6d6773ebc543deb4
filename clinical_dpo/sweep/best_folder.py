"""Write the folder of a stage's chosen trial. The folder has links to the trial's weights and copies of its records."""

import shutil
from pathlib import Path

from clinical_dpo.checksums import link_or_copy
from clinical_dpo.io import replacing


def write_best_folder(trial: str | Path, best: str | Path) -> None:
    """Fill the folder `best` with links to a trial's weights, and with copies of its records and its checksums.

    If the file system does not support hard links, the weights are copied, too.

    Args:
        trial: the folder of the trial's weights, {trial}/adapter.
        best: the target folder. All of its earlier content is deleted.
    """
    with replacing(best) as part:
        shutil.copytree(trial, part, copy_function=link_or_copy)
