"""The plan has the jobs of a dry run, estimates in closed form, and the times of finished jobs."""

import re
import subprocess
import sys
from collections import Counter
from dataclasses import replace

import pytest

from clinical_dpo.cluster.disk_plan import DISK_COLUMNS, disk_rows
from clinical_dpo.cluster.job_times import ASSUMED_SHARE, plan_errors
from clinical_dpo.cluster.job_work import micro_batches
from clinical_dpo.cluster.plan import COLUMNS, cost_rows, finished_jobs
from clinical_dpo.cluster.plan_text import plan_text
from clinical_dpo.cluster.row_tokens import split_tokens
from clinical_dpo.cluster.time_and_memory import START_MINUTES
from clinical_dpo.config.loading import load_study
from clinical_dpo.config.study import merge
from clinical_dpo.io import read_csv, write_csv, write_json, write_jsonl
from tests.conftest import ROOT
from tests.helpers.configs import PUBLISHED
from tests.helpers.workflow import Project

LINEAR, HEAD = 6_979_321_856, 525_336_576  # weights of Llama-3-8B: of the blocks' linear layers, and of the head
LORA = 167_772_160  # of rank 64
READ = 2 * (LINEAR + HEAD)  # bytes of one pass over the weights
A100, BANDWIDTH = 312e12, 2039e9
START = 20 + 2 * 8_030_261_248 / 1e9  # seconds
PROMPT, ANSWER = 300, 4  # config/tasks/uti.yaml
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
    for row in cost_rows(study):
        assert row["jobs"] == row["gpu_jobs"]
        planned[row["rule"]] += row["jobs"]
    assert planned == counts and counts.total() == 684


def test_the_requested_hours_of_a_plan_are_those_of_its_jobs(study, dry_run):
    """The jobs round their requests to minutes."""
    requested = sum(int(re.search(r"\bruntime=(\d+)", body)[1]) for _, body in dry_run if USES_GPU.search(body))
    planned_hours = sum(row["asked_hours"] for row in cost_rows(study))
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


def least_seconds(flops, read):
    return max(flops / A100, read / BANDWIDTH)


def training_seconds(rank=1, answers=1, steps=1000, evaluated=21):
    """Seconds at the peak of a run of uti on Llama-3-8B: four rows a step in two micro-batches, 200 eval rows by 8."""
    tokens, predicted = PROMPT + answers * ANSWER, answers * ANSWER
    pairs = PROMPT * (PROMPT + 1) / 2 + answers * (ANSWER * PROMPT + ANSWER * (ANSWER + 1) / 2)
    attention = 4 * 32 * 4096 * pairs
    step = 4 * LINEAR * tokens + 6 * rank * LORA * tokens + 4 * HEAD * predicted + 3 * attention
    evaluation = 2 * (LINEAR + rank * LORA) * tokens + 2 * HEAD * predicted + attention
    optimizer = 32 * rank * LORA / BANDWIDTH
    return steps * (least_seconds(4 * step, 2 * 2 * READ) + optimizer) + evaluated * least_seconds(
        200 * evaluation, 25 * READ
    )


def test_hours_follow_from_the_tokens(study):
    rows = by(cost_rows(study), "task", "model", "rule", "stage")
    hours = {key[2:]: row["hours"] for key, row in rows.items() if key[:2] == ("uti", "llama3-8b-instruct")}
    for rule, evaluated in (("probe", 21), ("train", 1)):  # only probes have a curve
        sft = training_seconds(evaluated=evaluated)
        dpo = training_seconds(rank=2, answers=2, evaluated=evaluated)
        assert hours[rule, "sft"] == pytest.approx(6 * (START + sft / ASSUMED_SHARE) / 3600)
        assert hours[rule, "dpo"] == pytest.approx(15 * (START + dpo / ASSUMED_SHARE) / 3600)


@pytest.mark.parametrize(("tokens", "parts"), [(None, 2), (304, 4), (700, 2), (10_000, 1)])
def test_a_step_reads_the_weights_twice_for_each_micro_batch(study, tokens, parts):
    settings = study.training("uti", "sft") | {"micro_batch_tokens": tokens}
    assert micro_batches(settings, PROMPT + ANSWER) == parts


def test_a_curve_that_the_config_asks_for_is_planned(study):
    sft = {"eval_curve": True}
    curve = load_study(merge(PUBLISHED, {"recipes": {"savage2025": {"sft": sft}}}), ROOT)
    key = ("uti", "llama3-8b-instruct", "train", "sft")
    hours = by(cost_rows(curve), "task", "model", "rule", "stage")[key]["hours"]
    assert hours == pytest.approx(6 * (START + training_seconds() / ASSUMED_SHARE) / 3600)


def test_the_articles_minutes_stand_beside_the_hours(study):
    """Twenty and 50 minutes per 1,000 steps; none for reasoning, of which the article prints none."""
    rows = by(cost_rows(study), "task", "model", "rule", "stage")
    assert rows["uti", "llama3-8b-instruct", "probe", "sft"]["article_hours"] == pytest.approx(6 * 20 / 60)
    assert rows["uti", "llama3-8b-instruct", "probe", "dpo"]["article_hours"] == pytest.approx(15 * 50 / 60)
    assert rows["reasoning", "llama3-8b-instruct", "probe", "dpo"]["article_hours"] is None
    assert rows["uti", "llama3-8b-instruct", "predict", ""]["article_hours"] is None


def test_hours_of_epochs_follow_from_the_rows(study):
    """One epoch of 5,000 pairs in steps of 8, or of 4, are the same training. BioMistral has ranks 64 and 128."""
    tokens, head, lora = 390 + 2 * 75, 32_000 * 4096, 3 * LORA
    attention = 4 * 32 * 4096 * (390 * 391 / 2 + 2 * (75 * 390 + 75 * 76 / 2))
    step = 4 * LINEAR * tokens + 6 * lora * tokens + 4 * head * 150 + 3 * attention
    evaluation = 2 * (LINEAR + lora) * tokens + 2 * head * 150 + attention
    for batch in (8, 4):
        dpo = {"batch_size": batch, "micro_batch_size": batch}
        changed = load_study(merge(PUBLISHED, {"recipes": {"murphy2024": {"dpo": dpo}}}), ROOT)
        row = by(cost_rows(changed), "task", "model", "rule", "stage")["pubmedqa", "biomistral-7b", "train", "dpo"]
        assert row["pflop"] == pytest.approx((5000 * step + 200 * evaluation) / 1e15)


def test_counted_tokens_replace_the_stated_ones(study, tmp_path):
    stated = by(cost_rows(study), "task", "model", "rule", "stage")["uti", "llama3-8b-instruct", "probe", "sft"]
    lengths = [{"split": split, "name": "", "prompt": 600, "answer": 4, "weight": 1.0} for split in ("train", "eval")]
    gate = tmp_path / "results/uti/data/gate/llama3-8b-instruct.json"
    write_json(gate, {"lengths": [row for row in lengths for _ in range(200)]})
    counted = by(cost_rows(study), "task", "model", "rule", "stage")["uti", "llama3-8b-instruct", "probe", "sft"]
    assert (stated["tokens_from"], counted["tokens_from"]) == ("task file", "counted")
    assert counted["pflop"] == pytest.approx(stated["pflop"] * 604 / 304, rel=0.05)


def test_a_rejected_answer_counts_by_its_characters(study, tmp_path):
    folder = tmp_path / "results/uti"
    row = {"split": "train", "name": "", "prompt": 100, "answer": 50, "weight": 1.0}
    write_json(folder / "data/gate/llama3-8b-instruct.json", {"lengths": [row]})
    pair = {name: [{"role": "assistant", "content": text}] for name, text in (("chosen", "ab"), ("rejected", "abcd"))}
    write_jsonl(folder / "llama3-8b-instruct/preferences/train.jsonl", [pair])
    (counted,) = split_tokens(study, "uti", "llama3-8b-instruct", "train").rows
    assert (counted.answer, counted.rejected) == (50, 100)


def test_a_task_without_rows_and_lengths_is_marked_as_assumed(study):
    tasks = {name: dict(task) for name, task in study.tasks.items()}
    del tasks["uti"]["tokens"]
    rows = by(cost_rows(replace(study, tasks=tasks)), "task", "model", "rule", "stage")
    assert rows["uti", "llama3-8b-instruct", "predict", ""]["tokens_from"] == "assumed"


def test_requested_hours_are_twice_the_estimate_and_the_start(study):
    rows = by(cost_rows(study), "task", "model", "rule", "stage")
    row = rows["uti", "llama3-8b-instruct", "train", "sft"]
    assert row["asked_hours"] == pytest.approx(6 * START_MINUTES / 60 + 2 * row["hours"])


def test_extra_seeds_add_training_scoring_and_prediction_jobs(study):
    training = {"seeds": [42, 43, 44], **study.tasks["uti"].get("training", {})}
    more = load_study(merge(study.config, {"overrides": {"tasks": {"uti": {"training": training}}}}), ROOT)
    plain = by(cost_rows(study), "task", "model", "rule", "stage")
    seeded = by(cost_rows(more), "task", "model", "rule", "stage")
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
    run = {"steps": 250, "resumed_from_step": 0, "wall_seconds": 600.0, "device": "NVIDIA A100-SXM4-80GB"}
    write_json(sft / "lr1e-05/adapter/run.json", run)
    write_json(sft / "lr1e-06/adapter/run.json", run | {"resumed_from_step": 125, "wall_seconds": 300.0})
    rows = by(cost_rows(study), "task", "model", "rule", "stage")
    trained = rows["uti", "llama3-8b-instruct", "train", "sft"]
    peak = training_seconds(steps=250, evaluated=1)
    assert (trained["finished"], trained["took_hours"]) == (2, pytest.approx(1200 / 3600))
    assert trained["finished_hours"] == pytest.approx(2 * peak / ASSUMED_SHARE / 3600)
    assert trained["ratio"] == pytest.approx(600 / (peak / ASSUMED_SHARE))
    assert trained["share"] == pytest.approx(peak / 600)
    assert trained["hours_low"] == pytest.approx(trained["hours"]) == pytest.approx(trained["hours_high"])
    dpo, answers = (
        rows["uti", "mistral-7b-instruct", rule, stage] for rule, stage in (("train", "dpo"), ("predict", ""))
    )
    assert dpo["share"] == trained["share"] and answers["share"] == ASSUMED_SHARE and dpo["ratio"] is None


def test_a_finished_job_counts_at_the_peak_of_the_card_on_which_it_ran(study, tmp_path):
    run = {"steps": 250, "resumed_from_step": 0, "wall_seconds": 600.0, "device": "NVIDIA H100 80GB HBM3"}
    path = tmp_path / "results/uti/llama3-8b-instruct/sft/lr1e-05/adapter/run.json"
    write_json(path, run)
    (h100,) = finished_jobs(study)
    write_json(path, run | {"device": "NVIDIA A100-SXM4-80GB"})
    (a100,) = finished_jobs(study)
    assert h100.peak < a100.peak / 1.5
    write_json(path, run | {"same_as_probe": True})
    assert finished_jobs(study) == []
    write_json(path, run | {"device": "a card of the future"})
    assert finished_jobs(study) == []


def test_loading_is_apart_from_training_and_is_the_start_of_other_jobs(study, tmp_path):
    run = {"steps": 250, "resumed_from_step": 0, "wall_seconds": 600.0, "loading_seconds": 40.0}
    write_json(tmp_path / "results/uti/llama3-8b-instruct/sft/lr1e-05/adapter/run.json", run)
    benchmark = tmp_path / "logs/compute_reference_logps/uti/llama3-8b-instruct.benchmark.tsv"
    benchmark.parent.mkdir(parents=True)
    benchmark.write_text(BENCHMARK)
    training, reference = sorted(finished_jobs(study), key=lambda job: job.kind, reverse=False)
    assert (training.kind, training.start, training.took) == ("SFT", 40, 640)
    assert (reference.start, reference.took, reference.computing) == (40, 36.5, pytest.approx(0.05 * 36.5))


def test_hours_of_other_finished_jobs_come_from_their_benchmark_files(study, tmp_path):
    benchmark = tmp_path / "logs/compute_reference_logps/uti/llama3-8b-instruct.benchmark.tsv"
    benchmark.parent.mkdir(parents=True)
    benchmark.write_text(BENCHMARK)
    rows = by(cost_rows(study), "task", "model", "rule", "stage")
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
    costs = cost_rows(study)
    text = plan_text(costs, disk_rows(study), plan_errors([]))
    total = sum(row["hours"] for row in costs)
    assert re.search(rf"^all +684 +684 +{total:.1f} ", text, re.MULTILINE)
    assert (
        "Savage et al. 2025" in text
        and "as the task file states (uti, " in text
        and re.search(r"^uti +probe dpo +30 ", text, re.MULTILINE)
    )


def test_the_rows_of_a_plan_are_written_as_csv(study, tmp_path):
    for rows, columns in ((cost_rows(study), COLUMNS), (disk_rows(study), DISK_COLUMNS)):
        write_csv(tmp_path / "plan.csv", rows, columns)
        assert len(read_csv(tmp_path / "plan.csv")) == len(rows)


def test_the_numbers_in_the_documentation_are_those_of_the_plan(study):
    text = " ".join((ROOT / "docs/slurm.md").read_text(encoding="utf-8").split())
    costs, rows = cost_rows(study), disk_rows(study)
    hours, requested = (sum(row[key] for row in costs) for key in ("hours", "asked_hours"))
    assert f"about **{hours:.0f} hours of an A100** ({round(requested, -1):,.0f} are asked" in text
    low, high, article = (sum(row[key] or 0 for row in costs) for key in ("hours_low", "hours_high", "article_hours"))
    assert f"{low:.0f} to {high:.0f} hours" in text and f"{article:.0f} hours" in text
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
