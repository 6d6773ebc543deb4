"""Cost: minutes, hours and ratios from the records of runs, beside the published values."""

import pytest

from clinical_dpo.io import read_csv, write_csv, write_json
from clinical_dpo.papers.published import load_published
from clinical_dpo.report.figures import cost
from tests.conftest import ROOT
from tests.helpers.svg import same_bytes, words

NAMES = {"task_names": {"uti": "UTI", "triage": "Triage"}, "model_names": {"llama": "Llama3"}, "watermark": "demo"}


def run_record(folder, trial_run, steps, seconds, resumed=0):
    """Write the record of a training run; returns its path."""
    record = {"steps": steps, "wall_seconds": seconds, "resumed_from_step": resumed, "device": "cpu (x86_64)"}
    write_json(folder / trial_run / "run.json", record)
    return folder / trial_run / "run.json"


@pytest.fixture
def runs(tmp_path):
    return [
        run_record(tmp_path, "uti/llama/sft/lr1e-05/adapter", 500, 600),
        run_record(tmp_path, "uti/llama/sft/lr1e-06/adapter", 500, 600),
        run_record(tmp_path, "uti/llama/sft/lr1e-05/probe", 1000, 1200),
        run_record(tmp_path, "uti/llama/dpo/lr1e-05_beta0.1/adapter", 1000, 1500, resumed=500),
        run_record(tmp_path, "triage/llama/sft/lr1e-05/adapter", 100, 60),
        run_record(tmp_path, "triage/llama/dpo/lr1e-05_beta0.1/adapter", 100, 240),
    ]


@pytest.fixture
def published():
    return cost.published_minutes(load_published(ROOT / "config/published.yaml"))


def test_published_minutes_are_those_of_the_paper(published):
    """Savage et al. 2025, Training Dynamics: 20 and 50 minutes for classification, 50 and 160 for summarization."""
    stages = [published[task, stage] for task in ("uti", "summarization") for stage in ("sft", "dpo")]
    assert stages == [20, 50, 50, 160]


@pytest.fixture
def rows(runs, published):
    return {(row["task"], row["stage"]): row for row in cost.cost_rows(runs, published)}


def test_the_time_of_all_runs_is_summed(rows):
    sft = rows["uti", "sft"]
    assert (sft["runs"], sft["steps"], sft["seconds"]) == (3, 2000, 2400)
    assert sft["minutes_per_1000_steps"] == pytest.approx(20)
    assert sft["hours"] == pytest.approx(2 / 3)


def test_a_resumed_run_counts_at_the_pace_of_its_timed_steps(rows):
    assert rows["uti", "dpo"]["minutes_per_1000_steps"] == pytest.approx(50)  # 500 of 1,000 steps were timed


def test_the_ratio_is_dpo_over_sft(rows):
    assert rows["uti", "dpo"]["ratio"] == pytest.approx(2.5)
    assert rows["triage", "dpo"]["ratio"] == pytest.approx(4)


def test_published_values_are_added_where_the_paper_prints_them(rows):
    sft, dpo = rows["uti", "sft"], rows["uti", "dpo"]
    assert (sft["published_minutes"], dpo["published_minutes"]) == (20, 50)
    assert dpo["published_ratio"] == pytest.approx(2.5)
    assert rows["triage", "dpo"]["published_ratio"] is None and rows["triage", "sft"]["published_minutes"] is None


def test_the_figure_names_machines_and_published_values(tmp_path, rows):
    cost.plot_cost(list(rows.values()), **NAMES, paths=[tmp_path / "cost.svg"])
    shown = words(tmp_path / "cost.svg")
    assert {"UTI", "Triage", "Llama3", "SFT", "DPO", "published", "demo"} <= set(shown)
    assert any("This run: cpu (x86_64). Published: one A100" in text for text in shown)
    assert {"40.0 + 50.0", "1.0 + 4.0"} <= set(shown)  # minutes of all runs


def test_the_same_rows_give_the_same_bytes(tmp_path, rows):
    assert same_bytes(lambda paths: cost.plot_cost(list(rows.values()), **NAMES, paths=paths), tmp_path)
    write_csv(tmp_path / "rows.csv", rows.values(), cost.COLUMNS)
    cost.plot_cost(read_csv(tmp_path / "rows.csv"), **NAMES, paths=[tmp_path / "read.svg"])
    assert (tmp_path / "read.svg").read_bytes() == (tmp_path / "one" / "figure.svg").read_bytes()
