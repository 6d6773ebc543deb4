"""The hub repositories to which chosen models are uploaded, and the tasks whose models are never uploaded."""

import re
from collections.abc import Mapping
from typing import Any, NoReturn

from clinical_dpo.errors import PublicError, UserError, did_you_mean

KEY = "release.upload.tasks"


def check_uploads(config: Mapping[str, Any], tasks: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuse to upload models of an unknown or a private task.

    Args:
        config: the run's config.
        tasks: task -> settings.

    Raises:
        UserError: `release.upload.tasks` names an unknown or a private task.
    """
    for task in (config["release"]["upload"] or {}).get("tasks", ()):
        if task not in tasks:
            raise UserError(
                f"config: key '{KEY}' names '{task}', which is not a task of this run.{did_you_mean(task, tasks)}"
            )
        if tasks[task].get("phi"):
            refuse_private(task)


def refuse_private(task: str) -> NoReturn:
    """Raise the error for a private task whose models would be uploaded."""
    raise PublicError(
        f"config: key '{KEY}' names '{task}', but the text of this task is private (config/tasks/{task}.yaml: key "
        f"'phi' is true). Weights can repeat the text that they were trained on. Remove '{task}' from `{KEY}`."
    )


def repository(config: Mapping[str, Any], task: str, model: str, stage: str) -> str:
    """The repository of a chosen model: owner/run-task-model-stage, without `run-` if the run has no `run_name`.

    Several hyphens in a row become one, because the hub does not allow more.
    """
    name = "-".join(part for part in (config["run_name"], task, model, stage) if part)
    return f"{config['release']['upload']['owner']}/{re.sub('-+', '-', name)}"
