"""One model's sheets and ratings, read from the files of a run."""

from collections.abc import Mapping
from pathlib import Path

from clinical_dpo.grading.answers import read_answers, read_task_rows
from clinical_dpo.grading.raters.rating_files import rating_files
from clinical_dpo.grading.raters.ratings import collect_ratings, disputed_items
from clinical_dpo.grading.raters.sheets import Item, correctness_items, preference_items, read_blinding_key
from clinical_dpo.io import Row
from clinical_dpo.paths import parse


def sheet_items(kind: str, test: str, answer_paths: Mapping[str, str], seed: int) -> list[Item]:
    """The items of a sheet.

    Args:
        kind: `correctness` or `preference`. A preference sheet compares the first variant with the second.
        test: JSON Lines of the test rows.
        answer_paths: variant -> JSON Lines of its answers.
        seed: the study's seed.
    """
    rows, answers = read_task_rows(test), {variant: read_answers(path) for variant, path in answer_paths.items()}
    if kind == "correctness":
        return correctness_items(rows, answers, seed)
    first, second = answers
    return preference_items(rows, answers, (first, second), seed)


def key_with_ratings(key_path: str, folder: str | Path) -> tuple[list[dict[str, str]], list[Row]]:
    """Rows of a sheet's key, and the ratings in `folder` so far, checked against the key."""
    key = read_blinding_key(key_path)
    return key, collect_ratings(key, rating_files(folder, parse("key", key_path)["sheet"]))


def items_to_adjudicate(key_path: str, folder: str | Path) -> set[str]:
    """Ids of the items of a correctness sheet on which its raters have no majority."""
    return disputed_items(*key_with_ratings(key_path, folder))
