"""Write the folder of a stage's chosen trial. It holds links to the weights and copies of the records."""

import shutil
from pathlib import Path

from clinical_dpo.checksums import link_or_copy
from clinical_dpo.io import replacing


def write_best_folder(trial: str | Path, best: str | Path) -> None:
    """Link or copy a trial's files to `best`.

    Args:
        trial: the trial's folder, {trial}/adapter.
        best: target folder. All of its content is replaced.
    """
    with replacing(best) as part:
        shutil.copytree(trial, part, copy_function=link_or_copy)
