"""Tasks with `phi: true`: whose files no other task reads, and what is closed to other users of the machine."""

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from clinical_dpo.script import PRIVATE
from clinical_dpo.config.external import table_path
from clinical_dpo.config.raters import rated_sheets
from clinical_dpo.config.study import Study
from clinical_dpo.errors import UserError

_CLOSED, _UMASK = 0o700, 0o077  # of a folder, and of all that is written
_SNAKEMAKE_LOGS = ".snakemake/log"


def check_private(tasks: Mapping[str, Mapping[str, Any]], folders: Mapping[str, str]) -> None:
    """Refuse what would make private text readable outside of its task.

    Args:
        tasks: task -> settings.
        folders: task -> where its results go.

    Raises:
        UserError: a private task that reads a hub data set, which lies in a cache that others read; another task that
            reads a private task's file or results.
    """
    private = private_tasks(tasks)
    for task in private:
        for key in ("source", "stand_in"):
            if tasks[task].get(key, {}).get("kind") == "hub":
                raise UserError(
                    f"config/tasks/{task}.yaml: key '{key}': the text is private (phi: true), and a hub data set lies "
                    "in a cache that other users and tasks read. Download its files into a folder that is closed to "
                    "others, and read them with `kind: file`."
                )
    read_by = {_identity(path): task for task in private for _, path in _files(tasks[task])}
    results = {Path(folders[task]).resolve(): task for task in private}
    for task, settings in tasks.items():
        for key, path in _files(settings) if task not in private else ():
            owner = read_by.get(_identity(path)) or _owner(path, results)
            if owner:
                raise UserError(
                    f"config/tasks/{task}.yaml: key '{key}': {path} is a file of task '{owner}', whose text is private "
                    "(phi: true). Set phi: true here too, or give this task a file of its own."
                )


def check_options(tasks: Mapping[str, Mapping[str, Any]], cache: object, show_failed_logs: bool) -> None:
    """Refuse options of Snakemake that would copy what is closed to where others read it.

    Args:
        tasks: task -> settings.
        cache: what `--cache` names; None without it.
        show_failed_logs: whether `--show-failed-logs` is given.

    Raises:
        UserError: the between-workflow cache, which everybody can write to, beside private text or raters' sheets;
            logs on the terminal beside private text.
    """
    if cache is not None and (closed := closed_tasks(tasks)):
        raise UserError(
            f"Task '{closed[0]}' has private text (phi: true) or raters' sheets, and Snakemake's `--cache` would copy "
            "its files into a folder that other users read. Run without `--cache`, and leave `cache` out of the "
            "profile."
        )
    if show_failed_logs and (private := private_tasks(tasks)):
        raise UserError(
            f"Task '{private[0]}' has private text (phi: true), and `--show-failed-logs` would print it on the "
            "terminal. Run without `--show-failed-logs`, and read the logs in their folder."
        )


def closed_tasks(tasks: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The tasks of which something is closed to other users: private text, or the keys of raters' sheets."""
    return [task for task, settings in tasks.items() if settings.get("phi") or rated_sheets(settings)]


def private_tasks(tasks: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The tasks with `phi: true`."""
    return [task for task, settings in tasks.items() if settings.get("phi")]


def close_to_others() -> None:
    """Let nobody but this user read what this process and those it starts write from here on."""
    os.umask(_UMASK)


def close_folder(folder: str | Path) -> None:
    """Close a folder to other users; it is made if need be.

    Raises:
        UserError: it is another user's.
    """
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        Path(folder).chmod(_CLOSED)
    except OSError as error:
        raise UserError(
            f"{folder}: cannot be closed to other users ({error.strerror}), and private text (phi: true) or a sheet's "
            "key would be written there. Run as the user whose folder it is, or give the run another `run_name`."
        ) from None


def close_keys(study: Study) -> None:
    """Close the folders of sheets' keys to other users: a copy of a run may have lost its modes."""
    for folder in Path(study.paths.folder("results")).glob("*/*/grading/keys"):
        close_folder(folder)


def close_folders(study: Study) -> None:
    """Close the folders of private text, and the logs that may quote it, to other users."""
    if private := private_tasks(study.tasks):
        logs = study.paths.folder("logs")
        for folder in (*(study.paths.folder("results", task) for task in private), logs, _SNAKEMAKE_LOGS):
            close_folder(folder)
        Path(logs, PRIVATE).touch()


def _files(settings: Mapping[str, Any]) -> Iterator[tuple[str, Path]]:
    """(key, path) of each file that a task is read from."""
    for key in ("source", "stand_in"):
        if settings.get(key, {}).get("kind") == "file":
            yield f"{key}.path", table_path(settings[key])
    for name, entry in settings.get("external_predictions", {}).items():
        yield f"external_predictions.{name}.path", table_path(entry)


def _identity(path: Path) -> tuple[int, int] | Path:
    """What is equal for two names of one file, links included."""
    try:
        found = path.stat()
    except OSError:
        return path.resolve()
    return found.st_dev, found.st_ino


def _owner(path: Path, results: Mapping[Path, str]) -> str | None:
    """The task in whose results a file lies."""
    above: Iterable[Path] = path.resolve().parents
    return next((results[folder] for folder in above if folder in results), None)
