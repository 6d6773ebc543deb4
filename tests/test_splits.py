import random
import time
from collections import Counter
from itertools import combinations, pairwise

import pytest

from clinical_dpo.errors import UserError
from clinical_dpo.splits import near_duplicates, split

SIZES = {"train": 300, "eval": 200, "dev": 100, "test": 200}


def task_row(row_id: str, prompt: str, label: str | None = None) -> dict:
    row = {
        "id": row_id,
        "prompt": [{"role": "user", "content": prompt}],
        "completion": [{"role": "assistant", "content": label or "x"}],
    }
    return row | ({"label": label} if label else {})


def labelled(n: int, positive: int) -> list[dict]:
    return [task_row(f"r{i:04d}", f"note {i}", "UTI" if i < positive else "No UTI") for i in range(n)]


def draw(rows, sizes=SIZES, seed=42, stratify=True, on_shortfall="error"):
    return split(rows, sizes, seed, stratify=stratify, on_shortfall=on_shortfall)


@pytest.mark.parametrize("positive", [1, 17, 333, 450, 899])
@pytest.mark.parametrize("sizes", [SIZES, {"train": 501, "eval": 7, "dev": 0, "test": 61}, {"train": 899, "test": 1}])
def test_sizes_are_exact_and_labels_in_proportion(positive, sizes):
    splits, report = draw(labelled(900, positive), sizes)
    assert {name: len(part) for name, part in splits.items()} == sizes == report["counts"]
    for name, part in splits.items():
        found = Counter(row["label"] for row in part)
        assert abs(found["UTI"] - sizes[name] * positive / 900) <= 1
        assert report["labels"][name] == dict(found)
    ids = [row["id"] for part in splits.values() for row in part]
    assert len(set(ids)) == len(ids) == sum(sizes.values())
    assert report["unused"] == 900 - len(ids)
    assert report["shrunk"] is None


def test_the_seed_alone_decides():
    rows = labelled(900, 400)
    shuffled = random.Random(1).sample(rows, len(rows))
    assert draw(rows) == draw(shuffled)
    other, _ = draw(rows, seed=43)
    assert {row["id"] for row in other["test"]} != {row["id"] for row in draw(rows)[0]["test"]}


def test_order_within_a_split_tells_nothing_of_the_label():
    train = draw(labelled(900, 450))[0]["train"]
    changes = sum(one["label"] != other["label"] for one, other in pairwise(train))
    assert 110 < changes < 190  # 149.5 expected of 300 rows in random order, 299 of alternating ones


def test_without_labels_rows_are_drawn_all_the_same():
    rows = [task_row(f"q{i}", f"question {i}") for i in range(800)]
    splits, report = draw(rows, stratify=False)
    assert report["counts"] == SIZES
    assert report["labels"]["train"] == {}
    assert sum(int(row["id"][1:]) for row in splits["test"]) / 200 == pytest.approx(399.5, abs=50)


def test_the_same_prompt_is_kept_once():
    rows = [*labelled(800, 400), task_row("x1", " NOTE  5\n", "UTI"), task_row("x2", "note 6", "No UTI")]
    splits, report = draw(rows)
    assert (report["rows"], report["duplicates_removed"], report["conflicting_duplicates"]) == (802, 2, 1)
    assert not {"x1", "x2"} & {row["id"] for part in splits.values() for row in part}


def test_a_shortfall_stops_with_have_and_need():
    with pytest.raises(UserError) as error:
        draw(labelled(700, 300))
    for part in ("need 800", "train 300, eval 200, dev 100, test 200", "there are 700", "on_shortfall: shrink"):
        assert part in str(error.value)
    doubled = [*labelled(800, 300), *(row | {"id": f"{row['id']}b"} for row in labelled(100, 50))]
    with pytest.raises(UserError, match="there are 799"):
        draw(doubled[1:800])


def test_a_shortfall_shrinks_all_splits_in_proportion():
    splits, report = draw(labelled(101, 50), on_shortfall="shrink")
    assert report["counts"] == {"train": 38, "eval": 25, "dev": 13, "test": 25}
    assert report["shrunk"] == {"asked": SIZES, "have": 101}
    assert sum(len(part) for part in splits.values()) == 101
    assert draw(labelled(101, 50), {"train": 150, "dev": 0, "test": 50}, on_shortfall="shrink")[1]["counts"]["dev"] == 0


def test_too_few_rows_to_shrink():
    with pytest.raises(UserError, match=r"there are 3: too few to shrink, split 'dev' would be empty. Add rows"):
        draw(labelled(3, 1), on_shortfall="shrink")


def jaccard(one: str, other: str, shared: set) -> float:
    a, b = ({tuple(text.split()[i : i + 5]) for i in range(len(text.split()) - 4)} - shared for text in (one, other))
    return len(a & b) / len(a | b)


def test_near_duplicates_are_those_a_full_comparison_finds():
    rng = random.Random(0)
    vocabulary = [f"w{i}" for i in range(200)]
    head, tail = "read this note with care please and say", "does this patient have it yes or no"
    bodies = [rng.choices(vocabulary, k=60) for _ in range(60)]
    for body in bodies[:40]:  # copies with 1 to 4 words changed lie on both sides of the threshold
        copy = list(body)
        for place in rng.sample(range(60), rng.randint(1, 4)):
            copy[place] = "other"
        bodies.append(copy)
    rows = [task_row(f"r{i:03d}", f"{head} {' '.join(body)} {tail}") for i, body in enumerate(bodies)]
    rng.shuffle(rows)
    splits = {"train": rows[:50], "test": rows[50:]}

    texts = {row["id"]: row["prompt"][0]["content"] for row in rows}
    words = (head.split(), tail.split())
    template = {tuple(part[i : i + 5]) for part in words for i in range(len(part) - 4)}
    part_of = {row["id"]: name for name, part in splits.items() for row in part}
    expected = {
        frozenset(ids): round(similarity, 3)
        for ids in combinations(texts, 2)
        if part_of[ids[0]] != part_of[ids[1]] and (similarity := jaccard(texts[ids[0]], texts[ids[1]], template)) >= 0.8
    }
    found = near_duplicates(splits)
    assert found["pairs"] == len(expected) > 5
    assert {frozenset(pair["ids"]): pair["similarity"] for pair in found["examples"]} == expected
    assert all([part_of[row_id] for row_id in pair["ids"]] == pair["splits"] for pair in found["examples"])


def test_five_thousand_notes_take_seconds():
    rng = random.Random(0)
    phrases = [" ".join(rng.choices([f"w{i}" for i in range(500)], k=12)) for _ in range(300)]
    rows = [task_row(f"r{i}", " ".join(rng.choices(phrases, k=12))) for i in range(5000)]
    start = time.perf_counter()
    near_duplicates({"train": rows[:4000], "test": rows[4000:]})
    assert time.perf_counter() - start < 15
