"""A sweep's trials as files: the table of them, and the folder that holds the chosen one."""

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from clinical_dpo.plateau import eval_curve
from clinical_dpo.records import Row, read_csv, replacing, write_csv

COLUMNS = ("trial", "metric", "score", "n", "invalid_rate", "final_eval_loss", "chosen")


def by_name(folders: Sequence[str]) -> dict[str, str]:
    """Trial name -> its folder, {trial}/adapter, in the same order."""
    return {Path(folder).parent.name: folder for folder in folders}


def unscored(trials: Mapping[str, str]) -> dict[str, Row]:
    """Trial name -> its row of COLUMNS without a score, from the log in its folder."""
    return {
        name: dict.fromkeys(COLUMNS, "")
        | {"trial": name, "n": 0, "final_eval_loss": eval_curve(read_csv(Path(folder) / "log.csv"))[-1][1]}
        for name, folder in trials.items()
    }


def keep(winner: str, trials: Mapping[str, str], rows: Mapping[str, Row], table: str, best: str) -> None:
    """Write the table, and put the winner's files in `best`.

    Args:
        winner: the chosen trial.
        trials: trial name -> its folder.
        rows: trial name -> its row of COLUMNS; `chosen` is filled in here.
        table: CSV of COLUMNS.
        best: folder, replaced whole.
    """
    chosen = [row | {"chosen": "true" if name == winner else "false"} for name, row in rows.items()]
    write_csv(table, chosen, COLUMNS)
    with replacing(best) as part:
        # Not the hidden time stamp that Snakemake keeps in a folder: linked, it would make the trial look new.
        shutil.copytree(trials[winner], part, ignore=shutil.ignore_patterns(".*"), copy_function=_link_or_copy)


def keep_only(folder: str, table: str, best: str) -> None:
    """Take a single trial: it is its own best, and its score stays empty.

    Args:
        folder: the trial's {trial}/adapter.
        table, best: as in `keep`.
    """
    trials = by_name([folder])
    [name] = trials
    keep(name, trials, unscored(trials), table, best)


def _link_or_copy(source: str, target: str) -> None:
    """A hard link where the file system has them: all weights of an 8B model are 16 GB."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
