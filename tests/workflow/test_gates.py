"""The gate in the workflow: nothing trains before the checks pass, and a threshold moved trains nothing again."""

import csv
import json

import pytest

from tests.helpers.workflow import Project

CONFIG = """
run_name: mine
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
from pathlib import Path
from clinical_dpo.checksums import write_checksums
from clinical_dpo.script import job
from clinical_dpo.io import replacing, write_json
from tests.helpers.chat_tokenizers import chat_tokenizer
with job(snakemake), replacing(Path(snakemake.output[0]).parent) as part:
    chat_tokenizer("llama3").save_pretrained(part)
    write_json(part / "config.json", {"max_position_embeddings": 8192})
    write_checksums(part)
"""
ADAPTER = """
from pathlib import Path
for path in snakemake.output:
    Path(path).touch()
"""
FOLDER = "results/mine/uti"
ADAPTER_TARGET = f"{FOLDER}/tiny-llama/sft/lr1e-05/adapter/run.json"
OTHER_TARGET = ADAPTER_TARGET.replace("lr1e-05", "lr1e-06")
CHECKED = f"{FOLDER}/data/checked.txt"
CHECKS = {("check_dataset", "task=uti"), ("enforce_checks", "task=uti")}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    made = Project.copy(tmp_path_factory.mktemp("project"), "mine.yaml")
    (made.folder / "mine.yaml").write_text(CONFIG)
    (made.folder / "workflow/scripts/build_base_model.py").write_text(BASE)
    (made.folder / "workflow/scripts/train.py").write_text(ADAPTER)
    made.run(ADAPTER_TARGET, CHECKED)
    return made


def test_what_trains_waits_for_the_gate_and_a_threshold_trains_nothing_again(project):
    folder = project.folder / FOLDER
    gate = folder / "data/gate/tiny-llama.json"
    assert gate.stat().st_mtime <= (project.folder / ADAPTER_TARGET).stat().st_mtime
    assert json.loads((folder / "prompts/tiny-llama.jsonl").read_text().split("\n")[0])["begin_tokens"] == 1
    assert "## Checks" in (folder / "data/README.md").read_text()
    before = gate.read_bytes()
    project.edit("mine.yaml", "label_balance: {warn: 0.8}", "label_balance: {warn: 0.85}")
    assert project.planned(ADAPTER_TARGET, CHECKED) == CHECKS
    project.run(ADAPTER_TARGET, CHECKED)
    assert gate.read_bytes() == before
    project.edit("mine.yaml", "label_balance: {warn: 0.85}", "label_balance: {warn: 0.8}")
    project.run(CHECKED)


def test_a_threshold_and_another_setting_that_change_together_are_both_seen(project):
    project.edit("mine.yaml", "label_balance: {warn: 0.8}", "label_balance: {warn: 0.85}")
    project.edit("mine.yaml", "sft: {plateau: false}", "sft: {plateau: false, max_length: 1024}")
    trained = {("train", "task=uti, model=tiny-llama, stage=sft, trial=lr1e-05")}
    assert project.planned(ADAPTER_TARGET, CHECKED) == CHECKS | trained
    project.run(ADAPTER_TARGET, CHECKED)
    assert project.planned(ADAPTER_TARGET, CHECKED) == set()
    project.edit("mine.yaml", "label_balance: {warn: 0.85}", "label_balance: {warn: 0.8}")
    project.run(CHECKED)


def test_limits_moved_below_what_was_measured_stop_a_run_before_its_first_job(project):
    """Of thresholds and of lengths, without a message of a job; what is told names the measure."""
    for old, new, told in (
        ("{warn: 0.8}", "{warn: 0.8, stop: 0.1}", "label_balance: 0.5, above 0.1"),
        ("max_length: 1024", "max_length: 16", "prompts_too_long: 1, above 0"),
    ):
        project.edit("mine.yaml", old, new)
        done = project.snakemake(OTHER_TARGET)
        assert done.returncode != 0 and "Traceback" not in done.stderr
        assert "nothing of task 'uti' trains" in done.stderr and told in done.stderr and "stop: ...}" in done.stderr
        assert not (project.folder / OTHER_TARGET).exists() and "Select jobs to execute" not in done.stderr
        project.edit("mine.yaml", new, old)


def test_another_check_measures_anew_before_the_first_job_and_trains_nothing_again(project):
    """What the gate keeps is of the code that measured it."""
    check, old = "clinical_dpo/data_checks/row_checks.py", 'Finding("label_balance", most / total,'
    project.edit(check, old, 'Finding("label_balance", 0.95,')
    assert project.planned(ADAPTER_TARGET) == set()
    project.edit("mine.yaml", "{warn: 0.8}", "{warn: 0.8, stop: 0.9}")
    done = project.snakemake(OTHER_TARGET)
    assert done.returncode != 0 and "label_balance: 0.95, above 0.9" in done.stderr
    assert not (project.folder / OTHER_TARGET).exists() and "Select jobs to execute" not in done.stderr
    project.edit("mine.yaml", "{warn: 0.8, stop: 0.9}", "{warn: 0.8}")
    project.edit(check, 'Finding("label_balance", 0.95,', old)


def test_a_check_that_stops_is_told_and_kept(project):
    project.edit("mine.yaml", "{warn: 0.8}", "{warn: 0.8, stop: 0.1}")
    done = project.snakemake(CHECKED)
    assert done.returncode != 0 and "label_balance: 0.5, above 0.1" in done.stderr
    assert not (project.folder / CHECKED).exists()
    with open(project.folder / FOLDER / "data/checks.csv", newline="") as file:
        verdicts = {row["check"]: row["verdict"] for row in csv.DictReader(file)}
    assert verdicts["label_balance"] == "stop"
    (project.folder / FOLDER / "data/gate/tiny-llama.json").unlink()
    done = project.snakemake(OTHER_TARGET)
    assert done.returncode != 0 and "label_balance: 0.5, above 0.1" in done.stderr
    assert not (project.folder / OTHER_TARGET).exists()
    project.edit("mine.yaml", "{warn: 0.8, stop: 0.1}", "{warn: 0.8, stop: 0.9}")
    project.run(ADAPTER_TARGET, CHECKED)
    assert project.planned(ADAPTER_TARGET, CHECKED) == set()
