"""Splits of whole groups: no group in two splits, sizes and labels as near as groups allow."""

import random
from collections import Counter

import pytest

from clinical_dpo.data.rows import task_rows
from clinical_dpo.data.splits import split
from clinical_dpo.errors import PublicError, UserError
from tests.helpers.task_rows import task_row

SIZES = {"train": 300, "eval": 40, "dev": 60, "test": 100}
TASK = {"name": "visits", "answer_type": "label", "labels": ["yes", "no"], "prompt": "{{ note }}", "group": "patient"}


def visits(group_sizes, labels=("yes", "no"), seed=1):
    """Rows of groups with these sizes; most rows of a group have the same label."""
    rng, rows = random.Random(seed), []
    for patient, size in enumerate(group_sizes):
        usual = labels[patient % len(labels)]
        for visit in range(size):
            label = usual if rng.random() < 0.8 else rng.choice(labels)
            name = f"p{patient:03d}v{visit}"
            rows.append(task_row(name, f"note {name}", label, label=label, group=f"p{patient}"))
    return rows


def draw(rows, sizes=SIZES, seed=42, stratify=True, on_shortfall="error"):
    return split(rows, sizes, seed, stratify=stratify, on_shortfall=on_shortfall)


def groups_of(splits):
    return {name: {row["group"] for row in part} for name, part in splits.items()}


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    "group_sizes", [[1] * 600, [4] * 140, [random.Random(7).randint(1, 9) for _ in range(120)], [60, 60] + [3] * 140]
)
def test_a_group_is_in_one_split_and_sizes_and_labels_are_near(group_sizes, seed):
    rows = visits(group_sizes)
    splits, report = draw(rows, seed=seed)
    groups = groups_of(splits)
    assert len(set().union(*groups.values())) == sum(map(len, groups.values()))
    assert report["groups"] == {name: len(each) for name, each in groups.items()}
    usual = sorted(group_sizes)[len(group_sizes) // 2]
    shares = Counter(row["label"] for row in rows)
    for name, size in SIZES.items():
        assert abs(len(splits[name]) - size) <= (usual + 1) // 2
        if name != "train":  # the last split that is drawn gets the groups that are left
            yes = sum(row["label"] == "yes" for row in splits[name])
            assert abs(yes - size * shares["yes"] / len(rows)) <= 1 + usual
    kept = [row["id"] for part in splits.values() for row in part]
    assert len(set(kept)) == len(kept) and report["unused"] == len(rows) - len(kept)


def test_groups_of_one_row_have_the_exact_sizes_and_shares():
    rows = visits([1] * 500)
    report = draw(rows)[1]
    assert report["counts"] == SIZES
    for name, size in SIZES.items():
        assert abs(report["labels"][name]["yes"] - size * sum(row["label"] == "yes" for row in rows) / 500) <= 1


def test_large_groups_are_in_every_split():
    """Patients with many rows are not kept out of the test split, which would change whom it is about."""
    sizes = [8] * 30 + [1] * 360
    large = Counter()
    for seed in range(20):
        splits, _ = draw(visits(sizes), seed=seed)
        large += Counter(
            {name: sum(int(row["group"][1:]) < 30 for row in part) / len(part) for name, part in splits.items()}
        )
    shares = {name: total / 20 for name, total in large.items()}
    assert all(0.28 < share < 0.48 for share in shares.values()), shares  # .4 of the rows are of large groups


def test_the_draw_depends_on_the_seed_and_not_on_the_order_of_rows():
    rows = visits([3] * 200)
    assert draw(rows) == draw(random.Random(1).sample(rows, len(rows)))
    assert groups_of(draw(rows, seed=43)[0])["test"] != groups_of(draw(rows)[0])["test"]


def test_a_group_that_is_larger_than_a_split_leaves_no_split_empty():
    splits, report = draw(visits([50] * 12), {"train": 400, "eval": 5, "dev": 0, "test": 100})
    assert report["counts"] == {"train": 400, "eval": 50, "dev": 0, "test": 100}
    assert splits["dev"] == []


def test_texts_without_labels_are_split_by_group():
    rows = [task_row(f"r{i}", f"text {i}", group=f"p{i // 5}") for i in range(500)]
    splits, report = draw(rows, stratify=False)
    assert report["counts"] == SIZES and not groups_of(splits)["train"] & groups_of(splits)["test"]


def test_fewer_groups_than_splits_are_refused_with_both_numbers():
    with pytest.raises(
        PublicError, match=r"train, eval, dev, test need at least one group.* only 3 different groups.*`group`"
    ):
        draw(visits([200, 200, 200]))


def records(*patients):
    return [{"note": f"note {i}", "label": "yes", "patient": patient} for i, patient in enumerate(patients)]


PROVENANCE = {"data": "real", "kind": "file", "path": "visits.csv"}


@pytest.mark.parametrize("same", [("P1", " p1 "), ("007", "7"), (7, "7"), (7.0, 7)])
def test_ids_that_people_take_for_equal_are_one_group(same):
    first, second = task_rows(records(*same), TASK, PROVENANCE)
    assert first["group"] == second["group"]


def test_a_template_may_join_columns():
    rows = [row | {"site": site} for row, site in zip(records("1", "1"), ("a", "b"), strict=True)]
    first, second = task_rows(rows, TASK | {"group": "{{ site }}-{{ patient }}"}, PROVENANCE)
    assert (first["group"], second["group"]) == ("a-1", "b-1")


@pytest.mark.parametrize(
    ("patient", "words"),
    [
        ("", ("row 2", "key 'group'", "is empty")),
        (None, ("row 2", "is empty")),
        (["p"], ("row 2", "has the type list")),
    ],
)
def test_a_row_without_a_group_is_refused_by_row_and_key(patient, words):
    with pytest.raises(UserError) as error:
        task_rows(records("p1", patient), TASK, PROVENANCE)
    assert all(word in str(error.value) for word in words), str(error.value)


def test_an_unknown_column_is_refused_with_the_most_similar_one():
    with pytest.raises(UserError, match=r"column 'patients' is missing\. Did you mean 'patient'"):
        task_rows(records("p1"), TASK | {"group": "patients"}, PROVENANCE)
