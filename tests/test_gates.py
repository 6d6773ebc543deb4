"""The gate in the workflow: nothing trains before the checks pass, and a threshold moved trains nothing again."""

import csv
import json
import shutil

import pytest

from tests.workflow import Project

CONFIG = """
run: mine
recipes: {savage2025: {models: [tiny-llama], sft: {plateau: false}}}
tasks: [uti]
figure2: {}
checks: {label_balance: {warn: 0.8}}
overrides:
  tasks:
    uti:
      source: {kind: synthetic, generator: uti}
      prompt: "{{ note }} UTI or No UTI?"
      splits: {train: 40, eval: 8, dev: 4, test: 12}
"""
# In place of minutes: a tokenizer without a model, and an adapter without weights.
BASE = """
from clinical_dpo.jobs import job
from clinical_dpo.records import replacing, write_json
from tests.chat_tokenizers import chat_tokenizer
with job(snakemake.log[0]), replacing(snakemake.output[0]) as part:
    chat_tokenizer("llama3").save_pretrained(part)
    write_json(part / "config.json", {"max_position_embeddings": 8192})
"""
ADAPTER = """
from pathlib import Path
Path(snakemake.output[0]).mkdir()
Path(snakemake.output[0], "weights").touch()
"""
ADAPTER_TARGET = "results/mine/uti/tiny-llama/sft/lr1e-05/adapter"
GATE = "results/mine/uti/data/checked.txt"


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    made = Project.copy(tmp_path_factory.mktemp("project"), "mine.yaml")
    (made.folder / "mine.yaml").write_text(CONFIG)
    (made.folder / "workflow/scripts/build_base_model.py").write_text(BASE)
    (made.folder / "workflow/scripts/train_sft.py").write_text(ADAPTER)
    made.run(ADAPTER_TARGET)
    return made


def test_what_trains_waits_for_the_checks_and_a_threshold_trains_nothing_again(project):
    folder = project.folder / "results/mine/uti"
    started = (folder / "data/checked.txt").stat().st_mtime
    assert started <= (project.folder / ADAPTER_TARGET / "weights").stat().st_mtime
    assert json.loads((folder / "prompts/tiny-llama.jsonl").read_text().split("\n")[0])["begin_tokens"] == 1
    assert "## Checks" in (folder / "data/README.md").read_text()
    project.edit("mine.yaml", "label_balance: {warn: 0.8}", "label_balance: {warn: 0.85}")
    gate = {("check_dataset", "task=uti"), ("enforce_checks", "task=uti")}
    assert project.planned(ADAPTER_TARGET, GATE) == gate
    project.edit("mine.yaml", "label_balance: {warn: 0.85}", "label_balance: {warn: 0.8}")


def test_what_was_asked_for_is_never_left_out_in_silence(project):
    """Snakemake passes over a missing adapter where only the check before it runs anew."""
    shutil.rmtree(project.folder / ADAPTER_TARGET)
    project.edit("mine.yaml", "label_balance: {warn: 0.8}", "label_balance: {warn: 0.85}")
    first = project.snakemake(ADAPTER_TARGET)
    assert first.returncode == 1 and "Give the same command again" in first.stderr and ADAPTER_TARGET in first.stderr
    project.run(ADAPTER_TARGET)
    assert (project.folder / ADAPTER_TARGET / "weights").exists()
    project.edit("mine.yaml", "label_balance: {warn: 0.85}", "label_balance: {warn: 0.8}")
    project.run(GATE)


@pytest.mark.slow
def test_a_check_that_stops_is_told_and_kept_and_nothing_trains(project):
    project.edit("mine.yaml", "{warn: 0.8}", "{warn: 0.8, stop: 0.1}")
    other = ADAPTER_TARGET.replace("lr1e-05", "lr1e-06")
    done = project.snakemake(other)
    assert done.returncode != 0 and "Traceback" not in done.stderr
    for part in ("nothing of task 'uti' trains", "label_balance: 0.5, above 0.1", "stop: ...}"):
        assert part in done.stderr
    assert not (project.folder / other).exists() and not (project.folder / GATE).exists()
    with open(project.folder / "results/mine/uti/data/checks.csv", newline="") as file:
        verdicts = {row["check"]: row["verdict"] for row in csv.DictReader(file)}
    assert verdicts["label_balance"] == "stop"
    project.edit("mine.yaml", "{warn: 0.8, stop: 0.1}", "{warn: 0.8, stop: 0.9}")
    project.run(ADAPTER_TARGET, GATE)
    assert project.planned(ADAPTER_TARGET, GATE) == set()
