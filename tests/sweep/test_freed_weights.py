"""Freeing deletes exactly the weights that no result needs, and says what they took and what a change trains again."""

import os

import pytest

from clinical_dpo.checksums import CHECKSUMS
from clinical_dpo.config.loading import load_study
from clinical_dpo.io import write_csv
from clinical_dpo.sweep.freed_weights import free, freeable, freed_bytes
from tests.conftest import ROOT
from tests.helpers.configs import PUBLISHED

STAGE = "results/uti/llama3-8b-instruct/sft"
TRIALS = ("lr3e-04", "lr1e-04", "lr1e-05", "lr1e-06", "lr1e-07", "lr1e-08")
CHOSEN = "lr1e-04"
MEGABYTE = 10**6


@pytest.fixture(scope="module")
def study():
    return load_study(PUBLISHED, ROOT)


@pytest.fixture
def finished(tmp_path, monkeypatch):
    """A finished sweep. The chosen trial is its probe; the probe of another trial stored weights of its own."""
    monkeypatch.chdir(tmp_path)
    stage = tmp_path / STAGE
    for trial in TRIALS:
        write_files(stage / trial / "adapter")
    (stage / CHOSEN / "probe.weights").mkdir()
    (stage / "best").mkdir()
    for target in ("best", f"{CHOSEN}/probe.weights"):
        os.link(stage / CHOSEN / "adapter/adapter_model.safetensors", stage / target / "adapter_model.safetensors")
    (stage / "best" / CHECKSUMS).write_text("sums")
    write_files(stage / "lr1e-05/probe.weights")
    selection = [{"trial": trial, "chosen": str(trial == CHOSEN).lower()} for trial in TRIALS]
    write_csv(stage / "selection.csv", selection, ("trial", "chosen"))
    return stage


def write_files(folder):
    """Weights of a megabyte with their records."""
    folder.mkdir(parents=True)
    (folder / "adapter_model.safetensors").write_bytes(bytes(MEGABYTE))
    for name in ("adapter_config.json", CHECKSUMS, "log.csv", "run.json"):
        (folder / name).write_text("{}")


def test_weights_of_other_trials_and_of_probes_are_deleted_and_records_stay(study, finished):
    free(study)
    for trial in TRIALS:
        names = {path.name for path in (finished / trial / "adapter").iterdir()}
        assert {"log.csv", "run.json"} <= names
        assert ("adapter_model.safetensors" in names) == (CHECKSUMS in names) == (trial == CHOSEN)
        assert not (finished / trial / "probe.weights").exists()
    assert (finished / "best/adapter_model.safetensors").stat().st_size == MEGABYTE
    assert freeable(study) == []


def test_a_hard_link_that_stays_frees_no_bytes(study, finished):
    """Five trials and one probe; the chosen trial's probe is a link to the weights of the best trial."""
    assert freed_bytes(freeable(study)) // MEGABYTE == 6
    (finished / "best/adapter_model.safetensors").unlink()
    (finished / CHOSEN / "adapter/adapter_model.safetensors").unlink()
    assert freed_bytes(freeable(study)) // MEGABYTE == 7


def test_the_text_names_gigabytes_trials_and_what_trains_again(study, finished):
    text = free(study)
    assert "0.0 GB freed: weights of 5 trials that were not chosen and of 2 probes." in text
    assert "  uti/llama3-8b-instruct/sft: lr3e-04, lr1e-05, lr1e-06, lr1e-07, lr1e-08\n" in text
    assert "the trials are trained again" in text
    assert free(study) == "0.0 GB freed: weights of 0 trials that were not chosen and of 0 probes."


def test_nothing_is_deleted_before_a_trial_is_chosen(study, finished):
    (finished / "best" / CHECKSUMS).unlink()
    assert freeable(study) == []
    (finished / "best" / CHECKSUMS).write_text("sums")
    (finished / "selection.csv").unlink()
    assert freeable(study) == []
