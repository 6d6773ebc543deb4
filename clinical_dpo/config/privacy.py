"""Protect private text (of tasks with `phi: true`) from tasks without `phi: true` and from other users of the computer.

Tasks without `phi: true` may not read a private task's files, and other users cannot open its folders.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from clinical_dpo.script import PRIVATE
from clinical_dpo.config.external import table_path
from clinical_dpo.config.raters import rated_sheets
from clinical_dpo.config.study import Study
from clinical_dpo.errors import UserError

_CLOSED, _UMASK = 0o700, 0o077  # mode of a folder closed to others; umask of a process whose files are closed
_SNAKEMAKE_LOGS = ".snakemake/log"


def check_private(tasks: Mapping[str, Mapping[str, Any]], folders: Mapping[str, str]) -> None:
    """Refuse settings that would let other users, or tasks without `phi: true`, read private text.

    Args:
        tasks: task -> settings.
        folders: task -> folder of its results.

    Raises:
        UserError: a private task (`phi: true`) reads a data set from the hub, because other users can read the hub's
            cache; or a task without `phi: true` reads a file that a private task reads too, or a file in the results
            folder of a private task.
    """
    private = private_tasks(tasks)
    for task in private:
        for key in ("source", "stand_in"):
            if tasks[task].get(key, {}).get("kind") == "hub":
                raise UserError(
                    f"config/tasks/{task}.yaml: key '{key}': the text is private (phi: true), but kind is hub. Other "
                    "users and tasks can read the hub's cache. Download the data set's files into a folder that is "
                    "closed to other users, and read the files with `kind: file`."
                )
    read_by = {_identity(path): task for task in private for _, path in _files(tasks[task])}
    results = {Path(folders[task]).resolve(): task for task in private}
    for task, settings in tasks.items():
        for key, path in _files(settings) if task not in private else ():
            owner = read_by.get(_identity(path)) or _owner(path, results)
            if owner:
                raise UserError(
                    f"config/tasks/{task}.yaml: key '{key}': {path} is a file of task '{owner}', and that task's text "
                    "is private (phi: true). Set phi: true here too, or use another file."
                )


def check_options(tasks: Mapping[str, Mapping[str, Any]], cache: object, show_failed_logs: bool) -> None:
    """Refuse options of Snakemake that would show private text, or blinding keys of raters' sheets, to others.

    `--cache` would copy a task's files into Snakemake's between-workflow cache, which all users can open.
    `--show-failed-logs` would print private text on the terminal.

    Args:
        tasks: task -> settings.
        cache: the rules that `--cache` names; None without the option.
        show_failed_logs: whether `--show-failed-logs` is set.

    Raises:
        UserError: `--cache` is set and a task has private text or raters' sheets; or `--show-failed-logs` is set and a
            task has private text.
    """
    if cache is not None and (closed := closed_tasks(tasks)):
        raise UserError(
            f"Task '{closed[0]}' has private text (phi: true) or raters' sheets, and Snakemake's `--cache` would copy "
            "the task's files into a folder that other users can read. Run without `--cache`, and leave `cache` out of "
            "the profile."
        )
    if show_failed_logs and (private := private_tasks(tasks)):
        raise UserError(
            f"Task '{private[0]}' has private text (phi: true), and `--show-failed-logs` would print this text on the "
            "terminal. Run without `--show-failed-logs`, and read the logs in their folder."
        )


def closed_tasks(tasks: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The tasks with files that are closed to other users: private text, or blinding keys of raters' sheets."""
    return [task for task, settings in tasks.items() if settings.get("phi") or rated_sheets(settings)]


def private_tasks(tasks: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The tasks with private text (`phi: true`)."""
    return [task for task, settings in tasks.items() if settings.get("phi")]


def close_to_others() -> None:
    """Set the umask, so that other users cannot open the files that this process and its children write from now on."""
    os.umask(_UMASK)


def close_folder(folder: str | Path) -> None:
    """Close a folder to other users. A missing folder is created.

    Raises:
        UserError: the folder belongs to another user, or cannot be created.
    """
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        Path(folder).chmod(_CLOSED)
    except OSError as error:
        raise UserError(
            f"{folder}: cannot be closed to other users ({error.strerror}). The folder is for private text (phi: true) "
            "or for blinding keys. A blinding key tells which variant wrote each text on a raters' sheet. Run as the "
            "owner of the folder, or in your own clone of the repository."
        ) from None


def close_keys(study: Study) -> None:
    """Deny other users access to all folders with blinding keys.

    Such a folder may be open to others if the run was copied without its file modes.

    Raises:
        UserError: the mode of a folder cannot be changed, for example because the folder belongs to another user.
    """
    for folder in Path(study.paths.folder("results")).glob("*/*/grading/keys"):
        close_folder(folder)


def close_folders(study: Study) -> None:
    """If any task has private text, deny other users access to the private results and to all logs.

    Three kinds of folders are closed: the results of each private task, the run's logs, and Snakemake's own logs. Logs
    may quote private text. The folder of the run's logs also gets a file that marks the folder as private.

    Raises:
        UserError: a folder belongs to another user, or cannot be created.
    """
    if private := private_tasks(study.tasks):
        logs = study.paths.folder("logs")
        for folder in (*(study.paths.folder("results", task) for task in private), logs, _SNAKEMAKE_LOGS):
            close_folder(folder)
        Path(logs, PRIVATE).touch()


def _files(settings: Mapping[str, Any]) -> Iterator[tuple[str, Path]]:
    """Yield (key, path) of each file that a task reads. The key names the file's setting, such as `source.path`."""
    for key in ("source", "stand_in"):
        if settings.get(key, {}).get("kind") == "file":
            yield f"{key}.path", table_path(settings[key])
    for name, entry in settings.get("external_predictions", {}).items():
        yield f"external_predictions.{name}.path", table_path(entry)


def _identity(path: Path) -> tuple[int, int] | Path:
    """Device and inode of a file, which all names and links of the file share. A missing file has its path instead."""
    try:
        status = path.stat()
    except OSError:
        return path.resolve()
    return status.st_dev, status.st_ino


def _owner(path: Path, results: Mapping[Path, str]) -> str | None:
    """The private task whose results contain the file; None if there is no such task.

    Args:
        path: the file.
        results: folder of a private task's results -> the task.
    """
    above: Iterable[Path] = path.resolve().parents
    return next((results[folder] for folder in above if folder in results), None)
