"""Trivial answers and variants against them, by scikit-learn's dummy classifier."""

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.metrics import accuracy_score, balanced_accuracy_score, cohen_kappa_score, f1_score, recall_score

from clinical_dpo.statistics.comparisons import compare_variants
from clinical_dpo.statistics.decisions import decisions
from clinical_dpo.statistics.f1_effects import f1_difference
from clinical_dpo.statistics.trivial import COLUMNS, columns_of, compare_trivial, trivial_labels
from tests.helpers.figure2 import TASK
from tests.helpers.labelled_answers import drawn

FACTS = TASK | {"seed": 1}
CLASSES = ["UTI", "No UTI"]
LEVELS = ["low", "middle", "high"]


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


@pytest.mark.parametrize("metric", ["macro_f1", "balanced_accuracy", "weighted_f1", "quadratic_kappa", "auroc"])
def test_with_more_labels_the_majority_is_the_trivial_answer_and_the_headline_has_a_column(metric):
    labels, answers = drawn(1, 80, LEVELS, invalid=0)
    training = drawn(2, 50, LEVELS)[0]
    task = {"name": "t", "metric": metric, "labels": LEVELS, "data": "real", "seed": 1}
    rows = compare_trivial({("llama", "sft"): graded(labels, answers)}, training, task, 0.05)
    assert [(row["variant"], row["rival"]) for row in rows] == [("majority", None), ("sft", "majority")]
    assert [list(row) for row in rows] == [columns_of(task)] * 2
    features = np.zeros((50, 1))
    majority = DummyClassifier(strategy="most_frequent").fit(features, training)
    constant = majority.predict(np.zeros((80, 1))).tolist()
    score = {
        "macro_f1": lambda said: f1_score(labels, said, average="macro"),
        "balanced_accuracy": lambda said: balanced_accuracy_score(labels, said),
        "weighted_f1": lambda said: f1_score(labels, said, average="weighted"),
        "quadratic_kappa": lambda said: cohen_kappa_score(labels, said, labels=LEVELS, weights="quadratic"),
    }.get(metric)
    for row, said in zip(rows, (constant, answers), strict=True):
        assert row["accuracy"] == pytest.approx(accuracy_score(labels, said))
        assert row["macro_f1"] == pytest.approx(f1_score(labels, said, average="macro"))
        assert row["f1"] is row["sensitivity"] is row["specificity"] is None
        if score:
            assert row[metric] == pytest.approx(score(said))
    if metric == "auroc":  # the same probability for every item
        assert (rows[0]["auroc"], rows[1]["auroc"]) == (0.5, None)
    expected = rows[1]["macro_f1" if metric == "macro_f1" else "accuracy"]
    assert rows[1]["difference"] == pytest.approx(
        expected - rows[0]["macro_f1" if metric == "macro_f1" else "accuracy"]
    )
    assert rows[1]["above_trivial"] == ("true" if rows[1]["ci_low"] > 0 else "false")
