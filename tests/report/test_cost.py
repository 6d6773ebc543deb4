"""Cost: minutes, hours and ratios from the records of runs, beside the published values."""

import pytest

from clinical_dpo.io import read_csv, write_csv, write_json
from clinical_dpo.papers.published import load_published
from clinical_dpo.report.cost_table import COLUMNS, cost_rows, published_minutes
from clinical_dpo.report.figures import cost
from tests.conftest import ROOT
from tests.helpers.svg import same_bytes, words

NAMES = {"task_names": {"uti": "UTI", "triage": "Triage"}, "model_names": {"llama": "Llama3"}, "watermark": "demo"}


def run_record(folder, trial_run, steps, seconds, resumed=0, **more):
    """Write the record of a training run with 4 rows a step; returns its path."""
    record = {"steps": steps, "wall_seconds": seconds, "resumed_from_step": resumed, "device": "cpu (x86_64)"}
    write_json(folder / trial_run / "run.json", record | {"settings": {"batch_size": 4}} | more)
    return folder / trial_run / "run.json"


@pytest.fixture
def runs(tmp_path):
    evaluated = {"evaluation_seconds": 100.0, "loading_seconds": 20.0}
    return [
        run_record(tmp_path, "uti/llama/sft/lr1e-05/adapter", 500, 600),
        run_record(tmp_path, "uti/llama/sft/lr1e-06/adapter", 500, 700, **evaluated),
        run_record(tmp_path, "uti/llama/sft/lr1e-05/probe", 1000, 1200),
        run_record(tmp_path, "uti/llama/dpo/lr1e-05_beta0.1/adapter", 1000, 1500, resumed=500),
        run_record(tmp_path, "triage/llama/sft/lr1e-05/adapter", 100, 60),
        run_record(tmp_path, "triage/llama/dpo/lr1e-05_beta0.1/adapter", 100, 240),
    ]


@pytest.fixture
def references(tmp_path):
    path = tmp_path / "uti/llama/preferences/train.reference.json"
    write_json(path, {"made_with": {}, "wall_seconds": 50.0, "loading_seconds": 10.0})
    return [path]


@pytest.fixture
def published():
    return published_minutes(load_published(ROOT / "config/published.yaml"))


def test_published_minutes_are_those_of_the_paper(published):
    """Savage et al. 2025, Training Dynamics: 20 and 50 minutes for classification, 50 and 160 for summarization."""
    stages = [published[task, stage] for task in ("uti", "summarization") for stage in ("sft", "dpo")]
    assert stages == [20, 50, 50, 160]


@pytest.fixture
def rows(runs, references, published):
    return {(row["task"], row["stage"]): row for row in cost_rows(runs, references, published)}


def test_the_time_of_all_runs_is_summed_in_its_parts(rows):
    sft, dpo = rows["uti", "sft"], rows["uti", "dpo"]
    assert (sft["runs"], sft["steps"], sft["seconds"]) == (3, 2000, 2520)
    parts = ("step_seconds", "evaluation_seconds", "loading_seconds", "reference_seconds")
    assert [sft[part] for part in parts] == [2400, 100, 20, 0]
    assert [dpo[part] for part in parts] == [3000, 0, 0, 60]
    assert sft["hours"] == pytest.approx(0.7)


def test_the_pace_of_steps_leaves_evaluations_and_loading_out(rows):
    assert rows["uti", "sft"]["minutes_per_1000_steps"] == pytest.approx(20)


def test_a_resumed_run_counts_at_the_pace_of_its_timed_steps(rows):
    assert rows["uti", "dpo"]["minutes_per_1000_steps"] == pytest.approx(50)  # 500 of 1,000 steps were timed


def test_evaluations_of_a_resumed_run_are_apart(tmp_path, published):
    """Of 500 s after step 500, evaluations took 100."""
    run = run_record(tmp_path, "uti/llama/sft/lr1e-05/adapter", 1000, 500, resumed=500, evaluation_seconds=100.0)
    (row,) = cost_rows([run], [], published)
    assert (row["step_seconds"], row["evaluation_seconds"]) == (800, 200)


def test_twelve_steps_with_two_evaluations_are_no_multiple_of_a_step(tmp_path, published):
    """A step of DPO takes 1.5 times one of SFT, whatever the evaluations of its short run take."""
    more = {"evaluation_seconds": 18.0}
    runs = [
        run_record(tmp_path, "uti/llama/sft/lr1e-05/adapter", 120, 120),
        run_record(tmp_path, "uti/llama/dpo/lr1e-05_beta0.1/adapter", 12, 36, **more),
    ]
    dpo = cost_rows(runs, [], published)[1]
    assert dpo["row_ratio"] == pytest.approx(1.5) and dpo["run_ratio"] == pytest.approx(36 / 120)


def test_the_ratio_of_a_step_is_of_the_same_rows(tmp_path, published):
    """Eight pairs in twice the time of four rows are as fast for each pair."""
    runs = [
        run_record(tmp_path, "uti/llama/sft/lr1e-05/adapter", 100, 100),
        run_record(tmp_path, "uti/llama/dpo/lr1e-05_beta0.1/adapter", 100, 200, settings={"batch_size": 8}),
    ]
    assert cost_rows(runs, [], published)[1]["row_ratio"] == pytest.approx(1)


def test_the_ratio_of_a_whole_run_has_the_reference_pass(rows):
    assert rows["uti", "dpo"]["row_ratio"] == pytest.approx(2.5)
    assert rows["uti", "dpo"]["run_ratio"] == pytest.approx((3060 / 1) / (2520 / 3))
    assert rows["triage", "dpo"]["row_ratio"] == rows["triage", "dpo"]["run_ratio"] == pytest.approx(4)


def test_a_second_run_that_is_its_probe_is_no_run(tmp_path, published):
    runs = [
        run_record(tmp_path, "uti/llama/sft/lr1e-05/probe", 100, 60),
        run_record(tmp_path, "uti/llama/sft/lr1e-05/adapter", 100, 0, same_as_probe=True),
    ]
    (row,) = cost_rows(runs, [], published)
    assert (row["runs"], row["steps"], row["minutes_per_1000_steps"]) == (1, 100, 10)


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
    assert {"42.0 + 51.0", "1.0 + 4.0", "ratio of a step", "of a whole run"} <= set(shown)  # minutes of all runs


def test_the_same_rows_give_the_same_bytes(tmp_path, rows):
    assert same_bytes(lambda paths: cost.plot_cost(list(rows.values()), **NAMES, paths=paths), tmp_path)
    write_csv(tmp_path / "rows.csv", rows.values(), COLUMNS)
    cost.plot_cost(read_csv(tmp_path / "rows.csv"), **NAMES, paths=[tmp_path / "read.svg"])
    assert (tmp_path / "read.svg").read_bytes() == (tmp_path / "one" / "figure.svg").read_bytes()
