"""Trivial answers and variants against them, by scikit-learn's dummy classifier."""

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.metrics import accuracy_score, f1_score, recall_score

from clinical_dpo.statistics.comparisons import compare_variants
from clinical_dpo.statistics.decisions import decisions
from clinical_dpo.statistics.f1_effects import f1_difference
from clinical_dpo.statistics.trivial import COLUMNS, compare_trivial, trivial_labels
from tests.helpers.figure2 import TASK

FACTS = TASK | {"seed": 1}
CLASSES = ["UTI", "No UTI"]


def graded(labels, answers):
    return [
        {"id": str(number), "label": label, "parsed": answer, "grade": str(int(label == answer)), "grader": "label"}
        | {"valid": str(bool(answer)).lower(), "status": "complete", "proxy": "false"}
        for number, (label, answer) in enumerate(zip(labels, answers, strict=True))
    ]


def labels_of(n_positive, n_negative):
    return ["UTI"] * n_positive + ["No UTI"] * n_negative


@pytest.mark.parametrize("training", [labels_of(30, 70), labels_of(70, 30), labels_of(50, 50)])
def test_trivial_answers_are_those_of_scikit_learns_dummy_classifier(training):
    labels = labels_of(13, 27)
    rows = compare_trivial({("llama", "base"): graded(labels, labels)}, training, FACTS, 0.05)
    assert [tuple(row) for row in rows] == [COLUMNS] * 3
    assert [row["variant"] for row in rows] == ["majority", "always_positive", "base"]
    majority = DummyClassifier(strategy="most_frequent").fit(np.zeros((len(training), 1)), training)
    constant = {"always_positive": ["UTI"] * 40}
    if training.count("UTI") != 50:
        constant["majority"] = list(majority.predict(np.zeros((40, 1))))
    for row in rows[:2]:
        if row["variant"] in constant:
            answers = constant[row["variant"]]
            assert row["accuracy"] == pytest.approx(accuracy_score(labels, answers))
            assert row["f1"] == pytest.approx(f1_score(labels, answers, pos_label="UTI"))
            assert row["macro_f1"] == pytest.approx(f1_score(labels, answers, average="macro"))
            assert row["sensitivity"] == pytest.approx(recall_score(labels, answers, pos_label="UTI"))
            assert row["specificity"] == pytest.approx(recall_score(labels, answers, pos_label="No UTI"))
            assert (row["label_share"], row["one_label"], row["model"]) == (1, "true", "")
    assert trivial_labels(training, CLASSES)["majority"] == ("No UTI" if training.count("UTI") == 30 else "UTI")


def test_a_variant_is_compared_with_the_better_trivial_one_by_a_paired_interval():
    random = np.random.default_rng(4)
    labels = labels_of(40, 60)
    answers = [label if right else "UTI" for label, right in zip(labels, random.random(100) < 0.8, strict=True)]
    *_, row = compare_trivial({("llama", "sft"): graded(labels, answers)}, labels_of(4, 6), FACTS, 0.01)
    expected = f1_difference(labels, answers, ["UTI"] * 100, CLASSES, 1, 0.99)
    assert row["rival"] == "always_positive" and row["difference"] == pytest.approx(expected.difference)
    assert (row["ci_low"], row["ci_high"]) == pytest.approx(expected.interval)
    assert row["above_trivial"] == "true" and expected.interval[0] > 0


def test_a_variant_that_says_yes_to_all_is_not_above_trivial_and_gives_one_label():
    labels = labels_of(38, 22)
    grades = {("llama", name): graded(labels, ["UTI"] * 60) for name in ("base", "dpo")}
    grades["llama", "sft"] = graded(labels, ["UTI"] * 57 + [""] * 3)
    rows = {row["variant"]: row for row in compare_trivial(grades, labels, FACTS, 0.05)}
    assert {rows[name]["above_trivial"] for name in ("base", "sft", "dpo")} == {"false"}
    assert rows["sft"]["label_share"] == 0.95 and rows["sft"]["one_label"] == "true"
    grades["llama", "sft"] = graded(labels, ["UTI"] * 56 + [""] * 4)
    assert {row["variant"]: row["one_label"] for row in compare_trivial(grades, labels, FACTS, 0.05)}["sft"] == "false"


def test_no_decision_is_better_for_a_variant_that_is_no_better_than_a_trivial_one():
    """DPO says yes to all items: its F1 is higher than SFT's, and the same as that of no model."""
    labels = labels_of(150, 50)
    grades = {
        ("llama", "base"): graded(labels, ["No UTI"] * 200),
        ("llama", "sft"): graded(labels, ["UTI", "No UTI"] * 100),
        ("llama", "dpo"): graded(labels, ["UTI"] * 200),
    }
    margin = {"value": 0.05, "source": "set in the task file", "sha256": "0" * 64}
    stats = compare_variants(grades, FACTS, alpha=0.05, family="a")
    trivial = compare_trivial(grades, labels, FACTS, 0.05)
    alone = {row["comparison"]: row["decision"] for row in decisions(stats, grades, FACTS, margin)}
    held = {row["comparison"]: row["decision"] for row in decisions(stats, grades, FACTS, margin, trivial)}
    assert alone["dpo_vs_sft"] == alone["dpo_vs_base"] == "better"
    assert held["dpo_vs_sft"] == held["dpo_vs_base"] == "no better than trivial"
