"""Subgroups: estimates, the interaction test, and its correction."""

import itertools

import numpy as np
import pytest
from sklearn.metrics import f1_score

from clinical_dpo.statistics.comparisons import holm
from clinical_dpo.statistics.f1_effects import f1_difference, f1_interval
from clinical_dpo.statistics.grouped_grades import with_groups
from clinical_dpo.statistics.headline_differences import headline_difference
from clinical_dpo.statistics.intervals import newcombe_paired, wilson
from clinical_dpo.statistics.subgroups import ALL, levels_p
from tests.helpers.grade_rows import label_rows
from tests.helpers.subgroups import ACCURACY, SEXES, assigned, grades_of, planted, table_of

F1 = ACCURACY | {"metric": "f1", "positive": "UTI", "negative": "No UTI"}
LIKERT = ACCURACY | {"metric": "likert", "paired_test": "paired_t"}


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


def test_items_without_a_value_are_shown_and_not_tested():
    levels = ["f"] * 50 + ["m"] * 50 + ["missing"] * 20
    table = table_of(planted(0.5), assigned(sex=levels), smallest=11)
    assert table["sft", "sex", "missing"]["n"] == 20
    right = [int(row["grade"]) for row in planted(0.5)["llama", "sft"]][:100]
    assert table["sft", "sex", "f"]["p_levels"] == levels_p(np.array(right, float), np.repeat([0, 1], 50), None, 1)
