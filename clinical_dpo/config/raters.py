"""What a task asks of its raters."""

from collections.abc import Mapping
from typing import Any


def rated_sheets(task: Mapping[str, Any]) -> dict[str, list[str]]:
    """The sheets of a task, each with its raters.

    Args:
        task: the task file's settings.
    """
    sheets = {}
    if "raters" in task and (task["outcome"] == "answer" or task["grader"] == "physicians"):
        sheets["correctness"] = task["raters"]
        sheets |= {"adjudication": [task["adjudicator"]]} if "adjudicator" in task else {}
    if "raters" in task and "win_rate" in task.get("tables", ()):
        sheets["preference"] = task["raters"]
    return sheets
