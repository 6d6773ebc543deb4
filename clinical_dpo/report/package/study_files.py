"""Write the files with which the study can be run again: the config, its task files and its model files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from clinical_dpo.config.loading import merged_file
from clinical_dpo.config.study import Study
from clinical_dpo.report.package.private import without_private

HEAD = "# Written by `snakemake package`: the settings of the run, with all overrides merged into them.\n"


def task_files(study: Study, root: Path) -> dict[str, dict[str, Any]]:
    """Map each task of the config to the settings of its task file, merged with the run's overrides.

    The result includes the tasks that the run leaves out. A run can leave out a task if the task's data file is
    missing, or if a generated field of the task cannot be written.

    Args:
        study: the run.
        root: the folder that contains config/tasks.
    """
    overrides = study.config.get("overrides", {})
    return {name: merged_file(root / "config/tasks", "task", name, overrides) for name in study.config["tasks"]}


def private_files(files: Mapping[str, Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """The entries of `files` that are about private tasks, whose settings have `phi: true`.

    Args:
        files: task -> settings of its file, from `task_files`.
    """
    return {name: settings for name, settings in files.items() if settings.get("phi")}


def write_study_files(out: Path, study: Study, tasks: Mapping[str, Mapping[str, Any]], root: Path) -> None:
    """Write config.yaml, tasks/ and models/ into a folder. Paths of private data are not written.

    Args:
        out: the folder to write into.
        study: the run.
        tasks: task -> settings of its file, from `task_files`.
        root: the folder that contains the run's config/models.
    """
    overrides = study.config.get("overrides", {})
    config = {key: value for key, value in study.config.items() if key != "overrides"}
    config["figure2"] = {panel: task for panel, task in config["figure2"].items() if task in tasks}
    _write(out / "config.yaml", config)
    for name, settings in tasks.items():
        _write(out / f"tasks/{name}.yaml", without_private(settings) if settings.get("phi") else settings)
    for name in study.models:
        _write(out / f"models/{name}.yaml", merged_file(root / "config/models", "model", name, overrides))


def _write(path: Path, value: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = yaml.safe_dump(dict(value), sort_keys=False, allow_unicode=True, width=110)
    path.write_text(HEAD + text, encoding="utf-8")
