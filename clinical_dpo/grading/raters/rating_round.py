"""Read the rating sheets and the returned ratings of one model's answers from the files of a run."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from clinical_dpo.config.metrics import METRICS
from clinical_dpo.config.raters import MEAN_SHEETS
from clinical_dpo.grading.answers import read_answers, read_task_rows
from clinical_dpo.grading.raters.final_grades import disputed_items, final_grades, mean_grades, variant_grades
from clinical_dpo.grading.raters.rating_files import rating_files
from clinical_dpo.grading.raters.ratings import collect_ratings, pending_ratings
from clinical_dpo.grading.raters.sample import sampled_rows
from clinical_dpo.grading.raters.sheets import (
    Item,
    correctness_items,
    preference_items,
    read_blinding_key,
    rubric_items,
)
from clinical_dpo.io import Row
from clinical_dpo.paths import parse
from clinical_dpo.records import Grade, TaskRow
from clinical_dpo.variants import sorted_variants


def sheet_items(
    kind: str,
    test: str,
    answer_paths: Mapping[str, str],
    seed: int,
    sample: int | None = None,
    rubric: Sequence[Mapping[str, Any]] = (),
) -> list[Item]:
    """Return the items that are rated on a sheet.

    Args:
        kind: `correctness`, `likert`, `rubric` or `preference`. A preference sheet compares the first variant with the
            second.
        test: JSON Lines file of the test rows.
        answer_paths: variant -> JSON Lines file of its answers.
        seed: the study's seed.
        sample: number of test rows whose items are returned; None for all rows.
        rubric: the task's rubric, for kind `rubric`.
    """
    rows, answers = read_task_rows(test), {variant: read_answers(path) for variant, path in answer_paths.items()}
    if kind != "preference":
        items = correctness_items(rows, answers, seed)
        items = rubric_items(items, rubric) if kind == "rubric" else items
    else:
        first, second = answers
        items = preference_items(rows, answers, (first, second), seed)
    sampled = {row["id"] for row in sampled_rows(rows, sample, seed)}
    return [item for item in items if item.row_id in sampled]


def key_with_ratings(key_path: str, folder: str | Path) -> tuple[list[dict[str, str]], list[Row]]:
    """Return the rows of a sheet's key, and the ratings of this sheet so far, checked against the key.

    The key says which texts each rater sees, and which variant wrote each answer.

    Args:
        key_path: file of the key.
        folder: folder of the files that raters send back.
    """
    key = read_blinding_key(key_path)
    return key, collect_ratings(key, rating_files(folder, parse("key", key_path)["sheet"]))


def rater_grades(
    key_path: str, folder: str | Path, adjudication_key: str | None, rows: Sequence[TaskRow]
) -> dict[str, list[Grade]]:
    """Return variant -> the raters' grades of this variant's answers, in the order of `rows`.

    On a correctness sheet, the grade is 1 if more than half of the raters chose `correct`, and 0 if more than half
    chose `incorrect`. Without such a majority, the adjudicator's judgement decides. If there is also no adjudicator,
    the answer counts as wrong and invalid. On a likert or rubric sheet, the grade is a mean of the ratings (see
    `final_grades.mean_grades`). A grade is pending until its ratings are there.

    Args:
        key_path: file of the blinding key of the correctness, likert or rubric sheet.
        folder: folder of the files that raters send back.
        adjudication_key: file of the blinding key of the adjudication sheet; None without an adjudicator.
        rows: the test rows that the raters grade.

    Raises:
        UserError: a test row is not on the sheet.
    """
    key, ratings = key_with_ratings(key_path, folder)
    variants = sorted_variants(name for row in key for name in row["variants"].split())
    if (sheet := parse("key", key_path)["sheet"]) in MEAN_SHEETS:
        means, lowest = mean_grades(key, ratings), f"{METRICS[sheet].low:g}"
        return {variant: variant_grades(means, variant, rows, lowest) for variant in variants}
    adjudications = key_with_ratings(adjudication_key, folder)[1] if adjudication_key else None
    finals = final_grades(key, ratings, adjudications)
    return {variant: variant_grades(finals, variant, rows) for variant in variants}


def why_nothing_to_adjudicate(key_path: str, folder: str | Path) -> str:
    """Return why the adjudicator has nothing to rate: ratings are missing, or the raters agree on all items.

    Args:
        key_path: key of the raters' correctness sheet.
        folder: folder of the files that raters send back.
    """
    key, ratings = key_with_ratings(key_path, folder)
    missing = sum(row["pending"] for row in pending_ratings(key, ratings))
    items = len({row["item_id"] for row in key})
    if missing:
        return (
            f"There is nothing to decide yet, because {missing} ratings of the raters are missing. When all ratings "
            "are there, this sheet gets the items on which the raters differ."
        )
    return f"There is nothing to decide, because the raters agree on all {items} items."


def items_to_adjudicate(key_path: str, folder: str | Path) -> set[str]:
    """Return the ids of the items of a correctness sheet on which no judgement has a majority of the raters.

    Only items that every rater has rated are returned.

    Args:
        key_path: file of the blinding key of the raters' correctness sheet.
        folder: folder of the files that raters send back.
    """
    return disputed_items(*key_with_ratings(key_path, folder))
