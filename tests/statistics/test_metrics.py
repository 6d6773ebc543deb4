"""Point estimates against scikit-learn and hand-worked values; the metrics table."""

import random

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

SCHEMA = ROOT / "workflow" / "schemas" / "metrics.schema.yaml"
UTI = {"name": "uti", "metric": "f1", "positive": "UTI", "negative": "No UTI", "data": "real", "seed": 1}
REASONING = {"name": "reasoning", "metric": "accuracy", "data": "synthetic", "seed": 1}
SUMMARIES = {"name": "summarization", "metric": "likert", "data": "real", "seed": 1}
QUESTIONS = {"name": "pubmedqa", "metric": "helpfulness", "data": "real", "seed": 1}
SHORT_QUESTIONS = {"name": "meqsum", "metric": "rouge_l", "data": "real", "seed": 1}


def answers(seed, n=150, invalid=0.1):
    """Labels and answers of a random classifier that is right two times out of three."""
    draw = random.Random(seed)
    labels = [draw.choice(["UTI", "No UTI"]) for _ in range(n)]
    other = {"UTI": "No UTI", "No UTI": "UTI"}
    parsed = [None if draw.random() < invalid else label if draw.random() < 0.67 else other[label] for label in labels]
    return labels, parsed


def label_rows(labels, parsed):
    return [
        {"id": f"q{number}", "grade": str(int(label == found)), "grader": "label", "label": label}
        | {"parsed": found or "", "valid": "true" if found else "false", "status": "complete", "proxy": "false"}
        for number, (label, found) in enumerate(zip(labels, parsed, strict=True))
    ]


def graded_rows(grades, grader="physicians", status="complete", proxy="false"):
    return [
        {"id": f"q{number}", "grade": str(grade), "grader": grader, "label": "", "parsed": "", "valid": "true"}
        | {"status": status, "proxy": proxy}
        for number, grade in enumerate(grades)
    ]


@pytest.mark.parametrize("seed", range(5))
def test_scores_equal_sklearn_with_invalid_as_a_third_answer(seed):
    labels, parsed = answers(seed)
    said = [found or "INVALID" for found in parsed]
    classes = ["UTI", "No UTI"]
    assert scores.f1(labels, parsed, "UTI") == pytest.approx(
        f1_score(labels, said, labels=classes, average=None)[0], abs=1e-12
    )
    assert scores.macro_f1(labels, parsed, classes) == pytest.approx(
        f1_score(labels, said, labels=classes, average="macro"), abs=1e-12
    )
    assert scores.accuracy(labels, parsed) == pytest.approx(accuracy_score(labels, said), abs=1e-12)
    recall = recall_score(labels, said, labels=classes, average=None)
    assert scores.sensitivity(labels, parsed, "UTI") == pytest.approx(recall[0], abs=1e-12)
    assert scores.specificity(labels, parsed, "UTI") == pytest.approx(recall[1], abs=1e-12)


def test_an_invalid_answer_is_wrong_by_hand():
    labels = ["UTI", "UTI", "UTI", "No UTI", "No UTI"]
    parsed = ["UTI", "No UTI", "", None, "UTI"]
    assert scores.f1(labels, parsed, "UTI") == 2 * 1 / (2 * 1 + 1 + 2)  # TP 1, FP 1, FN 2 (one invalid)
    assert scores.f1(labels, parsed, "No UTI") == 0
    assert scores.accuracy(labels, parsed) == 1 / 5
    assert scores.sensitivity(labels, parsed, "UTI") == 1 / 3
    assert scores.specificity(labels, parsed, "UTI") == 0
    assert scores.invalid_rate(parsed) == 2 / 5


def test_what_is_not_defined_is_none():
    assert scores.f1(["No UTI"], ["No UTI"], "UTI") is None
    assert scores.f1(["No UTI"], ["UTI"], "UTI") == 0
    assert scores.macro_f1(["No UTI"], ["No UTI"], ["UTI", "No UTI"]) == 1
    assert scores.sensitivity(["No UTI"], ["UTI"], "UTI") is None
    assert scores.specificity(["UTI"], ["UTI"], "UTI") is None
    assert scores.accuracy([], []) is scores.invalid_rate([]) is mean([]) is None


def test_rows_of_a_task_with_labels():
    labels, parsed = answers(2)
    rows = metrics.task_metrics({("llama", "sft"): label_rows(labels, parsed)}, UTI)
    assert [row["metric"] for row in rows] == [
        *("f1", "macro_f1", "accuracy", "sensitivity", "specificity", "invalid_rate")
    ]
    found = {row["metric"]: row for row in rows}
    assert found["f1"]["estimate"] == scores.f1(labels, parsed, "UTI")
    assert found["f1"]["ci_low"] < found["f1"]["estimate"] < found["f1"]["ci_high"]
    assert found["f1"]["ci_method"] == "wilson" and found["f1"]["positive_class"] == "UTI"
    positives = labels.count("UTI")
    hits = sum(label == said == "UTI" for label, said in zip(labels, parsed, strict=True))
    rejections = sum(label == said == "No UTI" for label, said in zip(labels, parsed, strict=True))
    assert found["sensitivity"]["n"] == positives and found["specificity"]["n"] == 150 - positives
    assert found["sensitivity"]["ci_low"] == effects.wilson(hits, positives)[0]
    assert found["specificity"]["ci_high"] == effects.wilson(rejections, 150 - positives)[1]
    assert found["invalid_rate"]["estimate"] == found["f1"]["invalid_rate"] == scores.invalid_rate(parsed)


def test_shares_of_answers_that_are_cut_stand_beside_every_metric_before_grades_are_there_too():
    texts = ["<think>a</think>b", "<think>a", "b", "b"]
    ends = ["stop", "length", "length", "stop"]
    said = [{"text": text, "finish_reason": end} for text, end in zip(texts, ends, strict=True)]
    shares = {"thought_rate": 0.5, "cut_in_thought_rate": 0.25, "cut_rate": 0.5}
    for grades in (graded_rows([1, 0, 1, 1]), graded_rows([""] * 4, "physicians", "pending")):
        rows = metrics.task_metrics({("llama", "base"): grades}, REASONING, {("llama", "base"): said})
        assert len(rows) == 2 and all({key: row[key] for key in shares} == shares for row in rows)
    rows = metrics.task_metrics({("llama", "base"): graded_rows([1])}, REASONING, {("llama", "base"): [{"text": "b"}]})
    assert rows[0]["cut_rate"] is None


def test_rows_of_graded_tasks():
    rows = metrics.task_metrics({("llama", "base"): graded_rows([1, 0, 1, 1])}, REASONING)
    assert [(row["metric"], row["estimate"], row["n"]) for row in rows] == [
        ("accuracy", 0.75, 4),
        ("invalid_rate", 0, 4),
    ]
    assert (rows[0]["ci_low"], rows[0]["ci_high"]) == effects.wilson(3, 4)
    assert rows[0]["data"] == "synthetic" and rows[0]["grader"] == "physicians"
    rows = metrics.task_metrics({("llama", "dpo"): graded_rows([3, 4.5, 5], "rouge_likert", proxy="true")}, SUMMARIES)
    assert rows[0]["metric"] == "mean_likert" and rows[0]["estimate"] == pytest.approx(12.5 / 3)
    assert rows[0]["ci_method"] == "t" and rows[0]["proxy"] == "true"
    assert (rows[0]["ci_low"], rows[0]["ci_high"]) == effects.t_interval([3, 4.5, 5])


def test_rows_of_helpfulness_and_rouge():
    rows = metrics.task_metrics({("bio", "dpo"): graded_rows([1, 1, 0, 1], "evasiveness")}, QUESTIONS)
    assert [(row["metric"], row["estimate"]) for row in rows] == [("helpfulness", 0.75), ("invalid_rate", 0)]
    assert (rows[0]["ci_method"], rows[0]["ci_low"], rows[0]["ci_high"]) == ("wilson", *effects.wilson(3, 4))
    grades = [0.1, 0.25, 0.0, 1.0, 0.4]
    rows = metrics.task_metrics({("bio", "sft"): graded_rows(grades, "rouge_l")}, SHORT_QUESTIONS)
    assert rows[0]["metric"] == "rouge_l" and rows[0]["estimate"] == pytest.approx(0.35)
    assert (rows[0]["ci_low"], rows[0]["ci_high"]) == effects.mean_interval(grades, seed=1)
    assert rows[0]["ci_method"] == "bootstrap" and 0 <= rows[0]["ci_low"] < 0.35 < rows[0]["ci_high"] <= 1
    alike = metrics.task_metrics({("bio", "sft"): graded_rows([0.5, 0.5], "rouge_l")}, SHORT_QUESTIONS)
    assert alike[0]["estimate"] == 0.5 and alike[0]["ci_low"] is alike[0]["ci_method"] is None
    assert metrics.HEADLINES["helpfulness"] == "helpfulness" and metrics.HEADLINES["likert"] == "mean_likert"


def test_one_item_and_a_class_that_never_occurs():
    found = {row["metric"]: row for row in metrics.task_metrics({("a", "base"): label_rows(["UTI"], ["UTI"])}, UTI)}
    assert found["f1"]["estimate"] == found["f1"]["ci_high"] == 1 and 0 < found["f1"]["ci_low"] < 0.4
    assert found["f1"]["ci_method"] == "wilson" and found["macro_f1"]["ci_method"] == "mover"
    assert found["specificity"]["estimate"] is None and found["specificity"]["n"] == 0
    rows = metrics.task_metrics({("a", "base"): label_rows(["No UTI"] * 3, ["No UTI"] * 3)}, UTI)
    found = {row["metric"]: row for row in rows}
    assert found["f1"]["estimate"] is found["f1"]["ci_low"] is None and found["macro_f1"]["estimate"] == 1


def test_awaited_grades_leave_the_numbers_empty():
    waiting = graded_rows([1, 1]) + graded_rows(["", "", ""], status="pending")
    rows = metrics.task_metrics({("llama", "base"): waiting, ("llama", "sft"): graded_rows([1, 0])}, REASONING)
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
    rows += metrics.task_metrics({("llama", "dpo"): graded_rows(["", ""], "judge", "pending")}, SUMMARIES)
    for row in rows:
        assert tuple(row) == metrics.COLUMNS == tuple(validator.schema["properties"])
        validator.validate(row)
    write_csv(tmp_path / "metrics.csv", rows, metrics.COLUMNS)
    assert float(read_csv(tmp_path / "metrics.csv")[0]["estimate"]) == rows[0]["estimate"]


@pytest.mark.parametrize(
    ("rows", "task", "said"),
    [
        (graded_rows(["0.5"]), REASONING, "item q0, field 'grade': '0.5' is not 0 or 1"),
        (graded_rows(["6"]), SUMMARIES, "is not a number from 1 to 5"),
        (graded_rows([""]), SUMMARIES, "item q0, field 'grade': ''"),
        (graded_rows(["0.5"]), QUESTIONS, "'0.5' is not 0 or 1"),
        (graded_rows(["nan"]), SHORT_QUESTIONS, "'nan' is not a number from 0 to 1"),
        (graded_rows(["1.2"]), SHORT_QUESTIONS, "'1.2' is not a number from 0 to 1"),
        (label_rows(["UTI"], ["cystitis"]), UTI, "field 'parsed': 'cystitis' is no label of this task"),
        ([], UTI, "grades of uti/llama/base: no rows"),
    ],
)
def test_bad_grades_are_named(rows, task, said):
    with pytest.raises(UserError, match=said):
        metrics.task_metrics({("llama", "base"): rows}, task)
