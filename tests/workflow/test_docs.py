"""The documents' claims about the papers equal the checks' results, and their claims about a run equal its plan."""

import re

import pytest
import yaml

from clinical_dpo.checksums import CHECKSUMS
from clinical_dpo.cluster.plan import cost_rows
from clinical_dpo.cluster.time_and_memory import compute_memory_mb
from clinical_dpo.config.loading import load_study
from clinical_dpo.config.study import merge
from clinical_dpo.papers.consistency import check
from clinical_dpo.papers.published import load_published
from clinical_dpo.paths import PATHS
from clinical_dpo.variants import STAGES
from clinical_dpo.yaml_files import read_yaml
from tests.conftest import ROOT

REPRODUCE, GPU, PUBLISHED, OUTPUTS = (
    (ROOT / f"docs/{name}.md").read_text(encoding="utf-8") for name in ("reproduce", "gpu", "published", "outputs")
)
CONFIG = read_yaml(ROOT / "config/config.yaml")


@pytest.fixture(scope="module")
def checks():
    return check(load_published(ROOT / "config/published.yaml"))


def test_the_document_lists_every_checked_claim(checks):
    """First the claims that are not simply possible, then the others, each in the order of the checks."""
    sections = re.split(r"^## ", PUBLISHED, flags=re.MULTILINE)[1:]
    listed = [[line for line in text.splitlines() if line.startswith(("| savage", "| murphy"))] for text in sections]
    rows = {True: [], False: []}
    for row in checks:
        line = " | ".join(row[key] for key in ("study", "what", "claim", "found", "verdict"))
        rows[row["verdict"] == "possible"].append(f"| {line} |")
    assert rows[False] and listed == [rows[False], rows[True]]


def test_the_studies_page_lists_data_files_with_their_columns_and_the_cost_of_generated_text():
    study = load_study(CONFIG, ROOT)
    hours = dict.fromkeys(study.tasks, 0.0)
    for row in cost_rows(study):
        hours[row["task"]] += row["hours"]
    listed = {match[1]: match[0] for match in re.finditer(r"^\| `(data/[^`]*)` \|.*$", REPRODUCE, re.MULTILINE)}
    from_files = [task for task in study.tasks.values() if task["source"]["kind"] == "file"]
    assert listed.keys() == {task["source"]["path"] for task in from_files}
    for path, line in listed.items():
        tasks = [task for task in from_files if task["source"]["path"] == path]
        words = [column for task in tasks for column in task.get("columns", {}).values()]
        words += [task["name"] for task in tasks]
        assert all(f"`{word}`" in line for word in words)
        assert f"| {sum(tasks[0]['splits'].values()):,} |" in line
        assert re.search(rf": {sum(hours[task['name']] for task in tasks):.0f}\b", line)
    generated = sum(hours[task["name"]] for task in from_files)
    assert f"{generated:.0f} of the {sum(hours.values()):.0f} GPU hours" in REPRODUCE


def test_the_page_of_gpus_states_the_estimated_memory():
    """GB of SFT and DPO: as configured, with gradient checkpointing, and with the config for a small card."""

    def estimated(model, **settings):
        task = next(name for name in study.tasks if model in study.task_models(name))
        stages = {stage: study.training(task, stage) | settings for stage in STAGES}
        memory = [
            compute_memory_mb(study.models[model], stages[stage], branches, study.adapter_rank(task, stage))
            for branches, stage in enumerate(STAGES, start=1)
        ]
        return [f"{mb / 1000:.0f}" for mb in memory]

    study, llama, text = load_study(CONFIG, ROOT), "llama3-8b-instruct", " ".join(GPU.split())
    assert "{} GB in SFT and {} GB in DPO".format(*estimated(llama)) in text
    checkpointed = estimated(llama, gradient_checkpointing=True)
    assert "`gradient_checkpointing: true` it takes {} and {} GB".format(*checkpointed) in text
    assert "500 tokens: {} and {} GB".format(*estimated("biomistral-7b", max_length=500)) in text
    small = re.search(r"```yaml\n(# config/small_card.yaml.*?)```", GPU, re.DOTALL)[1]
    study = load_study(merge(CONFIG, yaml.safe_load(small)), ROOT)
    answering = f"{compute_memory_mb(study.models[llama]) / 1000:.0f}"
    assert "it takes {} and {} GB, and {} GB to answer, which fits 24 GB".format(*estimated(llama), answering) in text


@pytest.mark.parametrize("name", PATHS)
def test_the_page_of_outputs_has_a_row_for_every_file(name):
    constant = re.sub(r"\{[^{}]*\}", " ", PATHS[name].replace(CHECKSUMS, ""))  # without wildcards
    words = re.findall(r"[^ /.]+", constant)
    rows = [line for line in OUTPUTS.splitlines() if line.startswith("| `")]
    assert any(all(re.search(rf"\b{word}\b", row) for word in words) for row in rows), PATHS[name]
