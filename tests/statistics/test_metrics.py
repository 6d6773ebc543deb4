"""Point estimates against scikit-learn and hand-worked values; the metrics table."""

import random

import numpy as np
import pytest
import yaml
from jsonschema import Draft202012Validator
from sklearn.metrics import accuracy_score, f1_score, recall_score

from clinical_dpo.errors import UserError
from clinical_dpo.grading import scores
from clinical_dpo.grading.scale import mean
from clinical_dpo.io import read_csv, write_csv
from clinical_dpo.statistics import intervals as effects
from clinical_dpo.statistics import metrics
from tests.conftest import ROOT
from tests.helpers.grade_rows import grade_rows, label_rows

SCHEMA = ROOT / "workflow" / "schemas" / "metrics.schema.yaml"
CLASSES = ["UTI", "No UTI"]
UTI = {"name": "uti", "metric": "f1", "positive": "UTI", "negative": "No UTI", "data": "real", "seed": 1}
REASONING = {"name": "reasoning", "metric": "accuracy", "data": "synthetic", "seed": 1}
SUMMARIES = {"name": "summarization", "metric": "likert", "data": "real", "seed": 1}
QUESTIONS = {"name": "pubmedqa", "metric": "helpfulness", "data": "real", "seed": 1}
SHORT_QUESTIONS = {"name": "meqsum", "metric": "rouge_l", "data": "real", "seed": 1}


def answers(seed, n=150, invalid=0.1):
    """Labels and answers of a random classifier that is right two times out of three."""
    draw = random.Random(seed)
    labels = [draw.choice(["UTI", "No UTI"]) for _ in range(n)]
    wrong = {"UTI": "No UTI", "No UTI": "UTI"}
    parsed = [None if draw.random() < invalid else label if draw.random() < 0.67 else wrong[label] for label in labels]
    return labels, parsed


def graded_rows(grades, grader="physicians", **fields):
    return grade_rows(grades, grader=grader, **fields)


@pytest.mark.parametrize("seed", range(5))
def test_scores_equal_sklearn_with_invalid_as_a_third_answer(seed):
    labels, parsed = answers(seed)
    predicted = [answer or "INVALID" for answer in parsed]
    counts = scores.confusion_counts(labels, parsed, CLASSES)
    f1 = f1_score(labels, predicted, labels=CLASSES, average=None)
    assert scores.f1(counts) == pytest.approx(f1, abs=1e-12)
    assert scores.macro_f1(counts) == pytest.approx(f1.mean(), abs=1e-12)
    assert scores.accuracy(counts) == pytest.approx(accuracy_score(labels, predicted), abs=1e-12)
    recall = recall_score(labels, predicted, labels=CLASSES, average=None)
    assert scores.sensitivity(counts) == pytest.approx(recall, abs=1e-12)
    assert scores.specificity(counts)[0] == pytest.approx(recall[1], abs=1e-12)
    assert scores.balanced_accuracy(counts) == pytest.approx(recall.mean(), abs=1e-12)


def test_an_invalid_answer_is_wrong_by_hand():
    labels = ["UTI", "UTI", "UTI", "No UTI", "No UTI"]
    counts = scores.confusion_counts(labels, ["UTI", "No UTI", "", None, "UTI"], CLASSES)
    assert scores.f1(counts).tolist() == [2 * 1 / (2 * 1 + 1 + 2), 0]  # TP 1, FP 1, FN 2 (one invalid)
    assert scores.accuracy(counts) == 1 / 5
    assert scores.sensitivity(counts)[0] == 1 / 3
    assert scores.specificity(counts)[0] == 0


def test_a_score_that_is_not_defined_is_nan_and_left_out_of_means():
    right = scores.confusion_counts(["No UTI"], ["No UTI"], CLASSES)
    assert np.isnan(scores.f1(right)[0]) and scores.macro_f1(right) == 1
    wrong = scores.confusion_counts(["No UTI"], ["UTI"], CLASSES)
    assert scores.f1(wrong)[0] == 0 and np.isnan(scores.sensitivity(wrong)[0])
    assert np.isnan(scores.specificity(scores.confusion_counts(["UTI"], ["UTI"], CLASSES))[0])
    nothing = scores.confusion_counts([], [], CLASSES)
    assert scores.defined(scores.accuracy(nothing)) is scores.defined(scores.macro_f1(nothing)) is mean([]) is None


def test_rows_of_a_task_with_labels():
    labels, parsed = answers(2)
    rows = metrics.task_metrics({("llama", "sft"): label_rows(labels, parsed)}, UTI)
    assert [row["metric"] for row in rows] == [
        *("f1", "macro_f1", "accuracy", "sensitivity", "specificity", "invalid_rate")
    ]
    by_metric = {row["metric"]: row for row in rows}
    f1 = by_metric["f1"]
    predicted = [answer or "INVALID" for answer in parsed]
    assert f1["estimate"] == f1_score(labels, predicted, labels=["UTI"], average=None)[0]
    assert f1["ci_low"] < f1["estimate"] < f1["ci_high"]
    assert f1["ci_method"] == "wilson" and f1["positive_class"] == "UTI"
    assert by_metric["invalid_rate"]["estimate"] == f1["invalid_rate"] == parsed.count(None) / 150


def test_sensitivity_and_specificity_count_the_items_of_their_class():
    labels, parsed = answers(2)
    rows = metrics.task_metrics({("llama", "sft"): label_rows(labels, parsed)}, UTI)
    by_metric = {row["metric"]: row for row in rows}
    positives = labels.count("UTI")
    hits = sum(label == answer == "UTI" for label, answer in zip(labels, parsed, strict=True))
    rejections = sum(label == answer == "No UTI" for label, answer in zip(labels, parsed, strict=True))
    assert by_metric["sensitivity"]["n"] == positives and by_metric["specificity"]["n"] == 150 - positives
    assert by_metric["sensitivity"]["ci_low"] == effects.wilson(hits, positives)[0]
    assert by_metric["specificity"]["ci_high"] == effects.wilson(rejections, 150 - positives)[1]


def test_every_row_has_the_shares_of_cut_answers_even_while_grades_are_pending():
    texts = ["<think>a</think>b", "<think>a", "b", "b"]
    ends = ["stop", "length", "length", "stop"]
    cut = [{"text": text, "finish_reason": end} for text, end in zip(texts, ends, strict=True)]
    shares = {"thought_rate": 0.5, "cut_in_thought_rate": 0.25, "cut_rate": 0.5}
    for grades in (graded_rows([1, 0, 1, 1]), graded_rows([""] * 4, status="pending")):
        rows = metrics.task_metrics({("llama", "base"): grades}, REASONING, {("llama", "base"): cut})
        assert len(rows) == 2 and all({key: row[key] for key in shares} == shares for row in rows)
    rows = metrics.task_metrics({("llama", "base"): graded_rows([1])}, REASONING, {("llama", "base"): [{"text": "b"}]})
    assert rows[0]["cut_rate"] is None


def test_a_task_without_labels_has_its_headline_metric_and_the_invalid_rate():
    rows = metrics.task_metrics({("llama", "base"): graded_rows([1, 0, 1, 1])}, REASONING)
    assert [(row["metric"], row["estimate"], row["n"]) for row in rows] == [
        ("accuracy", 0.75, 4),
        ("invalid_rate", 0, 4),
    ]
    assert (rows[0]["ci_low"], rows[0]["ci_high"]) == effects.wilson(3, 4)
    assert rows[0]["data"] == "synthetic" and rows[0]["grader"] == "physicians"


def test_a_mean_grade_has_a_t_interval():
    rows = metrics.task_metrics({("llama", "dpo"): graded_rows([3, 4.5, 5], "rouge_likert", proxy="true")}, SUMMARIES)
    assert rows[0]["metric"] == "mean_likert" and rows[0]["estimate"] == pytest.approx(12.5 / 3)
    assert rows[0]["ci_method"] == "t" and rows[0]["proxy"] == "true"
    assert (rows[0]["ci_low"], rows[0]["ci_high"]) == effects.t_interval([3, 4.5, 5])


def test_helpfulness_has_a_wilson_interval():
    rows = metrics.task_metrics({("bio", "dpo"): graded_rows([1, 1, 0, 1], "evasiveness")}, QUESTIONS)
    assert [(row["metric"], row["estimate"]) for row in rows] == [("helpfulness", 0.75), ("invalid_rate", 0)]
    assert (rows[0]["ci_method"], rows[0]["ci_low"], rows[0]["ci_high"]) == ("wilson", *effects.wilson(3, 4))
    assert metrics.HEADLINES["helpfulness"] == "helpfulness" and metrics.HEADLINES["likert"] == "mean_likert"


def test_rouge_has_a_bootstrap_interval():
    grades = [0.1, 0.25, 0.0, 1.0, 0.4]
    rows = metrics.task_metrics({("bio", "sft"): graded_rows(grades, "rouge_l")}, SHORT_QUESTIONS)
    assert rows[0]["metric"] == "rouge_l" and rows[0]["estimate"] == pytest.approx(0.35)
    assert (rows[0]["ci_low"], rows[0]["ci_high"]) == effects.mean_interval(grades, seed=1)
    assert rows[0]["ci_method"] == "bootstrap" and 0 <= rows[0]["ci_low"] < 0.35 < rows[0]["ci_high"] <= 1
    equal = metrics.task_metrics({("bio", "sft"): graded_rows([0.5, 0.5], "rouge_l")}, SHORT_QUESTIONS)
    assert equal[0]["estimate"] == 0.5 and equal[0]["ci_low"] is equal[0]["ci_method"] is None


def metrics_of(labels, parsed):
    rows = metrics.task_metrics({("llama", "base"): label_rows(labels, parsed)}, UTI)
    return {row["metric"]: row for row in rows}


def test_one_item_has_intervals():
    rows = metrics_of(["UTI"], ["UTI"])
    assert rows["f1"]["estimate"] == rows["f1"]["ci_high"] == 1 and 0 < rows["f1"]["ci_low"] < 0.4
    assert rows["f1"]["ci_method"] == "wilson" and rows["macro_f1"]["ci_method"] == "mover"
    assert rows["specificity"]["estimate"] is None and rows["specificity"]["n"] == 0


def test_f1_of_a_class_without_items_and_answers_is_empty():
    rows = metrics_of(["No UTI"] * 3, ["No UTI"] * 3)
    assert rows["f1"]["estimate"] is rows["f1"]["ci_low"] is None and rows["macro_f1"]["estimate"] == 1


def test_pending_grades_leave_the_numbers_empty():
    pending = graded_rows([1, 1]) + graded_rows(["", "", ""], status="pending")
    rows = metrics.task_metrics({("llama", "base"): pending, ("llama", "sft"): graded_rows([1, 0])}, REASONING)
    assert [(row["variant"], row["status"], row["n"]) for row in rows] == [
        *[("base", "pending", 3)] * 2,
        *[("sft", "complete", 2)] * 2,
    ]
    assert rows[0]["estimate"] is rows[0]["ci_low"] is rows[0]["ci_method"] is rows[0]["invalid_rate"] is None


def test_a_headline_other_than_f1_comes_first():
    rows = metrics.task_metrics({("llama", "base"): label_rows(*answers(4))}, UTI | {"metric": "accuracy"})
    assert [row["metric"] for row in rows][:3] == ["accuracy", "f1", "macro_f1"]


def test_rows_keep_to_the_schema(tmp_path):
    validator = Draft202012Validator(yaml.safe_load(SCHEMA.read_text()))
    grades = {("llama", "base"): label_rows(*answers(5)), ("llama", "sft"): label_rows(["No UTI"] * 3, ["No UTI"] * 3)}
    rows = metrics.task_metrics(grades, UTI)
    rows += metrics.task_metrics({("llama", "dpo"): graded_rows(["", ""], "judge", status="pending")}, SUMMARIES)
    for row in rows:
        assert tuple(row) == metrics.COLUMNS == tuple(validator.schema["properties"])
        validator.validate(row)
    write_csv(tmp_path / "metrics.csv", rows, metrics.COLUMNS)
    assert float(read_csv(tmp_path / "metrics.csv")[0]["estimate"]) == rows[0]["estimate"]


@pytest.mark.parametrize(
    ("rows", "task", "message"),
    [
        (graded_rows(["0.5"]), REASONING, "item q0, field 'grade': '0.5' is not 0 or 1"),
        (graded_rows(["6"]), SUMMARIES, "is not a number from 1 to 5"),
        (graded_rows([""]), SUMMARIES, "item q0, field 'grade': ''"),
        (graded_rows(["0.5"]), QUESTIONS, "'0.5' is not 0 or 1"),
        (graded_rows(["nan"]), SHORT_QUESTIONS, "'nan' is not a number from 0 to 1"),
        (graded_rows(["1.2"]), SHORT_QUESTIONS, "'1.2' is not a number from 0 to 1"),
        (label_rows(["UTI"], ["cystitis"]), UTI, "item q0, field 'parsed': 'cystitis' .* by one of: UTI, No UTI"),
        ([], UTI, "grades of uti/llama/base: the table has no rows"),
    ],
)
def test_an_error_names_item_and_field_of_a_wrong_grade(rows, task, message):
    with pytest.raises(UserError, match=message):
        metrics.task_metrics({("llama", "base"): rows}, task)
