"""Find disputed items, and compute one final grade per item from the ratings of all raters.

In Savage et al. 2025, "Evaluation", two physicians rate each answer. If their ratings differ, a third physician, the
adjudicator, decides. The rules for correctness, for any number of raters:

- The judgement of more than half of the raters is the item's grade. "Cannot judge" is no judgement.
- An item without such a majority is disputed: the raters differ or cannot judge. The adjudicator's judgement is then
  the item's grade.
- Without an adjudicator, the grade of a disputed item is `cannot judge` if more than half of the raters cannot judge
  the item, else `disagreement`.
- An item that ends without a judgement is never dropped. It counts as not correct and is marked invalid, like
  an answer that cannot be parsed.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence

from clinical_dpo.errors import UserError
from clinical_dpo.grading.grade import new_grade
from clinical_dpo.grading.raters.rubric_scores import CANNOT_JUDGE, Rows, by_answer, grade_number, weighted_mean
from clinical_dpo.grading.scale import mean
from clinical_dpo.io import Row
from clinical_dpo.records import Grade, TaskRow

DISAGREEMENT = "disagreement"  # final grade of an item on which raters differ, without an adjudicator
FINAL_COLUMNS = ("item_id", "row_id", "variants", "grade", "decided_by", "status")


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
    """Return the judgement of more than half of the votes; None if there is no such judgement.

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

    There are three special cases. The first case in this list that holds applies:

    1. A rating of the answer or of one of its criteria is missing. `grade` is empty, and `status` is `pending`.
    2. All raters chose `cannot judge` for the answer, or for every criterion. `grade` is `cannot judge`.
    3. For at least one criterion, every rater chose `cannot judge`. Such a criterion counts as no, and `decided_by` is
       `nobody`.

    `decided_by` is `raters` except in case 3. `status` is `complete` except in case 1.

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

    `parsed` holds the final grade. `valid` is false if the final grade is `cannot judge` or `disagreement`, or if
    `decided_by` is `nobody`. For a pending item, grade, `parsed` and `valid` are empty.

    Args:
        finals: from `final_grades` or `mean_grades`.
        variant: the variant whose answers are graded.
        lowest: the grade of an item whose final grade is `cannot judge` or `disagreement`.
        rows: test rows. The table is in the order of these rows.

    Raises:
        UserError: a test item has no row in `finals` for this variant.
    """
    final_by_row = {final["row_id"]: final for final in finals if variant in final["variants"].split()}
    if missing := [row["id"] for row in rows if row["id"] not in final_by_row]:
        raise UserError(
            f"answers of {variant}: no sheet has items {missing[:3]}. Delete the .csv files in grading/keys/ of this "
            "task and model, and run again. Keep the .secret files: ratings cannot be read without them."
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
