"""Check ratings against the key, and count pending ratings.

The key says which texts each rater sees, and which variant wrote each answer.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from clinical_dpo.errors import UserError, did_you_mean
from clinical_dpo.grading.raters.rating_files import read_ratings
from clinical_dpo.grading.raters.rubric_scores import Rows
from clinical_dpo.grading.raters.sheets import RATINGS
from clinical_dpo.io import Row

RATED_COLUMNS = ("sheet", "rater", "item_id", "row_id", "rating", "choice", "comment", "rated_at")
PENDING_COLUMNS = ("sheet", "rater", "n", "rated", "pending")


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
                "in the task file. If this is the adjudication sheet, set `adjudicator` to the rater instead. If the "
                "file belongs to another sheet, move it to another place."
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
        UserError: an item is not on the rater's sheet or comes twice, the name of the sheet is wrong, the texts' digest
            is not that of the key, or a rating is not allowed.
    """
    if rows and not any(row["item_id"] in key_by_item for row in rows):
        raise UserError(
            f"{path}: no item of this file is on this rater's sheet. Move the file to the folder of its task and "
            "model, and give it the name of its sheet. If the file is in its place, the answers, the rubric or the "
            "seed have changed since the sheet was sent. Then restore them, or move the file away and send the rater "
            "the current sheet."
        )
    first_row: dict[str, str] = {}
    ratings = []
    for row in rows:
        item_id = row["item_id"]
        where = f"{path}, {row['row']}, item '{_shortened(item_id)}'"
        if item_id not in key_by_item:
            others = sum(other["item_id"] not in key_by_item for other in rows)
            raise UserError(
                f"{where}: this item is not on this rater's sheet ({others} of {len(rows)} rows are not). Remove the "
                "line, or correct the item_id if somebody changed it. If the answers or the rubric have changed since "
                "the sheet was sent, remove all such lines, and send the rater the current sheet."
            )
        key_row = key_by_item[item_id]
        if row["sheet"] not in ("", key_row["sheet"]):
            raise UserError(
                f"{where}, column 'sheet': the value is '{_shortened(row['sheet'])}', but this item is on the sheet "
                f"'{key_row['sheet']}'. If the file is of another sheet, correct the file's name. Otherwise: Write "
                f"'{key_row['sheet']}'."
            )
        if item_id in first_row:
            raise UserError(f"{where}: this item is also rated in {first_row[item_id]}. Keep one of the two ratings.")
        first_row[item_id] = row["row"]
        if row["text_sha256"] != key_row["text_sha256"]:
            raise UserError(
                f"{where}, column 'text_sha256': the value is not that of the current sheet. If the "
                f"question or the reference has changed, send rater {key_row['rater']} the current sheet, or restore "
                "the old texts. If another rater filled in this file, write the name of that rater into the file's "
                "name. If the column was emptied or sorted, restore it from the sheet that was sent."
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
    zeros after the decimal point: `4.0` and `4,0` are 4.

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
    """Return a row for each rater of a sheet, with the numbers of shown, rated and pending items.

    The rows have the columns PENDING_COLUMNS.

    Args:
        key: rows of the sheet's blinding key, one per rater and item.
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
    """Return the rows about rating sheets that result tables need: each row whose `sheet` is in `sheets[task]`.

    Args:
        rows: rows with `task` and `sheet`, such as the counts of pending ratings.
        sheets: each task of the rows -> names of the sheets that the task's result tables need.
    """
    return [row for row in rows if row["sheet"] in sheets[row["task"]]]
