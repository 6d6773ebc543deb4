"""Delete weights that no result of a finished study needs: those of trials that were not chosen, and those of probes.

A probe is the first run of a trial. The loss curve of the probe determines how long the trial is trained. Logs and
run.json stay. A trial's list of checksums is deleted with its weights. Snakemake then trains the trial again only if a
later change needs the weights.
"""

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from clinical_dpo.checksums import RECORDS
from clinical_dpo.config.study import Study
from clinical_dpo.io import read_csv
from clinical_dpo.training.stages import PROBE_WEIGHTS
from clinical_dpo.variants import BEST

GB = 1e9
LATER = """\
Some later changes need these weights. After such a change, the trials are trained again. These changes are: other dev
rows; another prompt, max_new_tokens, max_thought_tokens or answer_by of the task; another dtype, attention or
quantization of the model; new code for answers; and every change after which another trial is chosen. A change of
plateau_tolerance trains again the trials whose second run is as long as the probe. Figures, tables, answers on test and
extra seeds need none of these weights."""


@dataclass(frozen=True)
class Freeable:
    """The deletable files of one trial that was not chosen, or of one probe. A probe is the first run of a trial."""

    task: str
    model: str
    stage: str
    trial: str
    files: Sequence[Path]
    folder: Path | None  # deleted with its files; None for a trial's own folder, which keeps its records


def freeable(study: Study) -> list[Freeable]:
    """Find the files that can be deleted: those of trials that were not chosen, and those of probes.

    A stage is skipped until one of its trials is chosen and its folder `best` exists. The folder `best` stays complete
    when the files are deleted, because it has its own hard links to the chosen weights, or copies of them.
    """
    parts: list[Freeable] = []
    for task in study.tasks:
        for model in study.task_models(task):
            for stage in study.stages(task):
                parts += _of_stage(study, task, model, stage)
    return parts


def _of_stage(study: Study, task: str, model: str, stage: str) -> list[Freeable]:
    """Find the files that can be deleted in one stage.

    The result is an empty list if no trial of the stage is chosen yet, or if the stage has no folder `best`.
    """
    names = {"task": task, "model": model, "stage": stage}
    selection = Path(study.paths("selection", names))
    if not selection.exists() or not Path(study.paths("best", names, best=BEST)).exists():
        return []
    chosen = {row["trial"] for row in read_csv(selection) if row["chosen"] == "true"}
    parts: list[Freeable] = []
    for trial in study.trials(task, stage):
        adapter = Path(study.paths("adapter", names, trial=trial)).parent
        probe = adapter.with_name(PROBE_WEIGHTS)
        if trial not in chosen and (files := _files(adapter, RECORDS)):
            parts.append(Freeable(task, model, stage, trial, files, None))
        if files := _files(probe):
            parts.append(Freeable(task, model, stage, trial, files, probe))
    return parts


def _files(folder: Path, kept: Iterable[str] = ()) -> list[Path]:
    """Return the files of a folder and its subfolders, sorted. Files with a name in `kept` are left out."""
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in kept)


def freed_bytes(parts: Iterable[Freeable]) -> int:
    """Return the number of bytes that are freed if the files are deleted.

    Deleting a file frees nothing if another hard link to the file stays, such as in the folder of the chosen trial.
    """
    links: dict[tuple[int, int], int] = {}
    sizes: dict[tuple[int, int], tuple[int, int]] = {}
    for file in (file for part in parts for file in part.files):
        status = file.stat()
        key = (status.st_dev, status.st_ino)
        links[key] = links.get(key, 0) + 1
        sizes[key] = (status.st_nlink, status.st_size)
    return sum(size for key, (count, size) in sizes.items() if links[key] == count)


def free(study: Study) -> str:
    """Delete the files that `freeable` finds, and return a text for the user.

    The text states how many gigabytes are freed, which trials lose their weights, and the number of probes whose
    weights are deleted. If any files are deleted, the text also lists the later changes that cause trials to be trained
    again.
    """
    parts = freeable(study)
    size = freed_bytes(parts)
    for part in parts:
        if part.folder:
            shutil.rmtree(part.folder)
        else:
            for file in part.files:
                file.unlink()
    trials: dict[tuple[str, str, str], list[str]] = {}
    for part in parts:
        if part.folder is None:
            trials.setdefault((part.task, part.model, part.stage), []).append(part.trial)
    probes = sum(part.folder is not None for part in parts)
    count = sum(map(len, trials.values()))
    lines = [f"{size / GB:,.1f} GB freed: weights of {count} trials that were not chosen and of {probes} probes."]
    lines += [f"  {task}/{model}/{stage}: {', '.join(names)}" for (task, model, stage), names in trials.items()]
    return "\n".join([*lines, *([LATER] if parts else [])])
