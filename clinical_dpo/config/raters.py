"""The sheets of a task's raters."""

from collections.abc import Mapping, Sequence
from typing import Any

# Sheet -> kind of its ratings. Only one person gets the adjudication sheet. It has the items on which raters disagree.
SHEETS = {"correctness": "correctness", "preference": "preference", "adjudication": "correctness"}
PREFERENCE_VARIANTS = ("dpo", "sft")  # the two variants on a preference sheet


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
    """The raters of a sheet, even if `rated_sheets` does not list the sheet."""
    return [task["adjudicator"]] if sheet == "adjudication" else task["raters"]


def sheet_variants(shown: str, variants: Sequence[str]) -> list[str]:
    """The variants with answers that raters or a judge see: two variants for a preference, otherwise all variants.

    Args:
        shown: the name of a sheet, or the kind of a judge's verdicts.
        variants: all variants of the task.
    """
    return [*PREFERENCE_VARIANTS] if shown == "preference" else [*variants]


def awaited_sheets(task: Mapping[str, Any]) -> list[str]:
    """The sheets with ratings that a task's headline metric or win rate needs."""
    sheets = ["correctness", "adjudication"] if task["grader"] == "physicians" else []
    return sheets + (["preference"] if task.get("preference_grader") == "raters" else [])
