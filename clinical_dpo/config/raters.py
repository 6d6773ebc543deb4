"""What a task asks of its raters."""

from collections.abc import Mapping
from typing import Any

from clinical_dpo.variants import VARIANTS

# Sheet -> what a rater says there. The third goes to one person, for what the raters of the first differ on.
SHEETS = {"correctness": "correctness", "preference": "preference", "adjudication": "correctness"}
COMPARED = ("dpo", "sft")  # the two variants of a preference sheet


def rated_sheets(task: Mapping[str, Any]) -> dict[str, list[str]]:
    """The sheets of a task, each with its raters.

    Args:
        task: the task file's settings.
    """
    sheets = {}
    if "raters" in task and (task["answer_type"] == "answer" or task["grader"] == "physicians"):
        sheets["correctness"] = task["raters"]
        sheets |= {"adjudication": [task["adjudicator"]]} if "adjudicator" in task else {}
    if "raters" in task and "win_rate" in task.get("tables", ()):
        sheets["preference"] = task["raters"]
    return sheets


def sheet_raters(task: Mapping[str, Any], sheet: str) -> list[str]:
    """Who gets a sheet of a task, whether or not the run asks for it."""
    return [task["adjudicator"]] if sheet == "adjudication" else task["raters"]


def sheet_variants(shown: str) -> tuple[str, ...]:
    """Whose answers a sheet shows, or a judge sees: those of all to be graded, or of two to be compared."""
    return COMPARED if shown == "preference" else VARIANTS


def awaited_sheets(task: Mapping[str, Any]) -> list[str]:
    """The sheets of a task without whose ratings a table is pending."""
    sheets = ["correctness", "adjudication"] if task["grader"] == "physicians" else []
    return sheets + (["preference"] if task.get("preference_grader") == "raters" else [])
