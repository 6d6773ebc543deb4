"""Check ratings against the key, find pending ratings and disputed items, and compute one final grade per item.

The key says which texts each rater sees, and which variant wrote each answer. In Savage et al. 2025, "Evaluation", two
physicians rate each answer. If their ratings differ, a third physician, the adjudicator, decides. The rules for
correctness, for any number of raters:

- The judgement of more than half of the raters is the item's grade. "Cannot judge" is no judgement.
- An item without such a majority is disputed: the raters differ or cannot judge. The adjudicator's judgement is then
  the item's grade.
- Without an adjudicator, the grade of a disputed item is `cannot judge` if more than half of the raters cannot judge
  the item, else `disagreement`.
- An item that ends without a judgement is never dropped. It counts as not correct and is marked invalid, like
  an answer that cannot be parsed.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from clinical_dpo.errors import UserError, did_you_mean
from clinical_dpo.grading.grade import new_grade
from clinical_dpo.grading.raters.rating_files import read_ratings
from clinical_dpo.grading.raters.rubric_scores import CANNOT_JUDGE, Rows, by_answer, grade_number, weighted_mean
from clinical_dpo.grading.raters.sheets import RATINGS
from clinical_dpo.grading.scale import mean
from clinical_dpo.io import Row
from clinical_dpo.records import Grade, TaskRow

DISAGREEMENT = "disagreement"  # final grade of an item on which raters differ, without an adjudicator
RATED_COLUMNS = ("sheet", "rater", "item_id", "row_id", "rating", "choice", "comment", "rated_at")
PENDING_COLUMNS = ("sheet", "rater", "n", "rated", "pending")
FINAL_COLUMNS = ("item_id", "row_id", "variants", "grade", "decided_by", "status")


def collect_ratings(key: Rows, files: Mapping[str, str | Path]) -> list[Row]:
    """Read the ratings of all raters of a sheet, and check them against the key. Return rows of RATED_COLUMNS.

    If a rater has not rated an item, there is no row for this rater and item. `choice` is the rating. If the rating is
    A or B, `choice` is instead the variant whose answer the rater saw under this letter.

    Args:
        key: rows of one sheet's key, which says what each rater sees and which variant wrote each answer.
        files: rater -> file, from `rating_files.rating_files`.

    Raises:
        UserError: the key lacks the rater or the item, the rater saw other texts than those of the key, a rating is not
            allowed, or a rater rates an item twice.
    """
    raters = list(dict.fromkeys(row["rater"] for row in key))
    ratings = []
    for rater, path in files.items():
        if rater not in raters:
            hint = did_you_mean(rater, raters)
            raise UserError(
                f"{path}: '{rater}' is not a rater of this sheet.{hint} Rename the file, or add the rater to `raters` "
                "in the task file."
            )
        key_by_item = {row["item_id"]: row for row in key if row["rater"] == rater}
        ratings += _checked_ratings(path, read_ratings(path), key_by_item)
    return ratings


def _checked_ratings(path: str | Path, rows: Sequence[Row], key_by_item: Mapping[str, Mapping[str, str]]) -> list[Row]:
    """Check the ratings of one rater's file against the key. Return rows of RATED_COLUMNS.

    An item without a rating has no row in the result.

    Args:
        path: the file, for messages.
        rows: the rows of the file, from `rating_files.read_ratings`.
        key_by_item: item id -> the rater's row of the key.

    Raises:
        UserError: an item is not on the rater's sheet or comes twice, the name of the sheet is wrong, the rater saw
            other texts than those of the key, or a rating is not allowed.
    """
    if rows and not any(row["item_id"] in key_by_item for row in rows):
        raise UserError(
            f"{path}: no item of this file is on this rater's sheet. Move the file to the folder of its task and "
            "model. If another rater filled in this file, rename the file."
        )
    first_row: dict[str, str] = {}
    ratings = []
    for row in rows:
        item_id = row["item_id"]
        where = f"{path}, {row['row']}, item '{_shortened(item_id)}'"
        if item_id not in key_by_item:
            raise UserError(
                f"{where}: this item is not on this rater's sheet. Remove the line, or correct the item_id."
            )
        key_row = key_by_item[item_id]
        if row["sheet"] not in ("", key_row["sheet"]):
            raise UserError(
                f"{where}, column 'sheet': the value is '{_shortened(row['sheet'])}', but this item is on the sheet "
                f"'{key_row['sheet']}'. Write '{key_row['sheet']}'."
            )
        if item_id in first_row:
            raise UserError(f"{where}: this item is also rated in {first_row[item_id]}. Keep one of the two ratings.")
        first_row[item_id] = row["row"]
        if row["text_sha256"] != key_row["text_sha256"]:
            raise UserError(
                f"{where}, column 'text_sha256': the rater saw other texts than those on the current sheet. "
                f"If the answers have changed, send rater {key_row['rater']} the current sheet, or restore the old "
                "answers. If another rater filled in this file, write that rater's name into the file's name."
            )
        if row["rating"]:
            rating = _parse_rating(row["rating"], key_row["kind"], where)
            ratings.append(
                {"sheet": key_row["sheet"], "rater": key_row["rater"], "item_id": item_id, "row_id": key_row["row_id"]}
                | {"rating": rating, "choice": key_row[rating] if rating in ("A", "B") else rating}
                | {"comment": row["comment"], "rated_at": row["rated_at"]}
            )
    return ratings


def _parse_rating(text: str, kind: str, where: str) -> str:
    """Return the allowed rating that a text spells.

    Upper and lower case are equal, and an underscore equals a blank. Extra blanks are ignored, and so are
    the decimals of `4.0` or `4,0`.

    Args:
        text: the text that the rater wrote.
        kind: kind of the sheet, a key of RATINGS.
        where: place of the rating, for messages.

    Raises:
        UserError: the text spells no rating of this kind of sheet.
    """
    allowed = {rating.lower(): rating for rating in RATINGS[kind]}
    spelling = " ".join(text.replace("_", " ").lower().split())
    spelling = re.sub(r"(\d+)[.,]0+", r"\1", spelling)  # a spreadsheet's number
    if spelling not in allowed:
        raise UserError(
            f"{where}, column 'rating': '{_shortened(text)}' is not a rating. Write one of: {', '.join(RATINGS[kind])}."
        )
    return allowed[spelling]


def _shortened(text: str) -> str:
    """Return the part of a text that a message quotes: at most 80 characters."""
    return text if len(text) <= 80 else f"{text[:80]} ..."


def pending_ratings(key: Rows, ratings: Sequence[Row]) -> list[Row]:
    """Return rows of PENDING_COLUMNS, one per rater of the sheet: the numbers of shown, rated and pending items.

    Args:
        key: rows of one sheet's key, one per rater and item.
        ratings: the ratings so far, from `collect_ratings`.
    """
    rated_items = {(row["rater"], row["item_id"]) for row in ratings}
    shown_items: dict[tuple[str, str], list[str]] = {}
    for row in key:
        item_ids = shown_items.setdefault((row["sheet"], row["rater"]), [])
        if row["shown"] == "true":
            item_ids.append(row["item_id"])
    rows = []
    for (sheet, rater), item_ids in shown_items.items():
        n, rated = len(item_ids), sum((rater, item_id) in rated_items for item_id in item_ids)
        rows.append({"sheet": sheet, "rater": rater, "n": n, "rated": rated, "pending": n - rated})
    return rows


def pending_for_tables(rows: Rows, sheets: Mapping[str, Sequence[str]]) -> list[Mapping[str, str]]:
    """Return only the rows about sheets that a result table of their task needs.

    Args:
        rows: rows with `task` and `sheet`, such as the counts of pending ratings.
        sheets: task -> the sheets that the task's result tables need.
    """
    return [row for row in rows if row["sheet"] in sheets[row["task"]]]


def votes_by_item(key: Rows, ratings: Sequence[Row]) -> dict[str, dict[str, str]]:
    """Return item id -> rater -> choice, for all items of a sheet. An item without ratings has an empty dict.

    Args:
        key: rows of the sheet's blinding key, one per rater and item.
        ratings: the ratings so far, from `collect_ratings`.
    """
    votes: dict[str, dict[str, str]] = {row["item_id"]: {} for row in key}
    for row in ratings:
        votes[row["item_id"]][row["rater"]] = row["choice"]
    return votes


def majority(choices: Iterable[str]) -> str | None:
    """Return the judgement of more than half of the votes; None if there is none.

    "Cannot judge" counts as a vote, but is never returned.
    """
    votes = list(choices)
    choice, count = Counter(votes).most_common(1)[0] if votes else (CANNOT_JUDGE, 0)
    return choice if choice != CANNOT_JUDGE and 2 * count > len(votes) else None


def disputed_items(key: Rows, ratings: Sequence[Row]) -> set[str]:
    """Return the ids of the items that every rater has rated, and on which no judgement has a majority.

    The adjudicator decides these items.
    """
    raters = {row["rater"] for row in key}
    return {
        item_id
        for item_id, votes in votes_by_item(key, ratings).items()
        if len(votes) == len(raters) and majority(votes.values()) is None
    }


def final_grades(key: Rows, ratings: Sequence[Row], adjudications: Sequence[Row] | None = None) -> list[Row]:
    """Return rows of FINAL_COLUMNS, one per item of a correctness sheet, in the order of the sheet's blinding key.

    An item is disputed if every rater has rated it, but neither `correct` nor `incorrect` has more than half of the
    votes.

    - `status` is `complete` or `pending`. An item is pending until every rater has rated it. If it is then disputed
      and there is an adjudicator, it is pending until the adjudicator has rated it.
    - `grade` is `correct`, `incorrect`, `cannot judge` or `disagreement`. The grade of a pending item is empty.
    - `decided_by` is `raters` for an item that is not disputed. For a disputed item, it is `adjudicator`, or `nobody`
      if there is no adjudicator.

    Args:
        key: rows of the sheet's blinding key, one per rater and item.
        ratings: the raters' ratings so far, from `collect_ratings`.
        adjudications: the adjudicator's ratings so far, from `collect_ratings`; None if there is no adjudicator.
            Ratings of items that are not disputed have no effect.
    """
    adjudicated = {row["item_id"]: row["choice"] for row in adjudications or []}
    raters = {row["rater"] for row in key}
    disputed = disputed_items(key, ratings)
    key_by_item = {row["item_id"]: row for row in key}
    rows = []
    for item_id, votes in votes_by_item(key, ratings).items():
        grade, decided_by = majority(votes.values()) if len(votes) == len(raters) else None, "raters"
        if item_id in disputed:
            decided_by = "nobody" if adjudications is None else "adjudicator"
            grade = _undecided(votes.values()) if adjudications is None else adjudicated.get(item_id)
        key_row = key_by_item[item_id]
        rows.append(
            {"item_id": item_id, "row_id": key_row["row_id"], "variants": key_row["variants"]}
            | {"grade": grade or "", "decided_by": decided_by, "status": "complete" if grade else "pending"}
        )
    return rows


def mean_grades(key: Rows, ratings: Sequence[Row]) -> list[Row]:
    """Return rows of FINAL_COLUMNS, one per answer of a likert or rubric sheet, with the mean grade of the answer.

    A Likert grade is the mean over the raters who could judge the answer. For a rubric, each criterion gets the share
    of yes among the raters who could judge the criterion. The grade is the mean of these shares, weighted by the
    criteria's weights.

    - If all raters chose `cannot judge` for some criteria but not for all, these criteria count as no, and
      `decided_by` is `nobody`.
    - If all raters chose `cannot judge` for the answer or for all its criteria, `grade` is `cannot judge`, and
      `decided_by` is `raters`.
    - If a rating is missing, `grade` is empty, and `status` is `pending`.

    Args:
        key: rows of the sheet's blinding key, one per rater and item. A rubric has an item for each criterion.
        ratings: the raters' ratings so far, from `collect_ratings`.
    """
    raters = {row["rater"] for row in key}
    votes = votes_by_item(key, ratings)
    rows = []
    for answer, key_by_item in by_answer(key).items():
        means = {
            item: mean([grade_number(vote) for vote in votes[item].values() if vote != CANNOT_JUDGE])
            for item in key_by_item
        }
        complete = all(len(votes[item]) == len(raters) for item in key_by_item)
        judged = [value is not None for value in means.values()]
        score = f"{weighted_mean((means[item] or 0, row) for item, row in key_by_item.items()):.10g}"
        key_row = next(iter(key_by_item.values()))
        rows.append(
            {"item_id": answer, "row_id": key_row["row_id"], "variants": key_row["variants"]}
            | {"grade": (score if any(judged) else CANNOT_JUDGE) if complete else ""}
            | {"decided_by": "nobody" if any(judged) and not all(judged) and complete else "raters"}
            | {"status": "complete" if complete else "pending"}
        )
    return rows


def _undecided(votes: Collection[str]) -> str:
    """Return the final grade of a disputed item without an adjudicator.

    The grade is `cannot judge` if more than half of the votes are `cannot judge`, else `disagreement`.

    Args:
        votes: the raters' choices.
    """
    return CANNOT_JUDGE if 2 * list(votes).count(CANNOT_JUDGE) > len(votes) else DISAGREEMENT


def variant_grades(finals: Sequence[Row], variant: str, rows: Sequence[TaskRow], lowest: str = "0") -> list[Grade]:
    """Return one variant's grades table. A grade is 1 for correct and 0 for incorrect; a mean grade stays as it is.

    `parsed` holds the final grade. `valid` is false if nobody decided, or if the final grade is `cannot judge`.

    Args:
        finals: from `final_grades` or `mean_grades`.
        variant: the variant whose answers are graded.
        lowest: the grade of an item without a judgement.
        rows: test rows. The table is in the order of these rows.

    Raises:
        UserError: a test item has no row in `finals` for this variant.
    """
    final_by_row = {final["row_id"]: final for final in finals if variant in final["variants"].split()}
    if missing := [row["id"] for row in rows if row["id"] not in final_by_row]:
        raise UserError(
            f"answers of {variant}: no sheet has items {missing[:3]}. Delete the folder grading/ of this task and "
            "model, and run again."
        )
    grades = []
    for row in rows:
        final = final_by_row[row["id"]]
        grade = new_grade(row["id"], "physicians", final["status"])
        if final["status"] == "complete":
            numbers = {"correct": "1", "incorrect": "0", CANNOT_JUDGE: lowest, DISAGREEMENT: lowest}
            judged: str = final["grade"]
            grade["grade"], grade["parsed"] = numbers.get(judged, judged), judged
            undecided = judged in (CANNOT_JUDGE, DISAGREEMENT) or final["decided_by"] == "nobody"
            grade["valid"] = "false" if undecided else "true"
        grades.append(grade)
    return grades
