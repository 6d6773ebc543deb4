"""The table over training seeds against scikit-learn, the delta method, and its schema."""

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

SCHEMA = ROOT / "workflow" / "schemas" / "seeds.schema.yaml"
SEEDS = [42, 43, 44]
UTI = {"name": "uti", "metric": "f1", "paired_test": "mcnemar", "data": "real", "seed": 1}
UTI |= {"positive": "UTI", "negative": "No UTI"}
LIKERT = {"name": "notes", "metric": "likert", "paired_test": "paired_t", "data": "synthetic", "seed": 1}
VARIANTS = ["base", "sft", "dpo", "sft_seed43", "dpo_seed43", "sft_seed44", "dpo_seed44"]
PAIRS = {"sft_vs_base": ("sft", "base"), "dpo_vs_sft": ("dpo", "sft"), "dpo_vs_base": ("dpo", "base")}


def row(item, grade, **more):
    shared = {"grader": "label", "label": "", "parsed": "", "valid": "true", "status": "complete", "proxy": "false"}
    return shared | {"id": item, "grade": str(grade)} | more


def labelled(variants=VARIANTS, items=60, seed=3, labels=("UTI", "No UTI")):
    """Answers right to some share, each variant's items in an order of its own."""
    generator = np.random.default_rng(seed)
    truth = [labels[number % len(labels)] for number in range(items)]
    grades = {}
    for variant in variants:
        right = {"base": 0.5, "sft": 0.75, "dpo": 0.85}[variant.split("_")[0]]
        other = {"UTI": "No UTI", "No UTI": ""}
        said = [label if generator.random() < right else other[label] for label in truth]
        rows = [
            row(f"q{number}", int(label == found), label=label, parsed=found)
            for number, (label, found) in enumerate(zip(truth, said, strict=True))
        ]
        grades["llama", variant] = [rows[place] for place in generator.permutation(items)]
    return grades


def named(rows):
    return {(found["comparison"], found["measure"]): found for found in rows}


def in_order(grades, variant, field):
    return [found[field] for found in sorted(grades["llama", variant], key=lambda found: int(found["id"][1:]))]


def f1(grades, variant):
    """Of scikit-learn; an answer without a label is a miss and no false alarm."""
    truth, said = in_order(grades, variant, "label"), in_order(grades, variant, "parsed")
    return f1_score([label == "UTI" for label in truth], [found == "UTI" for found in said])


def test_effects_of_every_seed_are_those_of_the_seeds_own_files():
    grades = labelled()
    table = named(seed_effects.compare_seeds(grades, UTI, SEEDS))
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
            found = table[comparison, measure]
            assert [float(value) for value in found["per_seed"].split()] == pytest.approx(expected)
            assert found["effect"] == pytest.approx(np.mean(expected))
            assert found["seed_sd"] == pytest.approx(np.std(expected, ddof=1))
            assert found["ci_low"] < found["effect"] < found["ci_high"]
            assert (found["n"], found["n_seeds"], found["seeds"]) == (60, 3, "42 43 44")


def test_the_interval_of_f1_is_that_of_the_delta_method():
    """What an item adds to F1, by the derivative, in place of pseudo-values; then both sources, written out."""
    grades = labelled(items=400)
    found = named(seed_effects.compare_seeds(grades, UTI, SEEDS))["dpo_vs_base", "f1_difference"]
    truth = np.array(in_order(grades, "base", "label")) == "UTI"
    linear = []
    for variant in ("dpo", "dpo_seed43", "dpo_seed44"):
        parts = []
        for name in (variant, "base"):
            said = np.array(in_order(grades, name, "parsed")) == "UTI"
            top, bottom = 2.0 * (truth & said), truth.astype(float) + said
            score = top.sum() / bottom.sum()
            parts.append(score + (top - score * bottom) / bottom.mean())
        linear.append(parts[0] - parts[1])
    values = np.array(linear)
    mean, seeds, items = values.mean(), values.mean(axis=1), values.mean(axis=0)
    rest = ((values - seeds[:, np.newaxis] - items + mean) ** 2).sum() / (2 * 399)
    of_items = max(3 * items.var(ddof=1) - rest, 0) / (3 * 400)
    reach = np.hypot(t.isf(0.025, 2) * seeds.std(ddof=1) / 3**0.5, t.isf(0.025, 399) * of_items**0.5)
    assert (found["ci_low"], found["ci_high"]) == pytest.approx((mean - reach, mean + reach), abs=0.002)


def test_an_interval_ends_where_the_scale_does():
    """Two seeds that contradict each other: t of one degree of freedom reaches beyond all that a difference can be."""
    grades = labelled(VARIANTS[:3], items=20)
    right = [row(f"q{number}", 1, label=label, parsed=label) for number, label in enumerate(["UTI", "No UTI"] * 10)]
    for stage in ("sft", "dpo"):
        grades["llama", f"{stage}_seed43"] = right
        grades["llama", stage] = [found | {"grade": "0", "parsed": ""} for found in right]
    for found in seed_effects.compare_seeds(grades, UTI, SEEDS[:2]):
        if found["comparison"] != "dpo_vs_sft":
            assert (found["ci_low"], found["ci_high"]) == (-1, 1)


def test_grades_on_a_scale_have_one_row_and_agree_with_the_first_seeds_table():
    generator = np.random.default_rng(5)
    grades = {
        ("llama", variant): [
            row(f"q{number}", value, grader="rouge_likert", proxy="true")
            for number, value in enumerate(generator.uniform(1, 5, 20))
        ]
        for variant in VARIANTS[:5]
    }
    table = seed_effects.compare_seeds(grades, LIKERT, SEEDS[:2])
    assert [found["measure"] for found in table] == ["mean_difference"] * 3
    assert {(found["proxy"], found["grader"], found["data"]) for found in table} == {
        ("true", "rouge_likert", "synthetic")
    }
    first = {key: rows for key, rows in grades.items() if "_seed" not in key[1]}
    for one, many in zip(compare_variants(first, LIKERT, alpha=0.05, family=["notes"]), table, strict=True):
        assert one["effect_measure"] == many["measure"]
        assert float(many["per_seed"].split()[0]) == pytest.approx(one["effect"])


def test_seeds_that_agree_leave_no_spread():
    grades = labelled(VARIANTS[:3])
    for stage in ("sft", "dpo"):
        grades["llama", f"{stage}_seed43"] = grades["llama", stage]
    for found in seed_effects.compare_seeds(grades, UTI, SEEDS[:2]):
        assert found["seed_sd"] == 0 and len(set(found["per_seed"].split())) == 1


def test_f1_without_a_positive_item_is_empty():
    table = named(seed_effects.compare_seeds(labelled(labels=("No UTI",)), UTI, SEEDS))
    found = table["sft_vs_base", "f1_difference"]
    assert found["effect"] is found["ci_low"] is found["p_value"] is found["per_seed"] is None
    assert table["sft_vs_base", "accuracy_difference"]["effect"] > 0


def test_rows_keep_to_the_schema():
    validator = Draft202012Validator(yaml.safe_load(SCHEMA.read_text()))
    assert all(column["description"] for column in validator.schema["properties"].values())
    tables = [labelled(), labelled(labels=("No UTI",)), labelled(items=1)]
    for found in (found for grades in tables for found in seed_effects.compare_seeds(grades, UTI, SEEDS)):
        assert tuple(found) == seed_effects.COLUMNS == tuple(validator.schema["properties"])
        validator.validate(found)


def test_a_seed_with_other_items_or_labels_is_named():
    grades = labelled()
    grades["llama", "dpo_seed43"] = grades["llama", "dpo_seed43"][1:]
    with pytest.raises(UserError, match="uti/llama/dpo_seed43: 1 items of the other variant are missing"):
        seed_effects.compare_seeds(grades, UTI, SEEDS)
    grades = labelled()
    grades["llama", "sft_seed44"][0]["parsed"] = "cystitis"
    with pytest.raises(UserError, match="field 'parsed': 'cystitis' is no label of this task"):
        seed_effects.compare_seeds(grades, UTI, SEEDS)


def test_a_repeat_differs_from_its_trial_by_the_seed_alone(tmp_path):
    settings = {"seed": 42, "learning_rate": 1e-4, "beta": 0.1, "max_steps": None, "epochs": 1}
    write_json(tmp_path / "run.json", {"settings": settings, "steps": 17, "seed": 42})
    assert reseeded_settings(str(tmp_path / "run.json"), 43) == (settings | {"seed": 43}, 17)
