"""Tables of metrics, comparisons and seeds of a task with the metrics of all its labels."""

import jsonschema
import numpy as np
import pytest
from sklearn import metrics as sk

from clinical_dpo.errors import UserError
from clinical_dpo.schemas import SCHEMAS
from clinical_dpo.statistics import comparisons, label_tables, symmetry_table
from clinical_dpo.statistics.decisions import decisions
from clinical_dpo.statistics.metrics import task_metrics
from clinical_dpo.statistics.training_seeds import compare_seeds
from clinical_dpo.yaml_files import read_yaml
from tests.helpers.labelled_answers import CLASSES, drawn, drawn_probabilities

TASK = {"name": "triage", "metric": "macro_f1", "paired_test": "mcnemar", "data": "synthetic", "seed": 1}
THREE = TASK | {"labels": CLASSES}
TWO = TASK | {"labels": ["UTI", "No UTI"], "metric": "f1", "answer_by": "likelihood", "prevalence": {"UTI": 0.1}}
ITEMS = 60
SKILLS = {"base": 0.3, "sft": 0.6, "dpo": 0.9}


def graded(labels, answers):
    shared = {"grader": "label", "status": "complete", "proxy": "false"}
    return [
        shared
        | {"id": str(item), "label": label, "parsed": answer, "valid": str(bool(answer)).lower()}
        | {"grade": str(int(label == answer))}
        for item, (label, answer) in enumerate(zip(labels, answers, strict=True))
    ]


def variants(names=("base", "sft", "dpo"), skill=(0.2, 0.5, 0.8)):
    """Grades of variants that differ in their answers alone."""
    labels = drawn(0, items=ITEMS)[0]
    draw = np.random.default_rng(3)
    table = {}
    for name, share in zip(names, skill, strict=True):
        guesses = draw.choice([*CLASSES, ""], ITEMS).tolist()
        right = draw.random(ITEMS) < share
        table["llama", name] = graded(
            labels, [x if hit else y for x, y, hit in zip(labels, guesses, right, strict=True)]
        )
    return table


def scored(classes):
    probabilities, labels = drawn_probabilities(4, ITEMS, classes)
    rows = graded(labels, [max(each, key=each.get) for each in probabilities])
    answers = [{"id": str(item), "text": "", "probabilities": each} for item, each in enumerate(probabilities)]
    return rows, answers


def validated(name, rows):
    validator = jsonschema.Draft202012Validator(read_yaml(SCHEMAS / f"{name}.schema.yaml"))
    for row in rows:
        validator.validate(row)
    return rows


def test_the_headline_comes_first_and_every_label_has_its_own_rows():
    rows = validated("metrics", task_metrics(variants(), THREE | {"ordered": True}))
    of_sft = [row for row in rows if row["variant"] == "sft"]
    assert [row["metric"] for row in of_sft][:2] == ["macro_f1", "accuracy"] and of_sft[-1]["metric"] == "invalid_rate"
    assert {row["metric"] for row in of_sft} >= {"quadratic_kappa", "mean_absolute_error", "off_by_two"}
    for name in CLASSES:
        own = [row["metric"] for row in of_sft if row["positive_class"] == name]
        assert own == ["sensitivity", "specificity", "ppv", "npv", "f1"]
    parsed = [row["parsed"] for row in variants()["llama", "sft"]]
    labels = [row["label"] for row in variants()["llama", "sft"]]
    expected = sk.f1_score(labels, parsed, labels=CLASSES, average="macro")
    assert of_sft[0]["estimate"] == pytest.approx(expected) and of_sft[0]["ci_method"] == "percentile_bootstrap"


def test_two_labels_with_probabilities_have_rows_of_the_positive_class_alone():
    rows, answers = scored(TWO["labels"])
    table = validated("metrics", task_metrics({("llama", "sft"): rows}, TWO, {("llama", "sft"): answers}))
    assert [row["metric"] for row in table if row["metric"] == TWO["metric"]] == ["f1"]
    assert {row["positive_class"] for row in table} == {"UTI", ""}
    results = {row["metric"]: row["estimate"] for row in table}
    scores = [answer["probabilities"]["UTI"] for answer in answers]
    positive = [row["label"] == "UTI" for row in rows]
    assert results["auroc"] == pytest.approx(sk.roc_auc_score(positive, scores))
    assert results["brier"] == pytest.approx(sk.brier_score_loss(positive, scores))
    assert results["f1"] == pytest.approx(sk.f1_score(positive, [row["parsed"] == "UTI" for row in rows]))
    assert "ppv_at_prevalence" in results


def test_answers_without_probabilities_leave_their_metrics_empty():
    rows, answers = scored(CLASSES)
    task = THREE | {"answer_by": "likelihood", "metric": "auroc"}
    without = [{"id": answer["id"], "text": ""} for answer in answers]
    grades = {("llama", "sft"): rows, ("rule", "external"): rows}
    table = task_metrics(grades, task, {("llama", "sft"): answers, ("rule", "external"): without})
    validated("metrics", table)
    results = {(row["model"], row["metric"]): row["estimate"] for row in table}
    assert results["llama", "auroc"] is not None and results["rule", "auroc"] is None
    assert results["llama", "accuracy"] == results["rule", "accuracy"]


def test_answers_from_elsewhere_without_labels_are_wrong_beside_answers_by_likelihood():
    """Every fifth one cannot be read. The headline metric needs probabilities, so that right answers decide."""
    rows, answers = scored(CLASSES)
    labels = [row["label"] for row in rows]
    elsewhere = graded(labels, ["" if item % 5 == 0 else label for item, label in enumerate(labels)])
    grades = {("llama", name): rows for name in ("base", "sft", "dpo")} | {("rule", "external"): elsewhere}
    texts = dict.fromkeys(grades, answers) | {("rule", "external"): [{"id": row["id"], "text": ""} for row in rows]}
    task = THREE | {"answer_by": "likelihood", "metric": "auroc"}
    metrics = {(row["model"], row["metric"]): row for row in validated("metrics", task_metrics(grades, task, texts))}
    assert metrics["rule", "invalid_rate"]["estimate"] == 0.2 and metrics["llama", "invalid_rate"]["estimate"] == 0
    assert metrics["rule", "accuracy"]["estimate"] == pytest.approx(0.8)
    assert metrics["rule", "auroc"]["estimate"] is metrics["rule", "auroc"]["ci_method"] is None
    stats = comparisons.compare_variants(grades, task, alpha=0.05, family="a")
    margin = {"value": 0.05, "source": "set in the task file", "sha256": "0" * 64}
    decided = {row["comparison"]: row for row in decisions(stats, grades, task, margin)}
    right = [int(row["grade"]) for row in rows]
    row = decided["dpo_vs_rule"]
    assert row["metric"] == "accuracy" and row["effect"] == pytest.approx(np.mean(right) - 0.8)
    names = {"task": "triage", "data": "synthetic"}
    confusion = validated("confusion", label_tables.confusion_table(grades, CLASSES, names))
    unread = {(row["model"], row["label"]): row["n"] for row in confusion if not row["answer"]}
    assert sum(n for (model, _), n in unread.items() if model == "rule") == ITEMS / 5
    reliability = label_tables.reliability_table(grades, texts, CLASSES, names)
    assert {row["model"] for row in validated("reliability", reliability)} == {"llama"}


def test_comparisons_are_mcnemar_s_with_the_difference_of_macro_f1_beside():
    grades = variants()
    rows = comparisons.compare_variants(grades, THREE, alpha=0.05, family=["triage"])
    results = {row["comparison"]: row for row in rows}["dpo_vs_base"]
    right = {name: [row["grade"] == "1" for row in grades["llama", name]] for name in ("base", "dpo")}
    assert results["b"] == sum(x and not y for x, y in zip(right["dpo"], right["base"], strict=True))
    f1 = [
        sk.f1_score(
            *([row[key] for row in grades["llama", name]] for key in ("label", "parsed")),
            labels=CLASSES,
            average="macro",
        )
        for name in ("dpo", "base")
    ]
    assert results["secondary_measure"] == "macro_f1_difference"
    assert results["secondary_effect"] == pytest.approx(f1[0] - f1[1])
    assert 0 < results["p_f1_permutation"] < 0.05


def test_the_f1_of_two_labels_that_is_shown_is_the_f1_that_is_compared():
    grades = {("llama", name): graded(*drawn(5, 60, ["yes", "no"], skill=share)) for name, share in SKILLS.items()}
    labels = [row["label"] for row in grades["llama", "base"]]
    grades = {key: graded(labels, [row["parsed"] for row in rows]) for key, rows in grades.items()}
    classes = {"positive": "yes", "negative": "no"}
    for facts in (classes, {"labels": ["yes", "no"]}):
        task = TASK | facts
        rows = comparisons.compare_variants(grades, task, alpha=0.05, family=["triage"])
        results = {row["comparison"]: row for row in rows}["sft_vs_base"]
        f1 = [
            sk.f1_score(labels, [row["parsed"] for row in grades["llama", name]], labels=["yes", "no"], average="macro")
            for name in ("sft", "base")
        ]
        assert results["secondary_measure"] == "macro_f1_difference"
        assert results["secondary_effect"] == pytest.approx(f1[0] - f1[1])
        shown = {row["variant"]: row["estimate"] for row in task_metrics(grades, task) if row["metric"] == "macro_f1"}
        assert shown["sft"] - shown["base"] == pytest.approx(results["secondary_effect"])
    seeds = {("llama", f"{name}_seed2"): grades["llama", name] for name in ("sft", "dpo")}
    measures = {row["measure"] for row in compare_seeds(grades | seeds, TASK | classes, [1, 2])}
    assert measures == {"accuracy_difference", "macro_f1_difference", "f1_difference"}


def test_seeds_have_the_mean_difference_of_macro_f1():
    names = ("base", "sft", "dpo", "sft_seed43", "dpo_seed43")
    grades = variants(names, (0.2, 0.5, 0.8, 0.5, 0.8))
    rows = validated("seeds", compare_seeds(grades, THREE, [42, 43]))
    results = {(row["comparison"], row["measure"]): row for row in rows}["dpo_vs_sft", "macro_f1_difference"]

    def f1(name):
        rows = grades["llama", name]
        return sk.f1_score(
            [row["label"] for row in rows], [row["parsed"] for row in rows], labels=CLASSES, average="macro"
        )

    each = [f1("dpo") - f1("sft"), f1("dpo_seed43") - f1("sft_seed43")]
    assert [float(value) for value in results["per_seed"].split()] == pytest.approx(each)
    assert (
        results["effect"] == pytest.approx(np.mean(each)) and results["ci_low"] < results["effect"] < results["ci_high"]
    )


def test_label_tables_follow_their_schemas():
    grades = variants()
    validated("confusion", label_tables.confusion_table(grades, CLASSES, {"task": "triage", "data": "synthetic"}))
    validated("symmetry", symmetry_table.symmetry_table(grades, THREE))
    rows, answers = scored(CLASSES)
    key = ("llama", "sft")
    table = label_tables.reliability_table({key: rows}, {key: answers}, CLASSES, {"task": "triage", "data": "real"})
    assert sum(row["n"] for row in validated("reliability", table)) == ITEMS


def test_a_label_that_the_task_does_not_have_is_refused():
    grades = {("llama", "base"): graded(["yes"], ["perhaps"])}
    with pytest.raises(UserError, match="item 0, field 'parsed': 'perhaps'"):
        task_metrics(grades, THREE)
