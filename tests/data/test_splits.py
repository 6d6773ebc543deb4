"""Splits: their sizes, shares of labels and draws, and what a shortage of rows does."""

import random
import unicodedata
from collections import Counter
from itertools import pairwise

import pytest

from clinical_dpo.data.splits import split
from clinical_dpo.errors import UserError
from tests.helpers.task_rows import task_row

SIZES = {"train": 300, "eval": 200, "dev": 100, "test": 200}


def labelled_row(row_id: str, prompt: str, label: str) -> dict:
    return task_row(row_id, prompt, label, label=label)


def labelled(n: int, positive: int) -> list[dict]:
    return [labelled_row(f"r{i:04d}", f"note {i}", "UTI" if i < positive else "No UTI") for i in range(n)]


def draw(rows, sizes=SIZES, seed=42, stratify=True, on_shortfall="error"):
    return split(rows, sizes, seed, stratify=stratify, on_shortfall=on_shortfall)


@pytest.mark.parametrize("positive", [1, 17, 333, 450, 899])
@pytest.mark.parametrize("sizes", [SIZES, {"train": 501, "eval": 7, "dev": 0, "test": 61}, {"train": 899, "test": 1}])
def test_sizes_are_exact_and_labels_in_proportion(positive, sizes):
    splits, report = draw(labelled(900, positive), sizes)
    assert {name: len(part) for name, part in splits.items()} == sizes == report["counts"]
    for name, part in splits.items():
        counts = Counter(row["label"] for row in part)
        assert abs(counts["UTI"] - sizes[name] * positive / 900) <= 1
        assert report["labels"][name] == dict(counts)
    ids = [row["id"] for part in splits.values() for row in part]
    assert len(set(ids)) == len(ids) == sum(sizes.values())
    assert report["unused"] == 900 - len(ids)
    assert report["shrunk"] is None


@pytest.mark.parametrize("shares", [(300, 300, 300), (700, 150, 50), (5, 400, 400, 95), (200, 200, 200, 200, 100)])
def test_three_and_more_labels_are_in_proportion_in_every_split(shares):
    """Labels take turns, so that a split is off by one row, and by the rounding of the other labels in its share."""
    labels = [f"level {place}" for place, share in enumerate(shares) for _ in range(share)]
    rows = [labelled_row(f"r{i:04d}", f"note {i}", label) for i, label in enumerate(labels)]
    splits, report = draw(rows, {"train": 501, "eval": 67, "dev": 40, "test": 161})
    for name, part in splits.items():
        for place, share in enumerate(shares):
            expected = len(part) * share / len(rows)
            count = report["labels"][name].get(f"level {place}", 0)
            assert abs(count - expected) <= 1 + len(shares) * share / len(rows)


def test_the_draw_depends_on_the_seed_and_not_on_the_order_of_rows():
    rows = labelled(900, 400)
    shuffled = random.Random(1).sample(rows, len(rows))
    assert draw(rows) == draw(shuffled)
    reseeded, _ = draw(rows, seed=43)
    assert {row["id"] for row in reseeded["test"]} != {row["id"] for row in draw(rows)[0]["test"]}


def test_the_order_within_a_split_does_not_predict_the_label():
    train = draw(labelled(900, 450))[0]["train"]
    changes = sum(row["label"] != following["label"] for row, following in pairwise(train))
    assert 110 < changes < 190  # 149.5 expected of 300 rows in random order, 299 of alternating labels


def test_rows_without_labels_are_drawn_at_random():
    rows = [task_row(f"q{i}", f"question {i}") for i in range(800)]
    splits, report = draw(rows, stratify=False)
    assert report["counts"] == SIZES
    assert report["labels"]["train"] == {}
    assert sum(int(row["id"][1:]) for row in splits["test"]) / 200 == pytest.approx(399.5, abs=50)


def test_a_repeated_prompt_is_kept_once():
    rows = [*labelled(800, 400), labelled_row("x1", " NOTE  5\n", "UTI"), labelled_row("x2", "note 6", "No UTI")]
    splits, report = draw(rows)
    assert (report["rows"], report["duplicates_removed"], report["conflicting_duplicates"]) == (802, 2, 1)
    assert not {"x1", "x2"} & {row["id"] for part in splits.values() for row in part}


def test_a_prompt_in_another_unicode_form_is_a_repeat():
    composed, decomposed = (unicodedata.normalize(form, "Fièvre depuis lundi") for form in ("NFC", "NFD"))
    rows = [labelled_row("r1", composed, "UTI"), labelled_row("r2", decomposed, "UTI"), labelled_row("r3", "b", "UTI")]
    assert draw(rows, {"train": 1, "test": 1})[1]["duplicates_removed"] == 1


def test_too_few_rows_are_refused_with_both_numbers_and_the_mend():
    with pytest.raises(UserError) as error:
        draw(labelled(700, 300))
    for part in ("need 800", "train 300, eval 200, dev 100, test 200", "only 700 are", "on_shortfall: shrink"):
        assert part in str(error.value)


def test_repeated_prompts_do_not_count_as_rows():
    repeats = [row | {"id": f"{row['id']}b"} for row in labelled(100, 50)]
    with pytest.raises(UserError, match=r"only 799 are available\. 100 more rows repeat the prompt of another row\."):
        draw([*labelled(799, 300), *repeats])
    with pytest.raises(UserError, match=r"only 799 are available\. Add rows"):
        draw(labelled(799, 300))


def test_too_few_rows_shrink_all_splits_in_proportion():
    splits, report = draw(labelled(101, 50), on_shortfall="shrink")
    assert report["counts"] == {"train": 38, "eval": 25, "dev": 13, "test": 25}
    assert report["shrunk"] == {"asked": SIZES, "have": 101}
    assert sum(len(part) for part in splits.values()) == 101


def test_an_empty_split_stays_empty_when_splits_shrink():
    sizes = {"train": 150, "dev": 0, "test": 50}
    assert draw(labelled(101, 50), sizes, on_shortfall="shrink")[1]["counts"]["dev"] == 0


def test_a_split_that_would_shrink_to_nothing_is_refused():
    with pytest.raises(UserError, match=r"only 3 are.*'dev' would be empty.*Add rows"):
        draw(labelled(3, 1), on_shortfall="shrink")
