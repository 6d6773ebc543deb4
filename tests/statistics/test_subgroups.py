"""Subgroups: estimates, the interaction test, its correction, and masked levels."""

import itertools

import numpy as np
import pytest
from sklearn.metrics import f1_score

from clinical_dpo.schemas import validate
from clinical_dpo.statistics.comparisons import holm
from clinical_dpo.statistics.f1_effects import f1_difference, f1_interval
from clinical_dpo.statistics.grouped_grades import with_groups
from clinical_dpo.statistics.headline_differences import headline_difference
from clinical_dpo.statistics.intervals import newcombe_paired, wilson
from clinical_dpo.statistics.subgroups import ALL, levels_p, masked, masked_levels, subgroup_table
from tests.helpers.grade_rows import grade_rows, label_rows

ACCURACY = {"name": "uti", "metric": "accuracy", "paired_test": "mcnemar", "data": "real", "seed": 1}
F1 = ACCURACY | {"metric": "f1", "positive": "UTI", "negative": "No UTI"}
LIKERT = ACCURACY | {"metric": "likert", "paired_test": "paired_t"}
SEXES = ["f"] * 60 + ["m"] * 60


def assigned(**subgroups):
    return [
        {"id": f"q{i}", "subgroup": name, "level": level}
        for name, levels in subgroups.items()
        for i, level in sorted(enumerate(levels), key=lambda item: str(item[1]))
    ]


def grades_of(base, sft, dpo, make=grade_rows):
    return {("llama", "base"): make(base), ("llama", "sft"): make(sft), ("llama", "dpo"): make(dpo)}


def planted(effect, seed=3, items=120):
    """Grades of 120 items, half of which have the level f, in which DPO gains `effect` more than in m."""
    rng = np.random.default_rng(seed)
    sft = (rng.random(items) < 0.5).astype(int)
    gain = np.where(np.arange(items) < items // 2, effect, 0.0)
    dpo = np.where(rng.random(items) < gain, 1, sft)
    return grades_of((rng.random(items) < 0.4).astype(int).tolist(), sft.tolist(), dpo.tolist())


def table_of(grades, subgroups, task=ACCURACY, smallest=None):
    rows = subgroup_table(grades, subgroups, task, smallest)
    for row in rows:
        validate(row, "subgroups", "row")
    return {(row["compared"], row["subgroup"], row["level"]): row for row in rows}


def test_arms_are_compared_in_subgroups_as_all_variants_are():
    grades = planted(0.5)
    table = table_of(grades | {("llama", "sft_longer"): grades["llama", "dpo"]}, assigned(sex=SEXES))
    shown = ("n", "estimate", "ci_low", "ci_high", "p_levels")
    for level in ("f", "m"):
        for arm, same in (("sft_longer", "dpo"), ("sft_longer_vs_sft", "dpo_vs_sft")):
            assert [table[arm, "sex", level][name] for name in shown] == [
                table[same, "sex", level][name] for name in shown
            ]
    assert table["sft_longer_vs_dpo", "sex", "f"]["estimate"] == 0


def test_estimates_are_those_of_the_items_of_a_level():
    grades = planted(0.5)
    table = table_of(grades, assigned(sex=SEXES))
    right = {variant: [int(row["grade"]) for row in grades["llama", variant]] for variant in ("sft", "dpo")}
    for level, part in (("f", slice(60)), ("m", slice(60, 120))):
        dpo, sft = right["dpo"][part], right["sft"][part]
        row = table["dpo", "sex", level]
        assert (row["n"], row["estimate"]) == (60, sum(dpo) / 60)
        assert (row["ci_low"], row["ci_high"]) == wilson(sum(dpo), 60)
        pairs = list(zip(dpo, sft, strict=True))
        counts = [pairs.count(pair) for pair in ((1, 1), (1, 0), (0, 1), (0, 0))]
        row = table["dpo_vs_sft", "sex", level]
        assert row["estimate"] == pytest.approx((sum(dpo) - sum(sft)) / 60)
        assert row["ci_high"] == newcombe_paired(*counts)[1]
    assert table["dpo", ALL, ALL]["n"] == 120 and table["dpo", ALL, ALL]["p_levels"] is None


def test_f1_is_estimated_and_right_answers_are_tested():
    rng = np.random.default_rng(2)
    labels = rng.choice(["UTI", "No UTI"], 120).tolist()
    answers = [[x if rng.random() < 0.8 else "UTI" for x in labels] for _ in range(3)]
    table = table_of(grades_of(*answers, make=lambda parsed: label_rows(labels, parsed)), assigned(sex=SEXES), F1)
    classes = ["UTI", "No UTI"]
    low, high = f1_interval(labels[:60], answers[1][:60], classes)
    assert (table["sft", "sex", "f"]["ci_low"], table["sft", "sex", "f"]["ci_high"]) == (low, high)
    f1 = f1_difference(labels[:60], answers[2][:60], answers[1][:60], classes, 1)
    assert table["dpo_vs_sft", "sex", "f"]["estimate"] == f1.difference
    right = [np.array([x == y for x, y in zip(labels, parsed, strict=True)], float) for parsed in answers]
    expected = levels_p(right[2] - right[1], np.repeat([0, 1], 60), None, 1)
    assert table["dpo_vs_sft", "sex", "f"]["p_levels"] == expected


def test_a_planted_effect_is_detected_and_twenty_others_are_not():
    rng = np.random.default_rng(7)
    others = {f"other {i}": rng.choice(["a", "b"], 120).tolist() for i in range(20)}
    table = table_of(planted(0.7), assigned(sex=SEXES, **others))
    adjusted = {name: table["dpo_vs_sft", name, level]["p_levels_holm"] for _, name, level in table if name != ALL}
    assert adjusted.pop("sex") < 0.05
    assert len(adjusted) == 20 and min(adjusted.values()) >= 0.05


def test_the_interaction_test_has_its_level():
    """Of 40 samples without an effect about two have P < .05."""
    rng = np.random.default_rng(11)
    levels = rng.integers(0, 3, 60)
    small = sum(levels_p(rng.choice([-1.0, 0.0, 0.0, 0.0, 1.0], 60), levels, None, i) < 0.05 for i in range(40))
    assert small <= 6  # more than 6 in one of 200


def test_the_interaction_test_covers_all_orders_of_few_items():
    values, levels = np.array([1.0, 0.5, 1.0, 0.0, -1.0, 0.0, 0.25]), np.array([0, 0, 0, 1, 1, 1, 1])

    def between(chosen):
        return sum(values[chosen == level].sum() ** 2 / (chosen == level).sum() for level in (0, 1))

    orders = [np.isin(np.arange(7), chosen).astype(int) for chosen in itertools.combinations(range(7), 4)]
    extreme = np.mean([between(order) >= between(levels) - 1e-12 for order in orders])
    assert levels_p(values, levels, None, 1) == pytest.approx(extreme, abs=1e-12)


def test_patients_change_their_level_as_a_whole():
    """Five equal items of a patient tell no more than one."""
    values, levels = np.array([1.0, 0.5, 1.0, 0.0, -1.0, 0.0, 0.25]), np.array([0, 0, 0, 1, 1, 1, 1])
    groups = np.repeat(np.arange(7), 5)
    assert levels_p(np.repeat(values, 5), np.repeat(levels, 5), groups, 1) == levels_p(values, levels, None, 1)
    assert levels_p(np.repeat(values, 5), np.repeat(levels, 5), None, 1) < levels_p(values, levels, None, 1)


def test_equal_values_and_single_levels_have_no_interaction():
    assert levels_p(np.zeros(10), np.arange(10) % 2, None, 1) == 1.0
    assert levels_p(np.arange(10.0), np.zeros(10, dtype=int), None, 1) is None
    assert levels_p(np.empty(0), np.empty(0, dtype=int), None, 1) is None


def test_holms_correction_is_over_the_subgroups():
    table = table_of(planted(0.3), assigned(sex=SEXES, site=["a", "b", "c", "d"] * 30))
    p = [table["dpo_vs_sft", name, level]["p_levels"] for name, level in (("sex", "f"), ("site", "a"))]
    shown = [table["dpo_vs_sft", name, level]["p_levels_holm"] for name, level in (("sex", "m"), ("site", "d"))]
    assert shown == pytest.approx(holm(p, 2))


def test_grades_of_groups_have_clustered_intervals():
    grades = planted(0.5)
    grouped = with_groups(grades, [{"id": f"q{i}", "group": f"p{i // 3}"} for i in range(120)])
    table = table_of(grouped, assigned(sex=SEXES))
    row = table["dpo_vs_sft", "sex", "f"]
    x, y = (grouped["llama", variant][:60] for variant in ("dpo", "sft"))
    expected = headline_difference(x, y, ACCURACY, [0.95], 1.0)
    assert (row["n"], row["n_groups"]) == (60, 20)
    assert (row["ci_low"], row["ci_high"]) == expected.intervals[0]


def test_means_are_compared():
    rng = np.random.default_rng(1)
    grades = grades_of(*(rng.integers(1, 6, 120).tolist() for _ in range(3)))
    table = table_of(grades, assigned(sex=SEXES), LIKERT)
    assert table["sft", "sex", "m"]["measure"] == "mean_likert"
    assert table["sft", "sex", "m"]["estimate"] == np.mean([float(row["grade"]) for row in grades["llama", "sft"][60:]])


def test_macro_f1_of_three_labels_is_estimated():
    rng = np.random.default_rng(4)
    classes = ["a", "b", "c"]
    labels = rng.choice(classes, 120).tolist()
    answers = [[x if rng.random() < 0.8 else "a" for x in labels] for _ in range(3)]
    grades = grades_of(*answers, make=lambda parsed: label_rows(labels, parsed))
    table = table_of(grades, assigned(sex=SEXES), ACCURACY | {"metric": "macro_f1", "labels": classes})
    row = table["dpo", "sex", "f"]
    assert row["measure"] == "macro_f1"
    assert row["estimate"] == pytest.approx(f1_score(labels[:60], answers[2][:60], average="macro"))
    expected = f1_difference(labels[:60], answers[2][:60], answers[1][:60], classes, 1)
    row = table["dpo_vs_sft", "sex", "f"]
    assert (row["estimate"], row["ci_low"], row["ci_high"]) == (expected.difference, *expected.interval)


def test_a_metric_without_a_paired_interval_gives_way_to_right_answers():
    grades = planted(0.5)
    table = table_of(grades, assigned(sex=SEXES), ACCURACY | {"metric": "weighted_f1", "labels": ["a", "b", "c"]})
    assert table == table_of(grades, assigned(sex=SEXES))


def test_pending_grades_have_no_numbers():
    grades = planted(0.5)
    grades["llama", "dpo"][0] |= {"status": "pending", "grade": ""}
    table = table_of(grades, assigned(sex=SEXES))
    assert table["dpo_vs_sft", "sex", "m"]["status"] == "pending"
    assert table["dpo_vs_sft", "sex", "m"]["estimate"] is table["dpo_vs_sft", "sex", "m"]["p_levels"] is None
    assert table["sft", "sex", "m"]["estimate"] is not None


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


def test_items_without_a_value_are_shown_and_not_tested():
    levels = ["f"] * 50 + ["m"] * 50 + ["missing"] * 20
    table = table_of(planted(0.5), assigned(sex=levels), smallest=11)
    assert table["sft", "sex", "missing"]["n"] == 20
    right = [int(row["grade"]) for row in planted(0.5)["llama", "sft"]][:100]
    assert table["sft", "sex", "f"]["p_levels"] == levels_p(np.array(right, float), np.repeat([0, 1], 50), None, 1)
