"""Decisions of a task from grades and training records, and a margin that changes after the answers."""

import pytest
import yaml

from clinical_dpo.config.loading import load_study
from clinical_dpo.config.margins import margin_record
from clinical_dpo.grading.grade import COLUMNS
from clinical_dpo.io import read_jsonl, write_csv, write_json
from tests.conftest import ROOT
from tests.helpers.figure2 import graded
from tests.helpers.workflow import Project, rows, write_answers

TABLE = "reports/mine/tables/decisions.csv"
RULES = ("compare_variants", "compare_trivial", "decide", "collect_decisions")
DECIDED = {("decide", "task=uti"), ("collect_decisions", "")}


def write_config(project, **task):
    config = {
        "run_name": "mine",
        "tasks": ["uti"],
        "figure2": {},
        "recipes": {"savage2025": {"models": ["tiny-llama"]}},
        "overrides": {"tasks": {"uti": task}},
    }
    (project.folder / "mine.yaml").write_text(yaml.safe_dump(config))


@pytest.fixture
def project(tmp_path):
    """A run whose task has grades and records of training. Its margin was recorded before the answers."""
    project = Project.copy(tmp_path, "mine.yaml")
    write_config(project, margin=0.1)
    project.run("results/mine/uti/data/train.jsonl")
    grades = {variant: rows for (model, variant), rows in graded().items() if model == "llama"}
    folder = project.folder / "results/mine/uti"
    write_json(folder / "margin.json", margin_record({"metric": "f1", "margin": 0.1}))
    texts = {name: [{"id": row["id"], "text": row["parsed"]} for row in rows] for name, rows in grades.items()}
    write_answers(project, "mine", "uti", "tiny-llama", texts)
    for variant, variant_rows in grades.items():
        write_csv(folder / f"tiny-llama/grades/{variant}.csv", variant_rows, COLUMNS)
    config = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    study = load_study(config | {"tasks": ["uti"]}, ROOT)
    for stage, seconds in (("sft", 60), ("dpo", 20)):
        for trial in study.trials("uti", stage):
            for part in ("adapter", "probe"):
                run = {"wall_seconds": seconds, "steps": 10, "resumed_from_step": 0, "device": "NVIDIA A100"}
                write_json(folder / f"tiny-llama/{stage}/{trial}/{part}/run.json", run)
    return project


def test_a_margin_decides_and_its_change_makes_only_decisions_and_is_told(project):
    project.run(TABLE, rules=RULES)
    decisions = {row["comparison"]: row for row in rows(project.folder / TABLE)}
    assert {row["margin"] for row in decisions.values()} == {"0.1"}
    assert decisions["sft_vs_base"]["decision"] == "better" and decisions["sft_vs_base"]["sentence"] == ""
    # 6 trials of SFT of 60 s and 15 of DPO of 20 s, each with its probe.
    sentence = decisions["dpo_vs_sft"]["sentence"]
    assert sentence.startswith("SFT is enough: DPO is not better by 10 points or more (")
    assert "), at 1.8 times the GPU hours. SFT against Base: better." in sentence and "margin was" not in sentence

    trivial = {row["variant"]: row for row in rows(project.folder / "results/mine/uti/trivial.csv")}
    labels = [row["label"] for row in read_jsonl(project.folder / "results/mine/uti/data/train.jsonl")]
    assert (
        labels.count(trivial["majority"]["label"]) >= len(labels) / 2 and trivial["always_positive"]["label"] == "UTI"
    )
    assert trivial["sft"]["above_trivial"] == "true"

    write_config(project, margin=0.02)
    assert project.planned(TABLE, "--allowed-rules", *RULES) == DECIDED
    printed = project.run(TABLE, rules=RULES)
    assert "margin of uti: 0.02, and 0.1 when the first test answers were made" in printed
    changed = {row["comparison"]: row for row in rows(project.folder / TABLE)}["dpo_vs_sft"]
    assert changed["decision"] == "undecided" and int(changed["items_to_decide"]) > 100
    assert "The margin was 0.1 when the first test answers were made." in changed["sentence"]

    write_config(project, margin=0.1)
    project.run(TABLE, rules=RULES)
    assert {row["comparison"]: row for row in rows(project.folder / TABLE)} == decisions
