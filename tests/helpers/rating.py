"""A small study to rate: test rows, answers of three variants, sheets and keys of two raters."""

from pathlib import Path

from clinical_dpo.grading.raters.rating_files import write_ratings
from clinical_dpo.grading.raters.sheet_files import write_sheet
from clinical_dpo.grading.raters.sheets import KEY_COLUMNS, correctness_items, key_rows, preference_items, sheet_rows
from clinical_dpo.io import write_csv

SEED = 42
SECRET = "5" * 64
NASTY = '</script><script>alert("x")</script><b>5 mg</b> & "2" {{data}} \u2028 <!-- ü →'


def study(n=8):
    """Test rows and variant -> answers; sft and dpo answer every fourth question alike."""
    rows = [
        {
            "id": f"medqa-row-{number}",
            "prompt": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": f"Question {number}?"}],
            "completion": [{"role": "assistant", "content": f"reference number {number}"}],
        }
        for number in range(n)
    ]
    texts = {
        "base": lambda number: f"no idea {number}" if number else NASTY,
        "sft": lambda number: f"some reference {number}",
        "dpo": lambda number: f"some reference {number}" if number % 4 == 0 else f"reference number {number} indeed",
    }
    answers = {name: [{"id": row["id"], "text": text(i)} for i, row in enumerate(rows)] for name, text in texts.items()}
    return rows, answers


def sheet(kind, raters=("r1", "r2"), n=8):
    """Items and key of a sheet that bears its kind's name."""
    rows, answers = study(n)
    pair = preference_items(rows, answers, ("dpo", "sft"), SEED)
    items = pair if kind == "preference" else correctness_items(rows, answers, SEED)
    return items, key_rows(items, kind, kind, raters, SECRET)


def write_study(folder, kind, raters=("r1", "r2"), n=8, instructions=""):
    """Write the sheets and the key; give items and key."""
    items, key = sheet(kind, raters, n)
    for rater in raters:
        rows = sheet_rows(items, key, rater)
        write_sheet(Path(folder) / f"{kind}.{rater}", rows, kind, kind, rater, instructions)
    write_csv(Path(folder) / f"{kind}.key.csv", key, KEY_COLUMNS)
    return items, key


def rate(path, key, rater, words, **changes):
    """Write a file of ratings: the words in the key's order, None for what is not there."""
    shown = [row for row in key if row["rater"] == rater and row["shown"] == "true"]
    blank = {"comment": "", "rated_at": "2026-11-21T12:00:00Z"} | changes
    rows = [
        {"sheet": row["sheet"], "item_id": row["item_id"], "text_sha256": row["text_sha256"], "rating": word} | blank
        for row, word in zip(shown, words, strict=False)
        if word is not None
    ]
    write_ratings(path, rows)
    return path
