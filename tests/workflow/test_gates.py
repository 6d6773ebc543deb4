"""The gate in the workflow: no job trains before the checks pass, and a changed threshold trains nothing again."""

import json

import pytest

from tests.helpers.workflow import Project, rows

CONFIG = """
run_name: mine
recipes: {savage2025: {models: [tiny-llama], sft: {plateau: false, max_length: 2048}}}
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
# To save minutes: a base model with a tokenizer alone, and an adapter without weights.
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
    project = Project.copy(tmp_path_factory.mktemp("project"), "mine.yaml")
    (project.folder / "mine.yaml").write_text(CONFIG)
    (project.folder / "workflow/scripts/build_base_model.py").write_text(BASE)
    (project.folder / "workflow/scripts/train.py").write_text(ADAPTER)
    project.run(ADAPTER_TARGET, CHECKED)
    return project


def test_training_waits_for_the_gate(project):
    gate = project.folder / FOLDER / "data/gate/tiny-llama.json"
    assert gate.stat().st_mtime <= (project.folder / ADAPTER_TARGET).stat().st_mtime


def test_the_checks_write_prompts_and_a_data_card(project):
    folder = project.folder / FOLDER
    assert json.loads((folder / "prompts/tiny-llama.jsonl").read_text().split("\n")[0])["begin_tokens"] == 1
    assert "## Checks" in (folder / "data/README.md").read_text()


def test_a_changed_threshold_repeats_the_checks_and_trains_nothing_again(project):
    gate = project.folder / FOLDER / "data/gate/tiny-llama.json"
    before = gate.read_bytes()
    project.edit("mine.yaml", "label_balance: {warn: 0.8}", "label_balance: {warn: 0.85}")
    assert project.planned(ADAPTER_TARGET, CHECKED) == CHECKS
    project.run(ADAPTER_TARGET, CHECKED)
    assert gate.read_bytes() == before
    project.edit("mine.yaml", "label_balance: {warn: 0.85}", "label_balance: {warn: 0.8}")
    project.run(CHECKED)


def test_a_threshold_and_a_training_setting_that_change_together_both_count(project):
    project.edit("mine.yaml", "label_balance: {warn: 0.8}", "label_balance: {warn: 0.85}")
    project.edit("mine.yaml", "max_length: 2048", "max_length: 1024")
    trained = {("train", "task=uti, model=tiny-llama, stage=sft, trial=lr1e-05")}
    assert project.planned(ADAPTER_TARGET, CHECKED) == CHECKS | trained
    project.run(ADAPTER_TARGET, CHECKED)
    assert project.planned(ADAPTER_TARGET, CHECKED) == set()
    project.edit("mine.yaml", "label_balance: {warn: 0.85}", "label_balance: {warn: 0.8}")
    project.edit("mine.yaml", "max_length: 1024", "max_length: 2048")
    project.run(ADAPTER_TARGET, CHECKED)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("{warn: 0.8}", "{warn: 0.8, stop: 0.1}", ("'uti'", "label_balance", "0.5", "0.1", "stop: ...}")),
        ("max_length: 2048", "max_length: 16", ("'uti'", "prompts_too_long", "1", "stop: ...}")),
    ],
)
def test_a_limit_below_the_measures_stops_a_run_before_its_first_job(project, old, new, words):
    project.edit("mine.yaml", old, new)
    done = project.snakemake(OTHER_TARGET)
    project.edit("mine.yaml", new, old)
    assert done.returncode != 0 and "Traceback" not in done.stderr
    assert all(word in done.stderr for word in words)
    assert not (project.folder / OTHER_TARGET).exists() and "Select jobs to execute" not in done.stderr


def test_a_changed_check_measures_again_before_the_first_job_and_trains_nothing_again(project):
    """The gate records the code that measured the rows."""
    check, old = "clinical_dpo/data_checks/row_checks.py", 'Finding("label_balance", most / total,'
    project.edit(check, old, 'Finding("label_balance", 0.95,')
    assert project.planned(ADAPTER_TARGET) == set()
    project.edit("mine.yaml", "{warn: 0.8}", "{warn: 0.8, stop: 0.9}")
    done = project.snakemake(OTHER_TARGET)
    assert done.returncode != 0 and all(word in done.stderr for word in ("label_balance", "0.95", "0.9"))
    assert not (project.folder / OTHER_TARGET).exists() and "Select jobs to execute" not in done.stderr
    project.edit("mine.yaml", "{warn: 0.8, stop: 0.9}", "{warn: 0.8}")
    project.edit(check, 'Finding("label_balance", 0.95,', old)


@pytest.fixture
def stopped(project):
    """The project with a threshold that stops its rows; afterwards with the old threshold again."""
    project.edit("mine.yaml", "{warn: 0.8}", "{warn: 0.8, stop: 0.1}")
    yield project
    if "{warn: 0.8, stop: 0.1}" in (project.folder / "mine.yaml").read_text():
        project.edit("mine.yaml", "{warn: 0.8, stop: 0.1}", "{warn: 0.8}")
    project.run(ADAPTER_TARGET, CHECKED)


def test_a_check_that_stops_is_an_error_and_in_the_table_of_checks(stopped):
    done = stopped.snakemake(CHECKED)
    assert done.returncode != 0 and all(word in done.stderr for word in ("label_balance", "0.5", "0.1"))
    assert not (stopped.folder / CHECKED).exists()
    verdicts = {row["check"]: row["verdict"] for row in rows(stopped.folder / FOLDER / "data/checks.csv")}
    assert verdicts["label_balance"] == "stop"


def test_a_gate_that_is_made_again_stops_the_rows(stopped):
    (stopped.folder / FOLDER / "data/gate/tiny-llama.json").unlink()
    done = stopped.snakemake(OTHER_TARGET)
    assert done.returncode != 0 and all(word in done.stderr for word in ("label_balance", "0.5", "0.1"))
    assert not (stopped.folder / OTHER_TARGET).exists()


def test_rows_pass_after_the_threshold_is_raised(stopped):
    assert stopped.snakemake(CHECKED).returncode != 0
    stopped.edit("mine.yaml", "{warn: 0.8, stop: 0.1}", "{warn: 0.8, stop: 0.9}")
    stopped.run(ADAPTER_TARGET, CHECKED)
    assert stopped.planned(ADAPTER_TARGET, CHECKED) == set()
    stopped.edit("mine.yaml", "{warn: 0.8, stop: 0.9}", "{warn: 0.8}")
