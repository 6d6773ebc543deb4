"""The plan: its jobs are those of the dry run, its hours and gigabytes the closed form, times are read back."""

import re
import subprocess
import sys

import pytest
import yaml

from clinical_dpo.cluster.plan import COLUMNS, DISK_COLUMNS, cost_rows, disk_rows, planned
from clinical_dpo.cluster.plan_text import plan_text
from clinical_dpo.cluster.time_and_memory import START_MINUTES
from clinical_dpo.config.loading import load_study
from clinical_dpo.config.study import merge
from clinical_dpo.io import read_csv, write_csv, write_json
from tests.conftest import ROOT
from tests.helpers.workflow import Project

LLAMA, MISTRAL = 8_030_261_248 / 8e9, 7_241_732_096 / 8e9  # of the weights that the published minutes were spent on
USES_GPU = re.compile(r"resources: .*\bgpu=1")
BENCHMARK = "s\th:m:s\tmax_rss\n36.5\t0:00:36\t512.3\n"


@pytest.fixture(scope="module")
def study():
    """The published study; its paths are relative."""
    return load_study(yaml.safe_load((ROOT / "config/config.yaml").read_text()), ROOT)


@pytest.fixture(scope="module")
def dry_run():
    """(rule, what is printed of it) of every job of the published study on Slurm."""
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--profile", "slurm", "all"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return re.findall(r"^rule (\w+):\n((?:    .*\n)*)", done.stdout, re.MULTILINE)


@pytest.fixture(autouse=True)
def none_done(tmp_path, monkeypatch, dry_run):
    """A folder without results."""
    monkeypatch.chdir(tmp_path)


def by(rows, *keys):
    """Rows by those keys; they must tell them apart."""
    found = {tuple(row[key] for key in keys): row for row in rows}
    assert len(found) == len(rows)
    return found


def test_every_job_on_a_gpu_is_planned_and_no_other(study, dry_run):
    counts = {}
    for rule, body in dry_run:
        if USES_GPU.search(body):
            counts[rule] = counts.get(rule, 0) + 1
    found = {}
    for row in cost_rows(planned(study)):
        assert row["jobs"] == row["gpu_jobs"]
        found[row["rule"]] = found.get(row["rule"], 0) + row["jobs"]
    assert found == counts and sum(counts.values()) == 684


def test_a_plan_asks_for_what_the_jobs_ask_for(study, dry_run):
    """Rounded to minutes, job by job."""
    asked = sum(int(re.search(r"\bruntime=(\d+)", body)[1]) for _, body in dry_run if USES_GPU.search(body))
    planned_hours = sum(row["asked_hours"] for row in cost_rows(planned(study)))
    assert planned_hours == pytest.approx(asked / 60, abs=684 * 0.5 / 60)


def test_only_what_uses_a_gpu_is_submitted(dry_run):
    """But for pre-training a tiny model, minutes of several CPUs, which the published study has none of."""
    rules = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "workflow/rules").glob("*.smk"))
    rules += (ROOT / "Snakefile").read_text(encoding="utf-8")
    local = set(re.findall(r"\w+", "".join(re.findall(r"^localrules:\n((?:    \w+,\n)+)", rules, re.MULTILINE))))
    assert {rule for rule, body in dry_run if rule not in local and not USES_GPU.search(body)} == set()
    bodies = dict(re.findall(r"^rule (\w+):\n((?:    .*\n|\n)*)", rules, re.MULTILINE))
    assert {rule for rule, body in bodies.items() if rule not in local and "gpu=gpus" not in body} == {
        "build_base_model"
    }


def test_hours_follow_from_the_published_minutes(study):
    rows = by(cost_rows(planned(study)), "task", "model", "rule", "stage")
    of = {key[2:]: row["hours"] for key, row in rows.items() if key[:2] == ("uti", "llama3-8b-instruct")}
    assert of["probe", "sft"] == of["train", "sft"] == pytest.approx(6 * 20 / 60 * LLAMA)
    assert of["probe", "dpo"] == of["train", "dpo"] == pytest.approx(15 * 50 / 60 * LLAMA)
    assert rows["summarization", "mistral-7b-instruct", "train", "dpo"]["hours"] == pytest.approx(
        15 * 160 / 60 * MISTRAL
    )
    steps = 5000 / 8  # one epoch of twice the rows a step
    assert rows["pubmedqa", "biomistral-7b", "train", "dpo"]["hours"] == pytest.approx(
        steps * 2 / 1000 * 160 / 60 * MISTRAL
    )
    asked = rows["uti", "llama3-8b-instruct", "train", "sft"]["asked_hours"]
    assert asked == pytest.approx(6 * START_MINUTES / 60 + 2 * of["train", "sft"])


def test_the_published_sweeps_take_as_long_as_its_authors_minutes_say(study):
    """Three tasks of classification, two of text, two models, each trial twice: 20/50 and 50/160 minutes."""
    both = 3 * (6 * 20 + 15 * 50) + 2 * (6 * 50 + 15 * 160)
    rows = cost_rows(planned(study))
    murphy = ("pubmedqa", "meqsum")
    sweeps = [row for row in rows if row["rule"].startswith(("probe", "train")) and row["task"] not in murphy]
    assert sum(row["hours"] for row in sweeps) == pytest.approx(2 * both / 60 * (LLAMA + MISTRAL))
    assert sum(row["hours"] for row in rows) == pytest.approx(sum(row["hours"] for row in sweeps), rel=0.03)


def test_repeats_count_what_is_trained_scored_and_answered_again(study):
    training = {"seeds": [42, 43, 44], **study.tasks["uti"].get("training", {})}
    more = load_study(merge(study.config, {"overrides": {"tasks": {"uti": {"training": training}}}}), ROOT)
    plain = by(cost_rows(planned(study)), "task", "model", "rule", "stage")
    again = by(cost_rows(planned(more)), "task", "model", "rule", "stage")
    added = {key: row["jobs"] - (plain[key]["jobs"] if key in plain else 0) for key, row in again.items()}
    changed = {(rule, stage): n for (_, model, rule, stage), n in added.items() if n and model == "llama3-8b-instruct"}
    assert changed == {
        ("train_extra_seed", "sft"): 2,
        ("compute_extra_seed_reference_logps", ""): 2,
        ("train_extra_seed", "dpo"): 2,
        ("predict", ""): 4,
    }


def test_what_jobs_took_stands_beside_what_was_planned(study, tmp_path):
    sft = tmp_path / "results/uti/llama3-8b-instruct/sft"
    run = {"steps": 250, "resumed_from_step": 0, "wall_seconds": 600.0}
    write_json(sft / "lr1e-05/adapter/run.json", run)
    write_json(sft / "lr1e-06/adapter/run.json", run | {"resumed_from_step": 125, "wall_seconds": 300.0})
    scored = tmp_path / "logs/compute_reference_logps/uti/llama3-8b-instruct.benchmark.tsv"
    scored.parent.mkdir(parents=True)
    scored.write_text(BENCHMARK)
    rows = by(cost_rows(planned(study)), "task", "model", "rule", "stage")
    trained = rows["uti", "llama3-8b-instruct", "train", "sft"]
    assert (trained["finished"], trained["took_hours"]) == (2, pytest.approx(1200 / 3600))
    assert trained["finished_hours"] == pytest.approx(2 * 0.25 * 20 / 60 * LLAMA)
    assert trained["ratio"] == pytest.approx(2 / LLAMA)  # 40 minutes for 1,000 steps
    assert rows["uti", "llama3-8b-instruct", "compute_reference_logps", ""]["took_hours"] == pytest.approx(36.5 / 3600)
    assert rows["uti", "mistral-7b-instruct", "train", "sft"]["ratio"] is None


def test_disk_is_base_models_and_adapters(study, tmp_path):
    rows = by(disk_rows(study), "what", "task", "model", "stage")
    assert rows["base model", "", "llama3-8b-instruct", ""]["gb"] == pytest.approx(8_030_261_248 * 2 / 1e9)
    adapter = 168e6 * 4 / 1e9  # rank 64 on all linear layers of Llama 3 8B
    sft, dpo = (rows["trained", "uti", "llama3-8b-instruct", stage] for stage in ("sft", "dpo"))
    assert (sft["count"], sft["gb"]) == (6, pytest.approx(6 * adapter, rel=0.01))
    assert (dpo["count"], dpo["gb"]) == (15, pytest.approx(15 * 2 * adapter, rel=0.01))
    running = rows["checkpoints", "uti", "llama3-8b-instruct", "dpo"]
    assert running["gb_each"] == pytest.approx(2 * 3 * dpo["gb_each"]) and running["gb"] is None
    for trial, size in (("lr1e-05", 3000), ("lr1e-06", 2000)):
        folder = tmp_path / "results/uti/llama3-8b-instruct/sft" / trial / "adapter"
        folder.mkdir(parents=True)
        (folder / "adapter_model.safetensors").write_bytes(bytes(size))
    found = by(disk_rows(study), "what", "task", "model", "stage")["trained", "uti", "llama3-8b-instruct", "sft"]
    assert (found["found"], found["found_gb"]) == (2, pytest.approx(5000 / 1e9))


def test_all_weights_are_saved_in_float32(study):
    config = merge(study.config, {"recipes": {"savage2025": {"adapter": "full"}}})
    row = by(disk_rows(load_study(config, ROOT)), "what", "task", "model", "stage")[
        "trained", "uti", "llama3-8b-instruct", "dpo"
    ]
    assert row["gb_each"] == pytest.approx(8_030_261_248 * 4 / 1e9)


def test_the_text_adds_up_tasks_and_says_what_it_stands_on(study, tmp_path):
    costs, disk = cost_rows(planned(study)), disk_rows(study)
    text = plan_text(costs, disk)
    total = sum(row["hours"] for row in costs)
    assert re.search(rf"^all +684 +684 +{total:.1f} ", text, re.MULTILINE)
    assert "Savage et al. 2025" in text and re.search(r"^uti +probe dpo +30 ", text, re.MULTILINE)
    write_csv(tmp_path / "plan.csv", costs, COLUMNS)
    write_csv(tmp_path / "disk.csv", disk, DISK_COLUMNS)
    assert len(read_csv(tmp_path / "plan.csv")) == len(costs)


def test_the_document_says_what_the_plan_says(study):
    text = " ".join((ROOT / "docs/slurm.md").read_text(encoding="utf-8").split())
    costs, disk = cost_rows(planned(study)), disk_rows(study)
    hours, asked = (sum(row[key] for row in costs) for key in ("hours", "asked_hours"))
    assert f"about **{hours:.0f} hours of an A100** ({round(asked, -1):,.0f} are asked" in text
    adapters, bases = (sum(row["gb"] for row in disk if row["what"] == what) for what in ("trained", "base model"))
    assert f"{adapters:.0f} GB of adapters and {bases:.0f} GB of base models" in text


def test_snakemake_plan_prints_the_plan_and_starts_nothing_else(tmp_path):
    project = Project.copy(tmp_path, "config/config.yaml")
    printed = project.run("plan")
    assert "took/plan" in printed and re.search(r"^all +684 ", printed, re.MULTILINE)
    assert not (tmp_path / "results").exists()
    assert {path.name for path in (tmp_path / "reports").iterdir()} == {"plan.csv", "plan.txt", "plan_disk.csv"}
    assert project.planned("plan") == {("plan", "")}  # every time
