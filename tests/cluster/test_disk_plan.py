"""Gigabytes of base models, adapters and checkpoints, estimated and there."""

import os

import pytest

from clinical_dpo.cluster.disk_plan import disk_rows
from clinical_dpo.config.loading import load_study
from clinical_dpo.config.study import merge
from tests.conftest import ROOT
from tests.helpers.plans import by


@pytest.fixture(autouse=True)
def no_results(tmp_path, monkeypatch):
    """Work in a folder without results."""
    monkeypatch.chdir(tmp_path)


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


def test_probe_weights_that_a_trial_takes_over_are_counted_once(study, tmp_path):
    trial = tmp_path / "results/uti/llama3-8b-instruct/sft/lr1e-05"
    for folder in ("adapter", "probe.weights"):
        (trial / folder).mkdir(parents=True)
    (trial / "adapter/adapter_model.safetensors").write_bytes(bytes(3000))
    os.link(trial / "adapter/adapter_model.safetensors", trial / "probe.weights/adapter_model.safetensors")
    rows = [disk(study)[what, "uti", "llama3-8b-instruct", "sft"] for what in ("trained", "probe weights")]
    assert [(row["found"], row["found_gb"]) for row in rows] == [(1, pytest.approx(3000 / 1e9)), (1, 0)]


def test_all_weights_of_a_model_are_counted_in_float32(study):
    config = merge(study.config, {"recipes": {"savage2025": {"adapter": "full"}}})
    row = disk(load_study(config, ROOT))["trained", "uti", "llama3-8b-instruct", "dpo"]
    assert row["gb_each"] == pytest.approx(8_030_261_248 * 4 / 1e9)
