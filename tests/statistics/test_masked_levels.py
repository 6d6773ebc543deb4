"""Subgroups: levels of few people are masked, with those that would reveal them."""

import itertools

import numpy as np
import pytest

from clinical_dpo.statistics.grouped_grades import with_groups
from clinical_dpo.statistics.masked_levels import masked, masked_levels
from clinical_dpo.statistics.subgroups import ALL
from tests.helpers.subgroups import SEXES, assigned, planted, table_of


@pytest.mark.parametrize(
    ("sizes", "hidden"),
    [
        ({"a": 50, "b": 40}, set()),
        ({"a": 50, "b": 40, "c": 3}, {"c", "b"}),  # c would follow from the total
        ({"a": 50, "b": 4, "c": 3}, {"a", "b", "c"}),  # together 7: still few
        ({"a": 50, "b": 8, "c": 3}, {"b", "c"}),
        ({"a": 3}, {"a"}),
        ({}, set()),
    ],
)
def test_small_levels_are_masked_with_those_that_would_reveal_them(sizes, hidden):
    assert masked(sizes, 11) == hidden
    assert masked_levels(
        {"sex": {level: [f"{level}{i}" for i in range(n)] for level, n in sizes.items()}}, len, None
    ) == {"sex": set()}


def levels_of(**subgroups):
    """Subgroup -> level -> items, from a function of the item's number, of 100 items."""
    of = {name: {} for name in subgroups}
    for name, level in subgroups.items():
        for i in range(100):
            of[name].setdefault(level(i), []).append(str(i))
    return of


def brute_force(of, hidden, smallest):
    """Whether known numbers of two subgroups, any of them added, differ by fewer people than `smallest`.

    Known are those of shown levels, and of all masked levels of a subgroup together.
    """
    unions = []
    for name, levels in of.items():
        known = [set(ids) for level, ids in levels.items() if level not in hidden[name]]
        known.append({row_id for level in hidden[name] for row_id in levels[level]})
        sizes = range(1, len(known) + 1)
        unions.append([set().union(*chosen) for size in sizes for chosen in itertools.combinations(known, size)])
    pairs = [(x, y) for a, b in itertools.permutations(unions, 2) for x in a for y in b if x <= y]
    return any(0 < len(y - x) < smallest for x, y in pairs)


@pytest.mark.parametrize(
    ("of", "hidden"),
    [
        (  # 65 or more and 66 or more differ by three people
            levels_of(age=lambda i: i < 60, older=lambda i: i < 63),
            {"age": set(), "older": {True, False}},
        ),
        (  # women, and the patients of two of three wards
            levels_of(sex=lambda i: i < 50, ward=lambda i: "a" if i < 20 else "b" if i < 45 else "c"),
            {"sex": set(), "ward": {"a", "c"}},
        ),
        (levels_of(sex=lambda i: i % 2, site=lambda i: i // 50), {"sex": set(), "site": set()}),
        (levels_of(sex=lambda i: i < 50, same=lambda i: i < 50), {"sex": set(), "same": set()}),  # no difference
        (levels_of(rare=lambda i: i < 5, sex=lambda i: i < 55), {"rare": {True, False}, "sex": set()}),
        (  # 50 women, 45 patients of the men's ward, and five others whose levels are masked in both subgroups
            levels_of(
                sex=lambda i: "f" if i < 50 else "m" if i < 92 else "d",
                ward=lambda i: "men" if 50 <= i < 95 else f"ward {i % 6}",
            ),
            {"sex": {"d", "m"}, "ward": {"men", *(f"ward {number}" for number in range(6))}},
        ),
    ],
)
def test_levels_of_two_subgroups_that_differ_by_few_people_are_masked(of, hidden):
    assert masked_levels(of, len, 11) == hidden
    assert not brute_force(of, masked_levels(of, len, 11), 11)
    assert masked_levels(of, len, None) == {name: set() for name in of}


def test_no_random_pair_of_subgroups_reveals_few_people():
    draw, revealed = np.random.default_rng(5), 0
    for _ in range(200):
        first = np.sort(draw.integers(0, 3, 100))
        second = np.where(draw.random(100) < 0.04, draw.integers(0, 3, 100), first)
        of = levels_of(first=lambda i, x=first: int(x[i]), second=lambda i, x=second: int(x[i]))
        revealed += brute_force(of, {"first": set(), "second": set()}, 11)
        assert not brute_force(of, masked_levels(of, len, 11), 11)
    assert revealed > 10


def test_people_are_counted_where_levels_differ():
    """Twelve visits of two patients are few people."""
    of = levels_of(age=lambda i: i < 60, older=lambda i: i < 72)
    patients = [i if i < 60 else 60 + i // 6 for i in range(100)]

    def people(ids):
        return len({patients[int(row_id)] for row_id in ids})

    assert masked_levels(of, len, 11) == {"age": set(), "older": set()}
    # Of 40 visits of 60 or more there are seven patients, so that both levels of each subgroup are masked.
    assert masked_levels(of, people, 5) == {"age": set(), "older": {True, False}}


def test_the_table_masks_the_later_subgroup():
    of_age, older = ["young"] * 60 + ["old"] * 60, ["young"] * 63 + ["old"] * 57
    table = table_of(planted(0.5), assigned(age=of_age, older=older), smallest=11)
    assert {level: table["sft", "older", level]["masked"] for level in ("young", "old")} == {
        "young": "true",
        "old": "true",
    }
    assert table["sft", "age", "old"]["n"] == 60


def test_a_masked_level_shows_no_number_and_is_not_tested():
    levels = ["f"] * 55 + ["m"] * 57 + ["d"] * 8
    table = table_of(planted(0.5), assigned(sex=levels), smallest=11)
    for compared in ("base", "sft", "dpo_vs_sft"):
        for level in ("d", "f"):
            row = table[compared, "sex", level]
            assert row["masked"] == "true"
            assert [row[name] for name in ("n", "n_groups", "estimate", "ci_low", "ci_high")] == [None] * 5
        assert table[compared, "sex", "m"]["masked"] == "false" and table[compared, "sex", "m"]["p_levels"] is None


def test_levels_are_masked_by_their_patients():
    grouped = with_groups(planted(0.5), [{"id": f"q{i}", "group": f"p{i // 12}"} for i in range(120)])
    table = table_of(grouped, assigned(sex=SEXES), smallest=11)
    assert table["sft", "sex", "f"]["masked"] == "true"  # 60 items of 5 patients
    assert table["sft", ALL, ALL]["masked"] == "false"
