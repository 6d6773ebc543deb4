"""Decisions of a task from grades and training records, and a margin that changes after the answers."""

import pytest
import yaml

from clinical_dpo.config.loading import load_study
from clinical_dpo.config.margins import margin_record
from clinical_dpo.data.sources.synthetic.triage_levels import LEVELS
from clinical_dpo.grading.grade import COLUMNS
from clinical_dpo.io import read_jsonl, write_csv, write_json
from tests.conftest import ROOT
from tests.helpers.figure2 import graded
from tests.helpers.grade_rows import label_rows
from tests.helpers.labelled_answers import drawn
from tests.helpers.workflow import Project, rows, write_answers

TABLE = "reports/mine/tables/decisions.csv"
RULES = ("compare_variants", "compare_trivial", "decide", "collect_decisions")
DECIDED = {("decide", "task=uti"), ("collect_decisions", "")}


def write_config(project, task="uti", **settings):
    recipe = yaml.safe_load((ROOT / f"config/tasks/{task}.yaml").read_text())["recipe"]
    config = {
        "run_name": "mine",
        "allow_generated": True,  # where the public data sets are absent
        "tasks": [task],
        "figure2": {},
        "recipes": {recipe: {"models": ["tiny-llama"]}},
        "overrides": {"tasks": {task: settings}},
    }
    (project.folder / "mine.yaml").write_text(yaml.safe_dump(config))


def finished_grading(tmp_path, task, grades, margin_metric, **settings):
    """A run whose task has grades and records of training. Its margin was recorded before the answers."""
    project = Project.copy(tmp_path, "mine.yaml")
    write_config(project, task, margin=0.1, **settings)
    project.run(f"results/mine/{task}/data/train.jsonl")
    folder = project.folder / "results/mine" / task
    write_json(folder / "margin.json", margin_record({"metric": margin_metric, "margin": 0.1}))
    texts = {name: [{"id": row["id"], "text": row["parsed"]} for row in rows] for name, rows in grades.items()}
    write_answers(project, "mine", task, "tiny-llama", texts)
    for variant, variant_rows in grades.items():
        write_csv(folder / f"tiny-llama/grades/{variant}.csv", variant_rows, COLUMNS)
    config = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    study = load_study(config | {"tasks": [task]}, ROOT)
    for stage, seconds in (("sft", 60), ("dpo", 20)):
        for trial in study.trials(task, stage):
            for part in ("adapter", "probe"):
                run = {"wall_seconds": seconds, "steps": 10, "resumed_from_step": 0, "device": "NVIDIA A100"}
                run["settings"] = {"batch_size": 4}
                write_json(folder / f"tiny-llama/{stage}/{trial}/{part}/run.json", run)
    write_json(folder / "tiny-llama/preferences/train.reference.json", {"wall_seconds": 120})
    return project


@pytest.fixture
def project(tmp_path):
    grades = {variant: rows for (model, variant), rows in graded().items() if model == "llama"}
    return finished_grading(tmp_path, "uti", grades, "f1")


def test_a_margin_decides_and_its_change_makes_only_decisions_and_is_told(project):
    project.run(TABLE, rules=RULES)
    decisions = {row["comparison"]: row for row in rows(project.folder / TABLE)}
    assert {row["margin"] for row in decisions.values()} == {"0.1"}
    assert decisions["sft_vs_base"]["decision"] == "better" and decisions["sft_vs_base"]["sentence"] == ""
    # 6 trials of SFT of 60 s and 15 of DPO of 20 s, each with its probe; 120 s of the reference pass.
    sentence = decisions["dpo_vs_sft"]["sentence"]
    assert sentence.startswith("SFT is enough: DPO is not better by 10 points or more (")
    assert "), at 2.0 times the GPU hours. SFT against Base: better." in sentence and "margin was" not in sentence

    trivial = {row["variant"]: row for row in rows(project.folder / "results/mine/uti/trivial.csv")}
    labels = [row["label"] for row in read_jsonl(project.folder / "results/mine/uti/data/train.jsonl")]
    assert (
        labels.count(trivial["majority"]["label"]) >= len(labels) / 2 and trivial["always_positive"]["label"] == "UTI"
    )
    assert trivial["sft"]["above_trivial"] == "true"

    write_config(project, margin=0.02)
    assert project.planned(TABLE, "--allowed-rules", *RULES) == DECIDED
    printed = project.run(TABLE, rules=RULES)
    assert "uti: the margin is 0.02, but was 0.1 when the first test answers were made" in printed
    changed = {row["comparison"]: row for row in rows(project.folder / TABLE)}["dpo_vs_sft"]
    assert changed["decision"] == "undecided" and int(changed["items_to_decide"]) > 100
    assert "The margin was 0.1 when the first test answers were made." in changed["sentence"]

    write_config(project, margin=0.1)
    project.run(TABLE, rules=RULES)
    assert {row["comparison"]: row for row in rows(project.folder / TABLE)} == decisions


def test_three_labels_with_a_headline_without_an_interval_decide_by_right_answers(tmp_path):
    labels = drawn(1, 150, LEVELS)[0]
    answers = {name: drawn(1, 150, LEVELS, skill=skill)[1] for name, skill in (("base", 0), ("sft", 0.9), ("dpo", 0.9))}
    grades = {name: label_rows(labels, parsed) for name, parsed in answers.items()}
    headline = {"answer_by": "generation", "metric": "balanced_accuracy"}
    project = finished_grading(tmp_path, "triage_levels", grades, "balanced_accuracy", **headline)
    tables = [f"reports/mine/tables/{name}.csv" for name in ("decisions", "trivial", "unreadable")]
    project.run(*tables, rules=(*RULES, "vary_unreadable", "collect_table"))
    decisions, trivial, unreadable = (rows(project.folder / table) for table in tables)
    by_comparison = {row["comparison"]: row for row in decisions}
    assert {(row["metric"], row["margin"]) for row in decisions} == {("accuracy", "0.1")}
    assert by_comparison["sft_vs_base"]["decision"] == "better" and by_comparison["dpo_vs_sft"]["effect"] == "0.0"
    sentence = by_comparison["dpo_vs_sft"]["sentence"]
    assert "The decision compares right answers: Balanced accuracy has no paired interval." in sentence
    assert "margin was" not in sentence
    majority, *variants = trivial
    assert float(majority["balanced_accuracy"]) == pytest.approx(1 / 3) and majority["f1"] == ""
    assert {row["rival"] for row in variants} == {"majority"} and variants[1]["above_trivial"] == "true"
    assert {row["metric"] for row in unreadable if row["compared"] == "sft"} == {"balanced_accuracy"}
    assert {row["rule"] for row in unreadable} == {"as graded", "positive", "left out", "worst case"}
