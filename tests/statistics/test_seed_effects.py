"""The table over training seeds against scikit-learn, the delta method and its schema."""

import numpy as np
import pytest
import yaml
from jsonschema import Draft202012Validator
from scipy.stats import t
from sklearn.metrics import f1_score

from clinical_dpo.errors import UserError
from clinical_dpo.io import write_json
from clinical_dpo.statistics import training_seeds as seed_effects
from clinical_dpo.statistics.comparisons import compare_variants
from clinical_dpo.training.extra_seeds import reseeded_settings
from tests.conftest import ROOT
from tests.helpers.grade_rows import grade_rows, label_rows

SCHEMA = ROOT / "workflow" / "schemas" / "seeds.schema.yaml"
SEEDS = [42, 43, 44]
UTI = {"name": "uti", "metric": "f1", "paired_test": "mcnemar", "data": "real", "seed": 1}
UTI |= {"positive": "UTI", "negative": "No UTI"}
LIKERT = {"name": "notes", "metric": "likert", "paired_test": "paired_t", "data": "synthetic", "seed": 1}
VARIANTS = ["base", "sft", "dpo", "sft_seed43", "dpo_seed43", "sft_seed44", "dpo_seed44"]
PAIRS = {"sft_vs_base": ("sft", "base"), "dpo_vs_sft": ("dpo", "sft"), "dpo_vs_base": ("dpo", "base")}


def labelled(variants=VARIANTS, items=60, seed=3, labels=("UTI", "No UTI")):
    """Grades of variants that differ in their share of right answers, each with another order of the items."""
    generator = np.random.default_rng(seed)
    truth = [labels[number % len(labels)] for number in range(items)]
    grades = {}
    for variant in variants:
        right = {"base": 0.5, "sft": 0.75, "dpo": 0.85}[variant.split("_")[0]]
        wrong = {"UTI": "No UTI", "No UTI": ""}
        answers = [label if generator.random() < right else wrong[label] for label in truth]
        rows = label_rows(truth, answers)
        grades["llama", variant] = [rows[index] for index in generator.permutation(items)]
    return grades


def by_measure(rows):
    return {(row["comparison"], row["measure"]): row for row in rows}


def in_order(grades, variant, field):
    return [row[field] for row in sorted(grades["llama", variant], key=lambda row: int(row["id"][1:]))]


def f1(grades, variant):
    """F1 by scikit-learn. An answer without a label is not positive."""
    truth, answers = in_order(grades, variant, "label"), in_order(grades, variant, "parsed")
    return f1_score([label == "UTI" for label in truth], [answer == "UTI" for answer in answers])


def test_effects_of_every_seed_are_those_of_the_seeds_grades():
    grades = labelled()
    table = by_measure(seed_effects.compare_seeds(grades, UTI, SEEDS))
    assert len(table) == 6
    for comparison, (first, second) in PAIRS.items():
        suffixes = ["", "_seed43", "_seed44"]
        names = [(f"{first}{end}", second if second == "base" else f"{second}{end}") for end in suffixes]
        accuracy = [
            np.mean([float(grade) for grade in in_order(grades, x, "grade")])
            - np.mean([float(grade) for grade in in_order(grades, y, "grade")])
            for x, y in names
        ]
        for measure, expected in (
            ("accuracy_difference", accuracy),
            ("f1_difference", [f1(grades, x) - f1(grades, y) for x, y in names]),
        ):
            row = table[comparison, measure]
            assert [float(value) for value in row["per_seed"].split()] == pytest.approx(expected)
            assert row["effect"] == pytest.approx(np.mean(expected))
            assert row["seed_sd"] == pytest.approx(np.std(expected, ddof=1))
            assert row["ci_low"] < row["effect"] < row["ci_high"]
            assert (row["n"], row["n_seeds"], row["seeds"]) == (60, 3, "42 43 44")


def test_the_interval_of_f1_is_that_of_the_delta_method():
    """The derivative of F1 replaces the pseudo-values. The variances of seeds and items are computed here."""
    grades = labelled(items=400)
    row = by_measure(seed_effects.compare_seeds(grades, UTI, SEEDS))["dpo_vs_base", "f1_difference"]
    truth = np.array(in_order(grades, "base", "label")) == "UTI"
    linear = []
    for variant in ("dpo", "dpo_seed43", "dpo_seed44"):
        parts = []
        for name in (variant, "base"):
            answered = np.array(in_order(grades, name, "parsed")) == "UTI"
            top, bottom = 2.0 * (truth & answered), truth.astype(float) + answered
            score = top.sum() / bottom.sum()
            parts.append(score + (top - score * bottom) / bottom.mean())
        linear.append(parts[0] - parts[1])
    values = np.array(linear)
    mean, seeds, items = values.mean(), values.mean(axis=1), values.mean(axis=0)
    residual = ((values - seeds[:, np.newaxis] - items + mean) ** 2).sum() / (2 * 399)
    items_variance = max(3 * items.var(ddof=1) - residual, 0) / (3 * 400)
    half_width = np.hypot(t.isf(0.025, 2) * seeds.std(ddof=1) / 3**0.5, t.isf(0.025, 399) * items_variance**0.5)
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((mean - half_width, mean + half_width), abs=0.002)


def test_an_interval_stays_within_the_range_of_a_difference():
    """Two seeds contradict each other. Without a bound, the t interval with one degree of freedom would be wider."""
    grades = labelled(VARIANTS[:3], items=20)
    labels = ["UTI", "No UTI"] * 10
    for stage in ("sft", "dpo"):
        grades["llama", f"{stage}_seed43"] = label_rows(labels, labels)
        grades["llama", stage] = label_rows(labels, [""] * 20)
    for row in seed_effects.compare_seeds(grades, UTI, SEEDS[:2]):
        if row["comparison"] != "dpo_vs_sft":
            assert (row["ci_low"], row["ci_high"]) == (-1, 1)


def test_grades_on_a_scale_have_one_measure_and_agree_with_the_first_seeds_statistics():
    generator = np.random.default_rng(5)
    grades = {
        ("llama", variant): grade_rows(generator.uniform(1, 5, 20), grader="rouge_likert", proxy="true")
        for variant in VARIANTS[:5]
    }
    table = seed_effects.compare_seeds(grades, LIKERT, SEEDS[:2])
    assert [row["measure"] for row in table] == ["mean_difference"] * 3
    assert {(row["proxy"], row["grader"], row["data"]) for row in table} == {("true", "rouge_likert", "synthetic")}
    first = {key: rows for key, rows in grades.items() if "_seed" not in key[1]}
    for comparison, row in zip(compare_variants(first, LIKERT, alpha=0.05, family=["notes"]), table, strict=True):
        assert comparison["effect_measure"] == row["measure"]
        assert float(row["per_seed"].split()[0]) == pytest.approx(comparison["effect"])


def test_seeds_with_equal_grades_have_no_spread():
    grades = labelled(VARIANTS[:3])
    for stage in ("sft", "dpo"):
        grades["llama", f"{stage}_seed43"] = grades["llama", stage]
    for row in seed_effects.compare_seeds(grades, UTI, SEEDS[:2]):
        assert row["seed_sd"] == 0 and len(set(row["per_seed"].split())) == 1


def test_f1_without_a_positive_item_is_empty():
    table = by_measure(seed_effects.compare_seeds(labelled(labels=("No UTI",)), UTI, SEEDS))
    row = table["sft_vs_base", "f1_difference"]
    assert row["effect"] is row["ci_low"] is row["p_value"] is row["per_seed"] is None
    assert table["sft_vs_base", "accuracy_difference"]["effect"] > 0


def test_rows_keep_to_the_schema():
    validator = Draft202012Validator(yaml.safe_load(SCHEMA.read_text()))
    assert all(column["description"] for column in validator.schema["properties"].values())
    tables = [labelled(), labelled(labels=("No UTI",)), labelled(items=1)]
    for row in (row for grades in tables for row in seed_effects.compare_seeds(grades, UTI, SEEDS)):
        assert tuple(row) == seed_effects.COLUMNS == tuple(validator.schema["properties"])
        validator.validate(row)


def test_a_seed_with_other_items_is_named():
    grades = labelled()
    grades["llama", "dpo_seed43"] = grades["llama", "dpo_seed43"][1:]
    with pytest.raises(
        UserError, match=r"uti/llama/dpo_seed43: .* lacks 1 of the items .* Delete both tables of grades"
    ):
        seed_effects.compare_seeds(grades, UTI, SEEDS)


def test_an_answer_that_is_not_a_label_is_named():
    grades = labelled()
    grades["llama", "sft_seed44"][0]["parsed"] = "cystitis"
    with pytest.raises(UserError, match=r"uti, item q\d+, field 'parsed': 'cystitis' .* by one of: UTI, No UTI"):
        seed_effects.compare_seeds(grades, UTI, SEEDS)


def test_a_run_with_an_extra_seed_has_the_settings_of_the_trial_except_the_seed(tmp_path):
    settings = {"seed": 42, "learning_rate": 1e-4, "beta": 0.1, "max_steps": None, "epochs": 1}
    write_json(tmp_path / "run.json", {"settings": settings, "steps": 17, "seed": 42})
    assert reseeded_settings(str(tmp_path / "run.json"), 43) == (settings | {"seed": 43}, 17)
