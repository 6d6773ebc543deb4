"""Estimate the disk space of a run, and compare it with the files that exist."""

from collections.abc import Sequence
from pathlib import Path

from clinical_dpo.cluster.time_and_memory import lora_parameters, parameter_count
from clinical_dpo.config.files import chosen_trials, model_trials
from clinical_dpo.config.study import Study
from clinical_dpo.io import Row
from clinical_dpo.model_files import BYTES
from clinical_dpo.training.stages import PROBE_WEIGHTS

DISK_COLUMNS = ("what", "task", "model", "stage", "count", "gb_each", "gb", "found", "found_gb")
GB = 1e9
SAVED_BYTES = 4  # of a trained weight: float32
CHECKPOINT_BYTES = 2 * (SAVED_BYTES + 8)  # of a trained weight: two checkpoints, each with AdamW's two moments


def disk_rows(study: Study) -> list[Row]:
    """Rows with the columns DISK_COLUMNS: the estimated and the existing disk space of a run, by kind of file.

    The kinds are base models, trained weights, weights of probes (first runs of trials), and the checkpoints of one
    running job. All other files are small in comparison. Sizes are in units of 1e9 bytes. The weights of a base model
    have the number type that its model file sets (`dtype`). Trained weights are float32. If a stage after SFT trains a
    LoRA, the rank of the saved LoRA is the SFT rank plus the stage's own rank.

    `count` is the estimated number of folders with weights. A probe stores its weights only if its last step has the
    lowest eval loss or is the only evaluated step after step 0. For probe weights, `count` is therefore an upper limit.
    The folder `best`, a copy of the chosen trial, is not counted. Its weights are hard links to the trial's weights if
    the file system supports hard links. Repetitions of the chosen trial with extra seeds are counted.

    `found` is the number of folders in which weights exist, and `found_gb` is the size of these weights. If a trial's
    weights are hard links to its probe's weights, only the row of trained weights counts their size.
    """
    rows, counted = [], set[tuple[int, int]]()
    for name, settings in study.models.items():
        size = parameter_count(settings) * BYTES[settings["dtype"]]
        rows.append(
            _disk_row("base model", "", name, "", [Path(study.paths("base", model=name)).parent], size, counted)
        )
    for task in study.tasks:
        for model in study.task_models(task):
            for stage in study.stages(task):
                files = model_trials(study, task, model, stage, "adapter")
                files += chosen_trials(study, task, model, stage, "best")[1:]
                folders = [Path(file).parent for file in files]
                weights = trained_weights(study, task, model, stage)
                rows.append(_disk_row("trained", task, model, stage, folders, weights * SAVED_BYTES, counted))
                if study.training(task, stage)["plateau"]:
                    trials = model_trials(study, task, model, stage, "adapter")
                    probes = [Path(file).parents[1] / PROBE_WEIGHTS for file in trials]
                    rows.append(_disk_row("probe weights", task, model, stage, probes, weights * SAVED_BYTES, counted))
                checkpoints = _disk_row("checkpoints", task, model, stage, [], weights * CHECKPOINT_BYTES, counted)
                rows.append(checkpoints | {"count": None, "gb": None})
    return rows


def trained_weights(study: Study, task: str, model: str, stage: str) -> float:
    """Number of weights that one trial of a stage saves: all weights of the model, or those of its LoRA."""
    if study.training(task, stage)["adapter"] == "full":
        return parameter_count(study.models[model])
    return lora_parameters(study.models[model], study.adapter_rank(task, stage))


def _disk_row(
    kind: str, task: str, model: str, stage: str, folders: Sequence[Path], size: float, counted: set[tuple[int, int]]
) -> Row:
    """A row with the columns DISK_COLUMNS.

    Args:
        kind, task, model, stage: the first four columns.
        folders: folders that the run writes, existing or not.
        size: estimated bytes of one folder.
        counted: device and inode of each file that an earlier row counts. The row's own files are added.
    """
    existing = [files for folder in folders if (files := [file.stat() for file in folder.glob("*.safetensors")])]
    own = {(file.st_dev, file.st_ino): file.st_size for files in existing for file in files}
    found = sum(length for inode, length in own.items() if inode not in counted)
    counted.update(own)
    estimate = (len(folders), size / GB, len(folders) * size / GB)
    values = (kind, task, model, stage, *estimate, len(existing), found / GB)
    return dict(zip(DISK_COLUMNS, values, strict=True))
