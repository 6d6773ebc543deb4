"""The `external_predictions` of a task file: tables of another model's answers, graded as the trained ones are.

In every table such an answerer stands as a model of its own, whose only variant is `external`.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from clinical_dpo.errors import UserError
from clinical_dpo.paths import FOLDERS


def check_externals(tasks: Mapping[str, Mapping[str, Any]], models: Sequence[str]) -> None:
    """Check what a schema cannot say of the tasks' `external_predictions`.

    Args:
        tasks: task -> settings.
        models: names of all model files; both name folders beside each other.

    Raises:
        UserError: a name that is taken, two titles for one name, grades that the metric cannot use or lacks, a table
            that must be there and is not.
    """
    titles: dict[str, str] = {}
    for task, settings in tasks.items():
        for name, entry in settings.get("external_predictions", {}).items():
            where = f"config/tasks/{task}.yaml: external_predictions.{name}"
            if name in (*models, *FOLDERS):
                raise UserError(f"{where}: '{name}' is also the name of a folder of results. Take another name.")
            if titles.setdefault(name, entry["title"]) != entry["title"]:
                raise UserError(f"{where}: another task calls it '{titles[name]}'. Give one title to one name.")
            if settings["grader"] == "label" and "grade" in entry["columns"]:
                raise UserError(
                    f"{where}: F1 needs labels, not grades. Leave out columns.grade; labels are read off the answers."
                )
            if settings["grader"] == "physicians" and "grade" not in entry["columns"]:
                raise UserError(
                    f"{where}: the sheets for physicians hold the trained models' answers alone, so nobody would grade "
                    "these. Have them graded, and name the column of the grades as columns.grade."
                )
            if "grade" not in entry["columns"] and "answer" not in entry["columns"]:
                raise UserError(f"{where}: name the column of the answers as columns.answer, or columns.grade.")
            if entry.get("when_missing", "error") == "error" and not table_path(entry).exists():
                raise UserError(
                    f"{where}: {entry['path']} is not there. Put it there, correct `path`, or set when_missing: "
                    "leave_out, with which a run goes on without it and writes the test items to be answered."
                )


def table_path(entry: Mapping[str, Any]) -> Path:
    """The table of one entry of `external_predictions`, $NAME read from the environment."""
    return Path(os.path.expandvars(entry["path"]))


def missing_external(entry: Mapping[str, Any], stand_in: bool) -> str | None:
    """Why an entry of `external_predictions` is left out of a run, or None.

    Args:
        entry: its settings.
        stand_in: generated text takes the place of the task's own, whose questions it answered.
    """
    if stand_in:
        return "the task's own text is not there"
    return None if table_path(entry).exists() else f"{entry['path']} is not there"
