"""The plan has the jobs of a dry run, estimates in closed form, and the times of finished jobs."""

import re
import subprocess
import sys
from collections import Counter

import pytest

from clinical_dpo.cluster.plan import COLUMNS, DISK_COLUMNS, cost_rows, disk_rows, planned_work
from clinical_dpo.cluster.plan_text import plan_text
from clinical_dpo.cluster.time_and_memory import START_MINUTES
from clinical_dpo.config.loading import load_study
from clinical_dpo.config.study import merge
from clinical_dpo.io import read_csv, write_csv, write_json
from tests.conftest import ROOT
from tests.helpers.configs import PUBLISHED
from tests.helpers.workflow import Project

LLAMA, MISTRAL = 8_030_261_248 / 8e9, 7_241_732_096 / 8e9  # weights divided by those in the published minutes
USES_GPU = re.compile(r"resources: .*\bgpu=1")
BENCHMARK = "s\th:m:s\tmax_rss\n36.5\t0:00:36\t512.3\n"


@pytest.fixture(scope="module")
def study():
    """The published study; its paths are relative."""
    return load_study(PUBLISHED, ROOT)


@pytest.fixture(scope="module")
def dry_run():
    """(rule, text that Snakemake prints) of every job of the published study on Slurm."""
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--profile", "slurm", "all"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return re.findall(r"^rule (\w+):\n((?:    .*\n)*)", done.stdout, re.MULTILINE)


@pytest.fixture(autouse=True)
def no_results(tmp_path, monkeypatch, dry_run):
    """Work in a folder without results."""
    monkeypatch.chdir(tmp_path)


def by(rows, *keys):
    """Values of some columns -> row. No two rows may have the same values."""
    indexed = {tuple(row[key] for key in keys): row for row in rows}
    assert len(indexed) == len(rows)
    return indexed


def test_the_plan_has_every_job_on_a_gpu_and_no_other(study, dry_run):
    counts = Counter(rule for rule, body in dry_run if USES_GPU.search(body))
    planned = Counter()
    for row in cost_rows(planned_work(study)):
        assert row["jobs"] == row["gpu_jobs"]
        planned[row["rule"]] += row["jobs"]
    assert planned == counts and counts.total() == 684


def test_the_requested_hours_of_a_plan_are_those_of_its_jobs(study, dry_run):
    """The jobs round their requests to minutes."""
    requested = sum(int(re.search(r"\bruntime=(\d+)", body)[1]) for _, body in dry_run if USES_GPU.search(body))
    planned_hours = sum(row["asked_hours"] for row in cost_rows(planned_work(study)))
    assert planned_hours == pytest.approx(requested / 60, abs=684 * 0.5 / 60)


def test_only_jobs_with_a_gpu_are_submitted(dry_run):
    """The exception is pre-training of a tiny model on several CPUs, which is not in the published study."""
    rules = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "workflow/rules").glob("*.smk"))
    rules += (ROOT / "Snakefile").read_text(encoding="utf-8")
    local = set(re.findall(r"\w+", "".join(re.findall(r"^localrules:\n((?:    \w+,\n)+)", rules, re.MULTILINE))))
    assert {rule for rule, body in dry_run if rule not in local and not USES_GPU.search(body)} == set()
    bodies = dict(re.findall(r"^rule (\w+):\n((?:    .*\n|\n)*)", rules, re.MULTILINE))
    assert {rule for rule, body in bodies.items() if rule not in local and "gpu=gpus" not in body} == {
        "build_base_model"
    }


def test_hours_follow_from_the_published_minutes(study):
    rows = by(cost_rows(planned_work(study)), "task", "model", "rule", "stage")
    hours = {key[2:]: row["hours"] for key, row in rows.items() if key[:2] == ("uti", "llama3-8b-instruct")}
    assert hours["probe", "sft"] == hours["train", "sft"] == pytest.approx(6 * 20 / 60 * LLAMA)
    assert hours["probe", "dpo"] == hours["train", "dpo"] == pytest.approx(15 * 50 / 60 * LLAMA)
    assert rows["summarization", "mistral-7b-instruct", "train", "dpo"]["hours"] == pytest.approx(
        15 * 160 / 60 * MISTRAL
    )


def test_hours_of_epochs_follow_from_the_rows(study):
    rows = by(cost_rows(planned_work(study)), "task", "model", "rule", "stage")
    steps = 5000 / 8  # one epoch; a step has twice the rows of the published minutes
    assert rows["pubmedqa", "biomistral-7b", "train", "dpo"]["hours"] == pytest.approx(
        steps * 2 / 1000 * 160 / 60 * MISTRAL
    )


def test_requested_hours_are_twice_the_estimate_and_the_start(study):
    rows = by(cost_rows(planned_work(study)), "task", "model", "rule", "stage")
    row = rows["uti", "llama3-8b-instruct", "train", "sft"]
    assert row["asked_hours"] == pytest.approx(6 * START_MINUTES / 60 + 2 * row["hours"])


def test_hours_of_the_published_sweeps_follow_from_the_published_minutes(study):
    """Three tasks with labels, two with texts, two models, each trial twice: 20/50 and 50/160 minutes."""
    minutes = 3 * (6 * 20 + 15 * 50) + 2 * (6 * 50 + 15 * 160)
    rows = cost_rows(planned_work(study))
    murphy = ("pubmedqa", "meqsum")
    sweeps = [row for row in rows if row["rule"].startswith(("probe", "train")) and row["task"] not in murphy]
    assert sum(row["hours"] for row in sweeps) == pytest.approx(2 * minutes / 60 * (LLAMA + MISTRAL))
    assert sum(row["hours"] for row in rows) == pytest.approx(sum(row["hours"] for row in sweeps), rel=0.03)


def test_extra_seeds_add_training_scoring_and_prediction_jobs(study):
    training = {"seeds": [42, 43, 44], **study.tasks["uti"].get("training", {})}
    more = load_study(merge(study.config, {"overrides": {"tasks": {"uti": {"training": training}}}}), ROOT)
    plain = by(cost_rows(planned_work(study)), "task", "model", "rule", "stage")
    seeded = by(cost_rows(planned_work(more)), "task", "model", "rule", "stage")
    added = {key: row["jobs"] - (plain[key]["jobs"] if key in plain else 0) for key, row in seeded.items()}
    changed = {(rule, stage): n for (_, model, rule, stage), n in added.items() if n and model == "llama3-8b-instruct"}
    assert changed == {
        ("train_extra_seed", "sft"): 2,
        ("compute_extra_seed_reference_logps", ""): 2,
        ("train_extra_seed", "dpo"): 2,
        ("predict", ""): 4,
    }


def test_hours_of_finished_training_are_compared_with_the_estimate(study, tmp_path):
    sft = tmp_path / "results/uti/llama3-8b-instruct/sft"
    run = {"steps": 250, "resumed_from_step": 0, "wall_seconds": 600.0}
    write_json(sft / "lr1e-05/adapter/run.json", run)
    write_json(sft / "lr1e-06/adapter/run.json", run | {"resumed_from_step": 125, "wall_seconds": 300.0})
    rows = by(cost_rows(planned_work(study)), "task", "model", "rule", "stage")
    trained = rows["uti", "llama3-8b-instruct", "train", "sft"]
    assert (trained["finished"], trained["took_hours"]) == (2, pytest.approx(1200 / 3600))
    assert trained["finished_hours"] == pytest.approx(2 * 0.25 * 20 / 60 * LLAMA)
    assert trained["ratio"] == pytest.approx(2 / LLAMA)  # 40 minutes for 1,000 steps
    assert rows["uti", "mistral-7b-instruct", "train", "sft"]["ratio"] is None


def test_hours_of_other_finished_jobs_come_from_their_benchmark_files(study, tmp_path):
    benchmark = tmp_path / "logs/compute_reference_logps/uti/llama3-8b-instruct.benchmark.tsv"
    benchmark.parent.mkdir(parents=True)
    benchmark.write_text(BENCHMARK)
    rows = by(cost_rows(planned_work(study)), "task", "model", "rule", "stage")
    assert rows["uti", "llama3-8b-instruct", "compute_reference_logps", ""]["took_hours"] == pytest.approx(36.5 / 3600)


def disk(study):
    return by(disk_rows(study), "what", "task", "model", "stage")


def test_a_base_model_is_counted_in_its_own_type(study):
    assert disk(study)["base model", "", "llama3-8b-instruct", ""]["gb"] == pytest.approx(8_030_261_248 * 2 / 1e9)


def test_adapters_are_counted_by_their_ranks_in_float32(study):
    adapter = 168e6 * 4 / 1e9  # rank 64 on all linear layers of Llama 3 8B
    sft, dpo = (disk(study)["trained", "uti", "llama3-8b-instruct", stage] for stage in ("sft", "dpo"))
    assert (sft["count"], sft["gb"]) == (6, pytest.approx(6 * adapter, rel=0.01))
    assert (dpo["count"], dpo["gb"]) == (15, pytest.approx(15 * 2 * adapter, rel=0.01))


def test_two_checkpoints_have_the_weights_and_two_moments(study):
    rows = disk(study)
    running = rows["checkpoints", "uti", "llama3-8b-instruct", "dpo"]
    dpo = rows["trained", "uti", "llama3-8b-instruct", "dpo"]
    assert running["gb_each"] == pytest.approx(2 * 3 * dpo["gb_each"]) and running["gb"] is None


def test_existing_weights_are_counted_by_their_size(study, tmp_path):
    for trial, size in (("lr1e-05", 3000), ("lr1e-06", 2000)):
        folder = tmp_path / "results/uti/llama3-8b-instruct/sft" / trial / "adapter"
        folder.mkdir(parents=True)
        (folder / "adapter_model.safetensors").write_bytes(bytes(size))
    row = disk(study)["trained", "uti", "llama3-8b-instruct", "sft"]
    assert (row["found"], row["found_gb"]) == (2, pytest.approx(5000 / 1e9))


def test_all_weights_of_a_model_are_counted_in_float32(study):
    config = merge(study.config, {"recipes": {"savage2025": {"adapter": "full"}}})
    row = disk(load_study(config, ROOT))["trained", "uti", "llama3-8b-instruct", "dpo"]
    assert row["gb_each"] == pytest.approx(8_030_261_248 * 4 / 1e9)


def test_the_text_has_totals_and_the_source_of_the_estimates(study):
    costs = cost_rows(planned_work(study))
    text = plan_text(costs, disk_rows(study), {"uti": "no file"})
    total = sum(row["hours"] for row in costs)
    assert re.search(rf"^all +684 +684 +{total:.1f} ", text, re.MULTILINE)
    assert "Savage et al. 2025" in text and re.search(r"^uti\* +probe dpo +30 ", text, re.MULTILINE)


def test_the_text_marks_tasks_on_generated_text_with_reason_and_hours(study):
    costs = cost_rows(planned_work(study))
    hours = sum(row["hours"] for row in costs if row["task"] == "uti")
    text = plan_text(costs, disk_rows(study), {"uti": "data/uti.csv does not exist"})
    assert f"* on generated text, {hours:.1f} of the GPU hours:\n  uti: data/uti.csv does not exist" in text
    assert re.search(r"^reasoning +probe dpo ", text, re.MULTILINE)
    assert "generated" not in plan_text(costs, disk_rows(study), {})


def test_the_rows_of_a_plan_are_written_as_csv(study, tmp_path):
    for rows, columns in ((cost_rows(planned_work(study)), COLUMNS), (disk_rows(study), DISK_COLUMNS)):
        write_csv(tmp_path / "plan.csv", rows, columns)
        assert len(read_csv(tmp_path / "plan.csv")) == len(rows)


def test_the_numbers_in_the_documentation_are_those_of_the_plan(study):
    text = " ".join((ROOT / "docs/slurm.md").read_text(encoding="utf-8").split())
    costs, rows = cost_rows(planned_work(study)), disk_rows(study)
    hours, requested = (sum(row[key] for row in costs) for key in ("hours", "asked_hours"))
    assert f"about **{hours:.0f} hours of an A100** ({round(requested, -1):,.0f} are asked" in text
    adapters, bases = (sum(row["gb"] for row in rows if row["what"] == kind) for kind in ("trained", "base model"))
    assert f"{adapters:.0f} GB of adapters and {bases:.0f} GB of base models" in text


def test_snakemake_plan_prints_the_plan_and_starts_no_other_job(tmp_path):
    project = Project.copy(tmp_path, "config/config.yaml")
    printed = project.run("plan")
    assert "took/plan" in printed and re.search(r"^all +684 ", printed, re.MULTILINE)
    assert not (tmp_path / "results").exists()
    assert {path.name for path in (tmp_path / "reports").iterdir()} == {
        *("plan.csv", "plan.txt", "plan_disk.csv", "plan_items.csv"),
    }
    assert re.search(r"^uti +5 points \(default, not set by you\) +0.01 +200 ", printed, re.MULTILINE)
    assert project.planned("plan") == {("plan", "")}  # the plan runs at every call
