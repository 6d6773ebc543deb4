"""Keep the paths of private data out of a package."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from clinical_dpo.paths import Paths
from clinical_dpo.user_paths import user_path

NOT_SHOWN = "private-data-not-in-this-package"


def without_private(settings: Mapping[str, Any]) -> dict[str, Any]:
    """A private task's settings, with a placeholder for each data path and for the row filter (`where`).

    Args:
        settings: settings of a task with `phi: true`.
    """
    hidden = dict(settings)
    for key in ("source", "stand_in"):
        if "path" in hidden.get(key, {}):
            hidden[key] = {**hidden[key], "path": NOT_SHOWN}
    if "external_predictions" in hidden:
        hidden["external_predictions"] = {
            name: {**entry, "path": NOT_SHOWN} for name, entry in hidden["external_predictions"].items()
        }
    return hidden | ({"where": NOT_SHOWN} if "where" in hidden else {})


def private_paths(tasks: Mapping[str, Mapping[str, Any]], paths: Paths) -> list[re.Pattern[str]]:
    """Regular expressions that match the paths of all private tasks' data.

    For each private task, they match the paths of its source, its stand-in and its external predictions. A path matches
    as the task file states it, and also as `user_path` converts it. They also match all files in the task's folders in
    `results` and `ratings`.

    Args:
        tasks: private task -> settings of its task file.
        paths: the paths of the run.
    """
    patterns = []
    for name, task in tasks.items():
        entries = [task.get("source", {}), task.get("stand_in", {}), *task.get("external_predictions", {}).values()]
        configured = [str(entry["path"]) for entry in entries if "path" in entry]
        files = sorted({*configured, *(str(user_path(path)) for path in configured)}, key=len, reverse=True)
        patterns += [re.compile(re.escape(path)) for path in files]
        for folder in ("results", "ratings"):
            patterns.append(re.compile(rf"{re.escape(paths.folder(folder, name))}/[^\s,;\"'<>]*"))
    return patterns


def hide(text: str, patterns: Iterable[re.Pattern[str]]) -> str:
    """Replace the paths of private data in a text by NOT_SHOWN. `patterns` are from `private_paths`."""
    for pattern in patterns:
        text = pattern.sub(NOT_SHOWN, text)
    return text
