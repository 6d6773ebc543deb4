"""Store the weights of a probe, and reuse them as the weights of its trial.

A probe is the first, full-length run of a trial. The step at which the probe's eval loss flattens is the number of
steps for which the trial is trained. If this step is the probe's last step, both runs give the same weights, so the
trial reuses the stored weights without training.

The folder of the stored weights is not an output of a Snakemake rule. The trial is trained if the folder is missing, if
one of the saved files is missing or changed, or if the probe and the trial have different digests (`probe_digest`).
"""

import shutil
from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import Any

from clinical_dpo.checksums import CHECKSUMS, RECORDS, link_or_copy, write_checksums
from clinical_dpo.errors import UserError
from clinical_dpo.io import Row, read_csv, read_json, replacing, sha256, write_csv, write_json
from clinical_dpo.training.plateau import eval_curve

DIGEST = "digest.json"
TIMES = ("wall_seconds", "evaluation_seconds", "loading_seconds")


def may_be_whole_run(log: Sequence[Row]) -> bool:
    """Whether the last step of a probe can be its plateau, the step at which its eval loss flattens.

    The plateau depends on `plateau_tolerance`. The result is True if at least one tolerance makes the last step the
    plateau. This holds in two cases: the last step is the only evaluated step after step 0, or its eval loss is lower
    than all earlier eval losses. Earlier losses that are not finite are ignored.

    Args:
        log: rows of the probe's log.csv.
    """
    curve = eval_curve(log)
    return len(curve) == 2 or all(not isfinite(loss) or loss > curve[-1][1] for _, loss in curve[:-1])


def store(
    folder: Path,
    digest: str,
    log: Sequence[Row],
    record: Mapping[str, Any],
    columns: Sequence[str],
    save: Callable[[Path], None],
) -> None:
    """Store the weights, log and record of a probe, if a trial may be able to use the weights (`may_be_whole_run`).

    Otherwise, nothing is stored, and the folder is deleted.

    Args:
        folder: folder of the stored weights.
        digest: digest of the probe, from `probe_digest`.
        log, columns: rows and columns of log.csv.
        record: content of run.json.
        save: function that saves the weights in a folder.
    """
    if not may_be_whole_run(log):
        shutil.rmtree(folder, ignore_errors=True)
        return
    with replacing(folder) as part:
        part.mkdir()
        save(part)
        write_checksums(part)
        write_csv(part / "log.csv", log, columns)
        write_json(part / "run.json", record)
        write_json(part / DIGEST, digest)


def reuse(folder: Path, digest: str, out: Path, record: Mapping[str, Any], curve: bool) -> bool:
    """Make a trial's output from the stored weights of its probe, without training.

    Weights are hard links if the file system supports them. run.json has `same_as_probe` and no training time.

    Args:
        folder: folder of the stored weights.
        digest: digest of the trial, from `probe_digest`.
        out: folder of the output.
        record: fields that a trial's run.json has before training. They replace the probe's fields.
        curve: whether to write the whole curve of the eval loss into the trial's log.csv, or only the loss at the end.

    Returns:
        Whether the output was made. It is not made if no weights with this digest are stored.
    """
    if not _is_stored(folder, digest):
        return False
    probe = read_json(folder / "run.json")
    last = str(probe["steps"])
    log = read_csv(folder / "log.csv")
    with replacing(out) as part:
        shutil.copytree(folder, part, copy_function=link_or_copy, ignore=shutil.ignore_patterns(DIGEST, *RECORDS))
        rows = [row for row in log if curve or row["split"] == "train" or row["step"] == last]
        write_csv(part / "log.csv", rows, list(log[0]))
        untrained = {"same_as_probe": True, "resumed_from_step": 0} | dict.fromkeys(TIMES, 0.0)
        write_json(part / "run.json", {**probe, **record, **untrained})
    return True


def _is_stored(folder: Path, digest: str) -> bool:
    """Whether a folder stores weights with this digest, and every file in its list of checksums is unchanged."""
    try:
        if read_json(folder / DIGEST) != digest:
            return False
        listed = [line.split("  ", 1) for line in (folder / CHECKSUMS).read_text(encoding="utf-8").splitlines()]
        return bool(listed) and all(sha256(folder / name) == digest for digest, name in listed)
    except (OSError, ValueError, UserError):
        return False
