"""Rules for unreadable answers, against scikit-learn on answers read by hand, and decisions that they change."""

import pytest
from sklearn.metrics import balanced_accuracy_score, cohen_kappa_score, f1_score

from clinical_dpo.schemas import validate
from clinical_dpo.statistics.f1_effects import f1_difference
from clinical_dpo.statistics.headline_differences import headline_difference
from clinical_dpo.statistics.metrics import task_metrics
from clinical_dpo.statistics.trivial import compare_trivial
from clinical_dpo.statistics.unreadable import COLUMNS, vary_unreadable, wrong_labels
from tests.helpers.figure2 import TASK

FACTS = TASK | {"seed": 1}
CLASSES = ["UTI", "No UTI"]
LABELS = ["UTI", "UTI", "UTI", "No UTI", "No UTI", "No UTI"]


def labelled(labels, answers):
    return [
        {"id": str(number), "label": label, "parsed": answer, "grade": str(int(label == answer)), "grader": "label"}
        | {"valid": str(bool(answer)).lower(), "status": "complete", "proxy": "false"}
        for number, (label, answer) in enumerate(zip(labels, answers, strict=True))
    ]


def judged(grades, metric_low="0"):
    """Rows of right and wrong answers; None is "cannot judge", which counts as wrong."""
    return [
        {"id": str(number), "label": "", "parsed": "", "grade": metric_low if grade is None else str(grade)}
        | {"grader": "physicians", "valid": str(grade is not None).lower(), "status": "complete", "proxy": "false"}
        for number, grade in enumerate(grades)
    ]


def by_rule(rows, compared):
    return {row["rule"]: row for row in rows if row["compared"] == compared}


def test_each_rule_reads_unreadable_labels_in_its_way():
    answers = ["UTI", "", "No UTI", "No UTI", "", "UTI"]
    grades = {("llama", name): labelled(LABELS, answers) for name in ("base", "sft", "dpo")}
    table = vary_unreadable(grades, FACTS, 0.05, 0.01)
    assert all(tuple(row) == COLUMNS for row in table)
    rows = by_rule(table, "sft")
    read = {
        "as graded": ["UTI", "?", "No UTI", "No UTI", "?", "UTI"],
        "positive": ["UTI", "UTI", "No UTI", "No UTI", "UTI", "UTI"],
        "worst case": ["UTI", "No UTI", "No UTI", "No UTI", "UTI", "UTI"],
    }
    for rule, parsed in read.items():
        expected = f1_score(LABELS, parsed, labels=["UTI"], average="macro")
        assert rows[rule]["estimate"] == pytest.approx(expected) and rows[rule]["n"] == 6
    kept = [0, 2, 3, 5]
    expected = f1_score([LABELS[i] for i in kept], [answers[i] for i in kept], pos_label="UTI")
    assert rows["left out"]["estimate"] == pytest.approx(expected) and rows["left out"]["n"] == 4
    assert {row["unreadable"] for row in rows.values()} == {2}


def test_the_worst_case_of_a_comparison_is_the_best_one_of_the_other_variant():
    first, second = ["UTI", "", "UTI", "No UTI", "", "No UTI"], ["", "UTI", "UTI", "", "No UTI", "No UTI"]
    grades = {("llama", "base"): labelled(LABELS, second), ("llama", "sft"): labelled(LABELS, first)}
    grades["llama", "dpo"] = labelled(LABELS, LABELS)
    row = by_rule(vary_unreadable(grades, FACTS, 0.05, 0.05), "sft_vs_base")["worst case"]
    worst = ["UTI", "No UTI", "UTI", "No UTI", "UTI", "No UTI"]
    expected = f1_difference(LABELS, worst, LABELS, CLASSES, 1, 0.9)
    assert row["estimate"] == pytest.approx(expected.difference)
    assert (row["ci_low"], row["ci_high"]) == pytest.approx(expected.interval)
    assert (row["n"], row["unreadable"]) == (6, 4)


def test_a_decision_that_depends_on_unreadable_answers_is_marked():
    """SFT is better as graded only because the base model's answers cannot be read."""
    labels = CLASSES * 50
    base = [label if number % 10 else "" for number, label in enumerate(labels)]
    grades = {("llama", "base"): labelled(labels, base), ("llama", "sft"): labelled(labels, labels)}
    grades["llama", "dpo"] = labelled(labels, labels)
    rows = by_rule(vary_unreadable(grades, FACTS, 0.05, 0.05), "sft_vs_base")
    assert (rows["as graded"]["decision"], rows["as graded"]["changed"]) == ("better", "false")
    assert (rows["left out"]["decision"], rows["left out"]["changed"]) == ("equivalent", "true")
    assert {row["changed"] for row in by_rule(vary_unreadable(grades, FACTS, 0.05, 0.05), "dpo_vs_sft").values()} == {
        "false"
    }


def test_a_variant_that_is_no_better_than_a_trivial_answer_is_better_under_no_rule():
    """DPO says yes to all, and SFT says no to most; some of SFT's answers cannot be read."""
    labels = ["UTI"] * 150 + ["No UTI"] * 50
    answers = {"base": ["No UTI"] * 200, "dpo": ["UTI"] * 200}
    answers["sft"] = ["" if number % 20 == 0 else "No UTI" for number in range(200)]
    grades = {("llama", name): labelled(labels, parsed) for name, parsed in answers.items()}
    trivial = [
        {key: "" if value is None else str(value) for key, value in row.items()}
        for row in compare_trivial(grades, labels, FACTS, 0.05)
    ]
    alone = by_rule(vary_unreadable(grades, FACTS, 0.05, 0.05), "dpo_vs_sft")
    held = by_rule(vary_unreadable(grades, FACTS, 0.05, 0.05, trivial=trivial), "dpo_vs_sft")
    assert {row["decision"] for row in alone.values()} == {"better"}
    assert {row["decision"] for row in held.values()} == {"no better than trivial"}
    assert {row["changed"] for row in held.values()} == {"false"}
    for rule, row in held.items():
        validate(row, "unreadable", "row")
        assert row == alone[rule] | {"decision": "no better than trivial"}


def test_the_comparison_with_a_trivial_answer_follows_the_rule():
    """As graded, half of DPO's answers cannot be read. Read as positive they make DPO better than always yes."""
    labels = ["UTI", "No UTI"] * 100
    answers = {"base": ["No UTI"] * 200, "sft": ["No UTI"] * 200}
    answers["dpo"] = ["" if number % 4 == 0 else label for number, label in enumerate(labels)]
    grades = {("llama", name): labelled(labels, parsed) for name, parsed in answers.items()}
    trivial = [
        {key: "" if value is None else str(value) for key, value in row.items()}
        for row in compare_trivial(grades, labels, FACTS, 0.05)
    ]
    rows = by_rule(vary_unreadable(grades, FACTS, 0.05, 0.05, trivial=trivial), "dpo_vs_sft")
    assert rows["as graded"]["decision"] == "no better than trivial"
    assert (rows["positive"]["decision"], rows["positive"]["changed"]) == ("better", "true")


def test_cannot_judge_is_varied_too_and_awaited_grades_stay_empty():
    task = {"name": "r", "metric": "accuracy", "data": "real", "seed": 1}
    grades = {("llama", name): judged([1, None, 0, 1]) for name in ("base", "sft")}
    grades["llama", "dpo"] = [row | {"status": "pending", "grade": ""} for row in judged([1, 1, 0, 1])]
    table = vary_unreadable(grades, task, 0.05, 0.05)
    estimates = {rule: row["estimate"] for rule, row in by_rule(table, "sft").items()}
    assert estimates == {"as graded": 0.5, "positive": 0.75, "left out": pytest.approx(2 / 3), "worst case": 0.5}
    assert {row["status"] for row in by_rule(table, "dpo_vs_sft").values()} == {"pending"}
    assert {row["estimate"] for row in by_rule(table, "dpo").values()} == {None}


def test_where_no_answer_can_be_read_nothing_is_left():
    grades = {("llama", name): labelled(LABELS, [""] * 6) for name in ("base", "sft", "dpo")}
    table = vary_unreadable(grades, FACTS, 0.05, 0.05)
    left = by_rule(table, "sft")["left out"]
    assert (left["n"], left["estimate"], left["ci_low"]) == (0, None, None)
    assert by_rule(table, "dpo_vs_sft")["left out"]["decision"] == "undecided"


@pytest.mark.parametrize(("metric", "grades"), [("rouge_l", [0.1, 0.35, 0.2, 0.8, 0.9]), ("likert", [1, 4, 4, 5, 2])])
def test_means_as_graded_are_those_of_metrics_csv(metric, grades):
    task = {"name": "s", "metric": metric, "data": "real", "seed": 1}
    table = {("llama", name): judged(grades) for name in ("base", "sft", "dpo")}
    row = by_rule(vary_unreadable(table, task, 0.05, 0.05), "sft")["as graded"]
    headline = task_metrics(table, task)[0]
    assert [row[key] for key in ("estimate", "ci_low", "ci_high")] == [
        headline[key] for key in ("estimate", "ci_low", "ci_high")
    ]


@pytest.mark.parametrize("metric", ["macro_f1", "weighted_f1", "balanced_accuracy", "quadratic_kappa", "accuracy"])
def test_where_no_answer_of_three_labels_can_be_read_nothing_is_left(metric):
    levels = ["low", "middle", "high"]
    grades = {("llama", name): labelled(levels * 2, [""] * 6) for name in ("base", "sft", "dpo")}
    task = {"name": "t", "metric": metric, "labels": levels, "data": "real", "seed": 1, "ordered": True}
    left = by_rule(vary_unreadable(grades, task, 0.05, 0.05), "sft")["left out"]
    assert (left["n"], left["estimate"], left["ci_low"]) == (0, None, None)


@pytest.mark.parametrize("metric", ["macro_f1", "balanced_accuracy", "quadratic_kappa"])
def test_rules_for_more_than_two_labels(metric):
    """As graded the numbers are those of metrics.csv. The worst case reads the rarest other label, or of levels the
    farthest."""
    levels = ["low", "middle", "high"]
    labels = ["low"] * 9 + ["middle"] * 6 + ["high"] * 5
    answers = [label if item % 4 else "" for item, label in enumerate(labels)]
    answers[2], answers[11] = "middle", "high"
    grades = {("llama", name): labelled(labels, answers) for name in ("base", "sft", "dpo")}
    task = {"name": "t", "metric": metric, "labels": levels, "data": "real", "seed": 1}
    task |= {"ordered": True} if metric == "quadratic_kappa" else {}
    table = vary_unreadable(grades, task, 0.05, 0.05)
    rows = by_rule(table, "sft")
    headline = next(row for row in task_metrics(grades, task) if row["metric"] == metric)
    for key in ("estimate", "ci_low", "ci_high"):
        assert rows["as graded"][key] == pytest.approx(headline[key])
    worst = {"low": "high", "middle": "high", "high": "middle"}
    if metric == "quadratic_kappa":
        worst = {"low": "high", "middle": "high", "high": "low"}
    read = {
        "positive": [answer or label for label, answer in zip(labels, answers, strict=True)],
        "worst case": [answer or worst[label] for label, answer in zip(labels, answers, strict=True)],
    }
    score = {
        "macro_f1": lambda said: f1_score(labels, said, average="macro"),
        "balanced_accuracy": lambda said: balanced_accuracy_score(labels, said),
        "quadratic_kappa": lambda said: cohen_kappa_score(labels, said, labels=levels, weights="quadratic"),
    }[metric]
    for rule, said in read.items():
        assert rows[rule]["estimate"] == pytest.approx(score(said))
    assert rows["left out"]["n"] == 15 and {row["metric"] for row in rows.values()} == {metric}
    compared = by_rule(table, "dpo_vs_sft")
    assert {row["metric"] for row in compared.values()} == {"macro_f1" if metric == "macro_f1" else "accuracy"}
    expected = headline_difference(
        labelled(labels, read["worst case"]), labelled(labels, read["positive"]), task, [0.9], 0.05
    )
    assert compared["worst case"]["estimate"] == pytest.approx(expected.effect)


def test_a_label_without_items_is_not_read_in_the_worst_case():
    task = {"name": "t", "metric": "macro_f1", "labels": ["a", "b", "c"], "data": "real", "seed": 1}
    assert wrong_labels(["a", "a", "b"], task) == {"a": "b", "b": "a", "c": "b"}
