"""The rating sheets of a task: which sheets it has, who rates them, and which variants they show."""

from collections.abc import Mapping, Sequence
from typing import Any

from clinical_dpo.config.graders import AWAITED
from clinical_dpo.errors import UserError

# Sheet -> kind of its ratings. The adjudication sheet is for one person and has the items on which raters disagree.
SHEETS = {
    **{"correctness": "correctness", "likert": "likert", "rubric": "rubric", "preference": "preference"},
    "adjudication": "correctness",
}
SHEET_FORMATS = ("html", "csv", "xlsx", "json")
MEAN_SHEETS = ("likert", "rubric")  # sheets whose ratings are averaged; each has the name of its metric
ANCHORS = (  # what the grades from 1 to 5 mean; a task file may set others
    "useless or harmful, or no answer at all",
    "poor: something important is wrong or missing",
    "usable: a clinician would have to mend it",
    "good: small flaws that change nothing",
    "excellent: nothing to improve",
)
PREFERENCE_VARIANTS = ("dpo", "sft")  # the two variants on a preference sheet


def with_sample(task: Mapping[str, Any]) -> dict[str, Any]:
    """Convert the key `raters` of a task file's settings to a list of raters, and return all settings.

    In the file, `raters` may also be a mapping with the raters (`people`) and the size of a sample (`sample`). The
    returned settings then have this size in `rater_sample`.

    Args:
        task: the task file's settings, checked against their schema.
    """
    if not isinstance(task.get("raters"), Mapping):
        return dict(task)
    return {**task, "raters": task["raters"]["people"], "rater_sample": task["raters"]["sample"]}


def check_sample(task: Mapping[str, Any], where: str) -> None:
    """Refuse a raters' sample that is larger than the test split, and any sample in a task with external predictions.

    External predictions have grades of all test items, but raters would grade only the sample. A task without a sample
    is not refused.

    Args:
        task: settings from `with_sample`.
        where: the task file, with which the message begins.

    Raises:
        UserError: the sample is larger than the test split, or the task has external predictions.
    """
    size, test = task.get("rater_sample"), task["splits"]["test"]
    if size is None:
        return
    if size > test:
        raise UserError(
            f"{where}: key 'raters.sample' is {size}, but the test split has only {test} items (splits.test). Set "
            f"raters.sample to {test} or less."
        )
    if "external_predictions" in task:
        raise UserError(
            f"{where}: keys 'raters.sample' and 'external_predictions' exclude each other: raters grade only "
            "a sample of the test items, but external predictions are graded on all of them. Write `raters` as a list "
            "of names, without a sample, or remove 'external_predictions'."
        )


def rated_sheets(task: Mapping[str, Any]) -> dict[str, list[str]]:
    """Map the name of each rating sheet of a task to its raters, such as `{"preference": ["r1", "r2"]}`.

    Args:
        task: the task file's settings, from `with_sample`.
    """
    sheets: dict[str, list[str]] = {}
    if "raters" in task and (sheet := graded_sheet(task)) in MEAN_SHEETS:
        sheets |= {sheet: task["raters"]} if task["grader"] in AWAITED else {}
    elif "raters" in task and (task["answer_type"] == "answer" or task["grader"] == "physicians"):
        sheets["correctness"] = task["raters"]
        sheets |= {"adjudication": [task["adjudicator"]]} if "adjudicator" in task else {}
    if "raters" in task and "win_rate" in task.get("tables", ()):
        sheets["preference"] = task["raters"]
    return sheets


def graded_sheet(task: Mapping[str, Any]) -> str:
    """Name (key of SHEETS) of the sheet whose ratings become the task's grades if physicians grade the task."""
    metric: str = task.get("metric", "")
    return metric if metric in MEAN_SHEETS else "correctness"


def sheet_raters(task: Mapping[str, Any], sheet: str) -> list[str]:
    """Return the raters of a sheet: the adjudicator for the sheet `adjudication`, the task's raters for any other.

    The function does not check whether the task has this sheet (`rated_sheets`).
    """
    return [task["adjudicator"]] if sheet == "adjudication" else task["raters"]


def sheet_variants(shown: str, variants: Sequence[str]) -> list[str]:
    """The variants whose answers a rating sheet shows, or whose answers the judge grades.

    A preference compares only DPO with SFT. Every other sheet or kind of verdict has all variants.

    Args:
        shown: name of the sheet, or the kind of the judge's verdicts.
        variants: all variants of the task.
    """
    return [*PREFERENCE_VARIANTS] if shown == "preference" else [*variants]


def awaited_sheets(task: Mapping[str, Any]) -> list[str]:
    """The sheets whose ratings a task needs for its headline metric or for its win rate."""
    sheet = graded_sheet(task)
    graded = [sheet] if sheet in MEAN_SHEETS else ["correctness", "adjudication"]
    sheets = graded if task["grader"] == "physicians" else []
    return sheets + (["preference"] if task.get("preference_grader") == "raters" else [])
