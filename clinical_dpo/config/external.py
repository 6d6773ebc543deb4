"""The `external_predictions` of a task file: tables with the answers of other models.

The answers are graded like the answers of trained models. In the results each name in `external_predictions` is a model
with a single variant, `external`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from clinical_dpo.errors import UserError
from clinical_dpo.paths import FOLDERS
from clinical_dpo.text_encodings import check_encoding
from clinical_dpo.user_paths import user_path, why_missing


def check_externals(tasks: Mapping[str, Mapping[str, Any]], models: Sequence[str]) -> None:
    """Check the rules of `external_predictions` that a schema cannot express.

    Args:
        tasks: task -> settings.
        models: names of all model files. External predictions must have other names, because each name is a folder.

    Raises:
        UserError: one of these is true of an entry of `external_predictions`:

            - Its name is also the name of a model or of another folder of results.
            - Another task has an entry of the same name with another title.
            - Its encoding is unknown.
            - It sets `columns.grade`, but the task has labels.
            - It does not set `columns.grade`, but physicians grade the task.
            - It sets neither `columns.answer` nor `columns.grade`.
            - Its table does not exist, and `when_missing` is `error` (the default).
    """
    titles: dict[str, str] = {}
    for task, settings in tasks.items():
        for name, entry in settings.get("external_predictions", {}).items():
            where = f"config/tasks/{task}.yaml: external_predictions.{name}"
            if "encoding" in entry:
                check_encoding(entry["encoding"], where)
            if name in (*models, *FOLDERS):
                raise UserError(f"{where}: '{name}' is also the name of a folder of results. Use another name.")
            if titles.setdefault(name, entry["title"]) != entry["title"]:
                raise UserError(
                    f"{where}: another task gives '{name}' the title '{titles[name]}'. Use one title in both tasks."
                )
            if settings["grader"] == "label" and "grade" in entry["columns"]:
                raise UserError(
                    f"{where}: a task with labels needs no column of grades, because the run reads the labels from the "
                    "answers. Remove columns.grade."
                )
            if settings["grader"] == "label" and "answer" not in entry["columns"]:
                raise UserError(
                    f"{where}: columns.answer is missing. Set it to the name of the column with the answers."
                )
            if settings["grader"] == "physicians" and "grade" not in entry["columns"]:
                raise UserError(
                    f"{where}: columns.grade is missing. Physicians grade this task, but the rating sheets of this run "
                    "do not contain the external answers. Have the external answers graded, and set columns.grade to "
                    "the name of the column with the grades."
                )
            if "grade" not in entry["columns"] and "answer" not in entry["columns"]:
                raise UserError(
                    f"{where}: columns.answer and columns.grade are both missing. Set one of them to the name of a "
                    "column of the table."
                )
            if entry.get("when_missing", "error") == "error" and (reason := why_missing(entry["path"])):
                raise UserError(
                    f"{where}: {reason}. Add the file with the external model's answers, correct "
                    "`path`, or set when_missing: leave_out. With leave_out, the run continues without the file, and "
                    "also writes the test items, so that the external model can answer them."
                )


def table_path(entry: Mapping[str, Any]) -> Path:
    """Return the path in the key `path` of `entry`, with `~` and environment variables replaced (`user_path`).

    Args:
        entry: an entry of `external_predictions`, or a task's `source` or `stand_in` of kind `file`.
    """
    return user_path(entry["path"])


def missing_external(entry: Mapping[str, Any], stand_in: bool) -> str | None:
    """The reason why a run leaves out an entry of `external_predictions`; None if the run includes the entry.

    Args:
        entry: the entry's settings.
        stand_in: whether generated text replaces the task's own text. The external answers do not fit such text.
    """
    if stand_in:
        return "the task's own text is missing"
    return why_missing(entry["path"])
