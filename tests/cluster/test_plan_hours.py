"""Hours of the plan in closed form, from tokens, and beside the times of finished jobs."""

from dataclasses import replace

import pytest

from clinical_dpo.cluster.job_times import ASSUMED_SHARE
from clinical_dpo.cluster.job_work import evaluations, micro_batches
from clinical_dpo.cluster.plan import cost_rows, finished_jobs
from clinical_dpo.cluster.row_tokens import split_tokens
from clinical_dpo.config.loading import load_study
from clinical_dpo.config.study import merge
from clinical_dpo.io import write_json, write_jsonl
from tests.conftest import ROOT
from tests.helpers.configs import PUBLISHED
from tests.helpers.plans import by

LINEAR, HEAD = 6_979_321_856, 525_336_576  # weights of Llama-3-8B: of the blocks' linear layers, and of the head
LORA = 167_772_160  # of rank 64
READ = 2 * (LINEAR + HEAD)  # bytes of one pass over the weights
A100, BANDWIDTH = 312e12, 2039e9
START = 20 + 2 * 8_030_261_248 / 1e9  # seconds
PROMPT, ANSWER = 300, 4  # config/tasks/uti.yaml
BENCHMARK = "s\th:m:s\tmax_rss\n36.5\t0:00:36\t512.3\n"


@pytest.fixture(autouse=True)
def no_results(tmp_path, monkeypatch):
    """Work in a folder without results."""
    monkeypatch.chdir(tmp_path)


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


def test_second_runs_evaluate_a_tenth_as_often_or_less(study):
    settings = study.training("uti", "dpo")
    curve = evaluations(settings | {"eval_curve": True}, 1000, probe=False)
    assert evaluations(settings, 1000, probe=False) <= curve / 10
    assert evaluations(settings, 1000, probe=True) == curve == 21
    assert evaluations(settings, 1010, probe=True) == 22  # the last step too
