"""Ratings checked against the key, what is still pending, disagreements, and one final grade per item.

How two raters become one grade (Savage et al. 2025, "Evaluation": two physicians, a third decides where they differ):

- What more than half of the raters said is the item's grade, if it is a judgement ("cannot judge" is none).
- Every other item is disputed: the raters differ, or could not judge. The adjudicator's word is its grade.
- An item nobody can judge in the end is never dropped: it counts as not correct and is marked invalid, as an answer
  that cannot be parsed.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from clinical_dpo.errors import UserError, did_you_mean
from clinical_dpo.grading.grade import COLUMNS as GRADE_COLUMNS
from clinical_dpo.grading.raters.rating_files import read_ratings
from clinical_dpo.grading.raters.sheets import WORDS
from clinical_dpo.io import Row

CANNOT = "cannot judge"
RATED_COLUMNS = ("sheet", "rater", "item_id", "row_id", "rating", "choice", "comment", "rated_at")
PENDING_COLUMNS = ("sheet", "rater", "n", "rated", "pending")
FINAL_COLUMNS = ("item_id", "row_id", "variants", "grade", "decided_by", "status")

Rows = Sequence[Mapping[str, str]]


def collect_ratings(key: Rows, files: Mapping[str, str | Path]) -> list[Row]:
    """Rows of RATED_COLUMNS, one per rated item, checked; what is blank or missing is not there: it is still pending.

    `choice` is the rating with sides resolved: a variant's name, `tie`, `correct`, `incorrect` or `cannot judge`.

    Args:
        key: rows of one sheet's key.
        files: rater -> file, as `rating_files.rating_files` finds them.

    Raises:
        UserError: a rater, item, text or word that the key does not have, or an item rated twice; with file and line.
    """
    raters = list(dict.fromkeys(row["rater"] for row in key))
    rated = []
    for rater, path in files.items():
        if rater not in raters:
            near = did_you_mean(rater, raters)
            raise UserError(f"{path}: no sheet was made for rater '{rater}'.{near} Rename the file, or add the rater.")
        items = {row["item_id"]: row for row in key if row["rater"] == rater}
        rated += _checked(path, read_ratings(path), items)
    return rated


def _checked(path: str | Path, rows: Sequence[Row], key: Mapping[str, Mapping[str, str]]) -> list[Row]:
    if rows and not any(row["item_id"] in key for row in rows):
        raise UserError(f"{path}: none of its items is on this sheet. It belongs to another task, model or sheet.")
    seen: dict[str, str] = {}
    rated = []
    for row in rows:
        name = row["item_id"]
        where = f"{path}, {row['row']}, item '{_brief(name)}'"
        if name not in key:
            raise UserError(f"{where}: no such item on this sheet. Remove the line, or correct its item_id.")
        item = key[name]
        if row["sheet"] not in ("", item["sheet"]):
            raise UserError(f"{where}, column 'sheet': '{_brief(row['sheet'])}', where this is '{item['sheet']}'.")
        if name in seen:
            raise UserError(f"{where}: rated twice, first in {seen[name]}. Keep one of the two.")
        seen[name] = row["row"]
        if row["text_sha256"] != item["text_sha256"]:
            raise UserError(
                f"{where}, column 'text_sha256': the rater saw another text than the sheet has now (other answers, or "
                f"another rater's sheet). Send rater {item['rater']} the new sheet, or restore what it was made from."
            )
        if row["rating"]:
            rating = _word(row["rating"], item["kind"], where)
            rated.append(
                {"sheet": item["sheet"], "rater": item["rater"], "item_id": name, "row_id": item["row_id"]}
                | {"rating": rating, "choice": item[rating] if rating in ("A", "B") else rating}
                | {"comment": row["comment"], "rated_at": row["rated_at"]}
            )
    return rated


def _word(rating: str, kind: str, where: str) -> str:
    known = {word.lower(): word for word in WORDS[kind]}
    given = " ".join(rating.replace("_", " ").lower().split())
    if given not in known:
        raise UserError(
            f"{where}, column 'rating': '{_brief(rating)}' is no rating. Write one of: {', '.join(WORDS[kind])}."
        )
    return known[given]


def _brief(text: str) -> str:
    """What a message quotes of a text."""
    return text if len(text) <= 80 else f"{text[:80]} ..."


def pending_ratings(key: Rows, ratings: Sequence[Row]) -> list[Row]:
    """Rows of PENDING_COLUMNS, one per rater of the sheet: items on it, rated ones, and those still pending.

    Args:
        key: rows of one sheet's key.
        ratings: from `collect_ratings`.
    """
    done = {(row["rater"], row["item_id"]) for row in ratings}
    shown: dict[tuple[str, str], list[str]] = {}
    for row in key:
        names = shown.setdefault((row["sheet"], row["rater"]), [])
        if row["shown"] == "true":
            names.append(row["item_id"])
    rows = []
    for (sheet, rater), names in shown.items():
        rated = sum((rater, name) in done for name in names)
        rows.append({"sheet": sheet, "rater": rater, "n": len(names), "rated": rated, "pending": len(names) - rated})
    return rows


def pending_for_tables(rows: Rows, sheets: Mapping[str, Sequence[str]]) -> list[Mapping[str, str]]:
    """Those rows that a table waits for.

    Args:
        rows: rows with `task` and `sheet`.
        sheets: task -> its sheets without whose ratings a table is pending.
    """
    return [row for row in rows if row["sheet"] in sheets[row["task"]]]


def votes_of(key: Rows, ratings: Sequence[Row]) -> dict[str, dict[str, str]]:
    """Item id -> rater -> choice, for every item of the key, rated or not."""
    votes: dict[str, dict[str, str]] = {row["item_id"]: {} for row in key}
    for row in ratings:
        votes[row["item_id"]][row["rater"]] = row["choice"]
    return votes


def majority(choices: Iterable[str]) -> str | None:
    """The judgement that more than half gave, None without one; "cannot judge" is a vote, but never a judgement."""
    votes = list(choices)
    word, count = Counter(votes).most_common(1)[0] if votes else (CANNOT, 0)
    return word if word != CANNOT and 2 * count > len(votes) else None


def disputed(key: Rows, ratings: Sequence[Row]) -> set[str]:
    """Ids of the items that all raters of the key have rated without a majority: what the adjudicator is asked."""
    raters = {row["rater"] for row in key}
    return {
        name
        for name, votes in votes_of(key, ratings).items()
        if len(votes) == len(raters) and majority(votes.values()) is None
    }


def final_grades(key: Rows, ratings: Sequence[Row], adjudications: Sequence[Row] | None = None) -> list[Row]:
    """Rows of FINAL_COLUMNS, one per item of a correctness key, in its order.

    `grade` is correct, incorrect or cannot judge; `decided_by` is raters, adjudicator or nobody (no adjudicator is
    named and the raters do not agree); `status` is pending, without a grade, while a word is pending.

    Args:
        key: rows of the raters' key.
        ratings: theirs, from `collect_ratings`.
        adjudications: the adjudicator's, for any of the items; those not disputed are not used. None if there is no
            adjudicator: what is disputed is then graded cannot judge.
    """
    verdicts = {row["item_id"]: row["choice"] for row in adjudications or []}
    raters = {row["rater"] for row in key}
    open_items = disputed(key, ratings)
    facts = {row["item_id"]: row for row in key}
    rows = []
    for name, votes in votes_of(key, ratings).items():
        grade, decided_by = majority(votes.values()) if len(votes) == len(raters) else None, "raters"
        if name in open_items:
            decided_by = "nobody" if adjudications is None else "adjudicator"
            grade = CANNOT if adjudications is None else verdicts.get(name)
        rows.append(
            {"item_id": name, "row_id": facts[name]["row_id"], "variants": facts[name]["variants"]}
            | {"grade": grade or "", "decided_by": decided_by, "status": "complete" if grade else "pending"}
        )
    return rows


def variant_grades(finals: Sequence[Row], variant: str, rows: Sequence[Row]) -> list[Row]:
    """One variant's grades table, as `grade.grade_answers` writes it: 1 for correct, 0 for anything else.

    `parsed` holds the final word; `valid` is false where it is cannot judge.

    Args:
        finals: from `final_grades`.
        variant: whose answers.
        rows: test rows; the table is in their order.

    Raises:
        UserError: a test item that was on no sheet.
    """
    by_row = {final["row_id"]: final for final in finals if variant in final["variants"].split()}
    if missing := [row["id"] for row in rows if row["id"] not in by_row]:
        raise UserError(f"answers of {variant} to {missing[:3]} were on no sheet. Delete the sheets and run again.")
    grades = []
    for row in rows:
        final = by_row[row["id"]]
        blank = dict.fromkeys(GRADE_COLUMNS, "")
        known = {"id": row["id"], "grader": "physicians", "status": final["status"], "proxy": "false"}
        if final["status"] == "complete":
            known |= {"grade": str(int(final["grade"] == "correct")), "parsed": final["grade"]}
            known["valid"] = "false" if final["grade"] == CANNOT else "true"
        grades.append(blank | known)
    return grades
