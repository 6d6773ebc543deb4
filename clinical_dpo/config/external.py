"""The `external_predictions` of a task file: tables of another model's answers, graded like those of trained models.

Each name in `external_predictions` is a model of its own in every table; its only variant is `external`.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from clinical_dpo.errors import UserError
from clinical_dpo.paths import FOLDERS


def check_externals(tasks: Mapping[str, Mapping[str, Any]], models: Sequence[str]) -> None:
    """Check the rules of `external_predictions` that a schema cannot express.

    Args:
        tasks: task -> settings.
        models: names of all model files. Models and external predictions have folders beside each other.

    Raises:
        UserError: a name is in use, a name has two titles, the grades do not fit the metric, grades or answers have no
            column, or a required table is missing.
    """
    titles: dict[str, str] = {}
    for task, settings in tasks.items():
        for name, entry in settings.get("external_predictions", {}).items():
            where = f"config/tasks/{task}.yaml: external_predictions.{name}"
            if name in (*models, *FOLDERS):
                raise UserError(f"{where}: '{name}' is also the name of a folder of results. Use another name.")
            if titles.setdefault(name, entry["title"]) != entry["title"]:
                raise UserError(f"{where}: another task has the title '{titles[name]}'. Use one title for one name.")
            if settings["grader"] == "label" and "grade" in entry["columns"]:
                raise UserError(
                    f"{where}: F1 is computed from labels, not grades. Remove columns.grade; labels are parsed from "
                    "the answers."
                )
            if settings["grader"] == "physicians" and "grade" not in entry["columns"]:
                raise UserError(
                    f"{where}: the sheets for physicians have only the answers of trained models, so these answers "
                    "would get no grades. Have them graded, and name the column of the grades as columns.grade."
                )
            if "grade" not in entry["columns"] and "answer" not in entry["columns"]:
                raise UserError(
                    f"{where}: neither answers nor grades have a column. Name it as columns.answer or columns.grade."
                )
            if entry.get("when_missing", "error") == "error" and not table_path(entry).exists():
                raise UserError(
                    f"{where}: {entry['path']} is not there. Put it there, correct `path`, or set when_missing: "
                    "leave_out. Then the run continues without it and writes the test items for the other model."
                )


def table_path(entry: Mapping[str, Any]) -> Path:
    """Path of the table of one entry, with $NAME replaced from the environment."""
    return Path(os.path.expandvars(entry["path"]))


def missing_external(entry: Mapping[str, Any], stand_in: bool) -> str | None:
    """Why a run leaves an entry of `external_predictions` out, or None.

    Args:
        entry: the entry's settings.
        stand_in: whether generated text replaces the task's text, to which the answers belong.
    """
    if stand_in:
        return "the task's own text is not there"
    return None if table_path(entry).exists() else f"{entry['path']} is not there"
