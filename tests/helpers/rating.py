"""A small study to rate: test rows, answers of three variants, sheets and keys of two raters."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from clinical_dpo.grading.raters.formulas import guarded
from clinical_dpo.grading.raters.rating_files import COLUMNS
from clinical_dpo.grading.raters.sheet_files import write_sheet
from clinical_dpo.grading.raters.sheets import (
    KEY_COLUMNS,
    correctness_items,
    key_rows,
    preference_items,
    rubric_items,
    sheet_rows,
)
from clinical_dpo.io import write_csv
from tests.helpers.task_rows import task_row

SEED = 42
SECRET = "5" * 64
RATINGS = ["correct", "incorrect", "cannot judge"] * 7 + ["correct"]  # one for each item of the correctness sheet
RUBRIC = [{"item": "Names the dose", "weight": 2}, {"item": "Names {the} follow-up", "weight": 1}]
RUBRIC += [{"item": "Is brief", "weight": 0.5}]
NASTY = '</script><script>alert("x")</script><b>5 mg</b> & "2" {{data}} \u2028 <!-- ü →'


def write_ratings(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows as a rater's CSV file, with guarded texts as on a sheet."""
    write_csv(path, [{name: guarded(row[name]) for name in COLUMNS} for row in rows], COLUMNS)


def study(n=8):
    """Test rows and variant -> answers; sft and dpo answer every fourth question alike."""
    system = {"role": "system", "content": "Be brief."}
    rows = [task_row(f"medqa-row-{number}", f"Question {number}?", f"reference number {number}") for number in range(n)]
    for row in rows:
        row["prompt"].insert(0, system)
    texts = {
        "base": lambda number: f"no idea {number}" if number else NASTY,
        "sft": lambda number: f"some reference {number}",
        "dpo": lambda number: f"some reference {number}" if number % 4 == 0 else f"reference number {number} indeed",
    }
    answers = {name: [{"id": row["id"], "text": text(i)} for i, row in enumerate(rows)] for name, text in texts.items()}
    return rows, answers


def sheet(kind, raters=("r1", "r2"), n=8):
    """Items and key of a sheet whose name is its kind."""
    rows, answers = study(n)
    pair = preference_items(rows, answers, ("dpo", "sft"), SEED)
    items = pair if kind == "preference" else correctness_items(rows, answers, SEED)
    items = rubric_items(items, RUBRIC) if kind == "rubric" else items
    return items, key_rows(items, kind, kind, raters, SECRET)


def write_study(folder, kind, raters=("r1", "r2"), n=8, instructions=""):
    """Write the sheets and the key; return items and key."""
    items, key = sheet(kind, raters, n)
    for rater in raters:
        rows = sheet_rows(items, key, rater)
        write_sheet(Path(folder) / f"{kind}.{rater}", rows, kind, kind, rater, instructions)
    write_csv(Path(folder) / f"{kind}.key.csv", key, KEY_COLUMNS)
    return items, key


def rate(path, key, rater, ratings, **changes):
    """Write a file of one rater's ratings and return its path.

    Args:
        path: the file.
        key: rows of the sheet's key.
        rater: whose ratings.
        ratings: ratings in the key's order, None for an item without a rating; or item id -> rating.
        changes: values of other columns.
    """
    shown = [row for row in key if row["rater"] == rater and row["shown"] == "true"]
    if isinstance(ratings, Mapping):
        ratings = [ratings.get(row["item_id"]) for row in shown]
    blank = {"comment": "", "rated_at": "2026-11-21T12:00:00Z"} | changes
    rows = [
        {"sheet": row["sheet"], "item_id": row["item_id"], "text_sha256": row["text_sha256"], "rating": rating} | blank
        for row, rating in zip(shown, ratings, strict=False)
        if rating is not None
    ]
    write_ratings(path, rows)
    return path
