"""One model's sheets and ratings as files of a run: what a sheet shows, and what its raters said."""

from collections.abc import Mapping
from pathlib import Path

from clinical_dpo.grading.raters.rating_files import rating_files
from clinical_dpo.grading.raters.ratings import collect_ratings, disputed
from clinical_dpo.grading.raters.sheets import Item, correctness_items, preference_items, read_blinding_key
from clinical_dpo.io import Row, read_jsonl
from clinical_dpo.paths import parse


def sheet_items(kind: str, test: str, answers: Mapping[str, str], seed: int) -> list[Item]:
    """What a sheet shows.

    Args:
        kind: `correctness` or `preference`; the latter compares the first of `answers` with the second.
        test: JSON Lines of the test rows.
        answers: variant -> JSON Lines of its answers.
        seed: the study's.
    """
    rows, given = read_jsonl(test), {variant: read_jsonl(path) for variant, path in answers.items()}
    if kind == "correctness":
        return correctness_items(rows, given, seed)
    first, second = given
    return preference_items(rows, given, (first, second), seed)


def rated(key: str, folder: str | Path) -> tuple[list[dict[str, str]], list[Row]]:
    """Rows of a sheet's key, and the ratings that have come back to `folder` so far, checked against it."""
    rows = read_blinding_key(key)
    return rows, collect_ratings(rows, rating_files(folder, parse("key", key)["sheet"]))


def open_items(key: str, folder: str | Path) -> set[str]:
    """Ids of the items that the raters of a correctness sheet leave to an adjudicator."""
    return disputed(*rated(key, folder))
