"""A second run of the probe's length is the probe: same bytes, no training. Without stored weights it trains."""

import dataclasses
import math

import pytest

from clinical_dpo.checksums import CHECKSUMS
from clinical_dpo.io import read_csv, read_json
from clinical_dpo.training.dpo import train_dpo
from clinical_dpo.training.probe_weights import TIMES, may_be_whole_run, reuse, store
from clinical_dpo.training.sft import train_sft
from tests.helpers.training_cases import dpo_data, dpo_run, sft_data, sft_run, trained_study

WEIGHTS = "adapter_model.safetensors"
COLUMNS = ("step", "split", "loss")


def log(*losses):
    """A log with these eval losses, ten steps apart, and a train row."""
    rows = [{"step": 10 * number, "split": "eval", "loss": loss} for number, loss in enumerate(losses)]
    return [*rows, {"step": 10, "split": "train", "loss": 9.0}]


@pytest.mark.parametrize(
    ("losses", "possible"),
    [
        ((1.0, 0.5, 0.4), True),
        ((1.0, 0.4, 0.5), False),
        ((1.0, 0.4, 0.4), False),
        ((0.3, 0.5, 0.4), False),  # never below the start: the plateau is the first evaluated step
        ((1.0, math.nan, 0.4), True),
        ((0.3, 0.4), True),  # the only evaluated step after the first
    ],
)
def test_a_probe_can_be_the_whole_run_if_its_loss_is_lowest_at_its_end(losses, possible):
    assert may_be_whole_run(log(*losses)) == possible


@pytest.fixture
def stored(tmp_path):
    folder = tmp_path / "probe.weights"
    record = {"steps": 20, "wall_seconds": 5.0, "tokens_seen": 7}
    store(folder, "digest", log(1.0, 0.5, 0.4), record, COLUMNS, lambda part: (part / WEIGHTS).write_bytes(b"weights"))
    return folder


def test_a_second_run_is_made_of_the_stored_probe(tmp_path, stored):
    assert reuse(stored, "digest", tmp_path / "adapter", {"seed": 1}, curve=False)
    assert (tmp_path / "adapter" / WEIGHTS).stat().st_ino == (stored / WEIGHTS).stat().st_ino
    assert {path.name for path in (tmp_path / "adapter").iterdir()} == {WEIGHTS, CHECKSUMS, "log.csv", "run.json"}
    run = read_json(tmp_path / "adapter/run.json")
    times = dict.fromkeys(("wall_seconds", "evaluation_seconds", "loading_seconds"), 0.0)
    assert run == {"steps": 20, "tokens_seen": 7, "seed": 1, "same_as_probe": True, "resumed_from_step": 0} | times
    rows = [(row["step"], row["split"]) for row in read_csv(tmp_path / "adapter/log.csv")]
    assert rows == [("20", "eval"), ("10", "train")]
    reuse(stored, "digest", tmp_path / "adapter", {}, curve=True)
    assert len(read_csv(tmp_path / "adapter/log.csv")) == 4


def test_a_probe_that_cannot_be_the_whole_run_stores_nothing(tmp_path, stored):
    store(stored, "digest", log(1.0, 0.4, 0.5), {}, COLUMNS, lambda part: (part / WEIGHTS).write_bytes(b"weights"))
    assert not stored.exists()


@pytest.mark.parametrize(
    "fault", ["other digest", "no digest", "broken digest", "other weights", "no weights", "no folder"]
)
def test_other_contents_are_not_used(tmp_path, stored, fault):
    if fault == "other digest":
        assert not reuse(stored, "another", tmp_path / "adapter", {}, curve=False)
    elif fault == "no digest":
        (stored / "digest.json").unlink()
    elif fault == "broken digest":
        (stored / "digest.json").write_text("{")
    elif fault == "other weights":
        (stored / WEIGHTS).write_bytes(b"others")
    elif fault == "no weights":
        (stored / WEIGHTS).unlink()
    else:
        stored.rename(tmp_path / "elsewhere")
    if fault != "other digest":
        assert not reuse(stored, "digest", tmp_path / "adapter", {}, curve=False)
    assert not (tmp_path / "adapter").exists()


@pytest.mark.parametrize("tiny_base", ["llama"], indirect=True)
@pytest.mark.parametrize("stage", ["sft", "dpo"])
def test_a_second_run_of_the_probes_length_has_the_bytes_of_a_run_that_trains(tiny_base, tmp_path, monkeypatch, stage):
    base, folder = trained_study(tiny_base, tmp_path / "study")
    train, make, data = (train_sft, sft_run, sft_data) if stage == "sft" else (train_dpo, dpo_run, dpo_data)
    steps = 6
    stored = str(tmp_path / "probe.weights")
    monkeypatch.setattr("clinical_dpo.training.probe_weights.may_be_whole_run", lambda log: True)

    def run(name, **more):
        made = make(base, tmp_path / name, steps, eval_steps=more.pop("eval_steps", None))
        train(dataclasses.replace(made, probe_weights=stored, **more), *data(folder))
        return tmp_path / name

    run("probe", eval_steps=2, probe=True, code="of the probe")
    trainings = []
    monkeypatch.setattr(f"clinical_dpo.training.{stage}.trainer_arguments", lambda *args: trainings.append(args))
    same = run("same", code="of the second run")
    assert trainings == [] and read_json(same / "run.json")["same_as_probe"]
    monkeypatch.undo()
    (tmp_path / "probe.weights").rename(tmp_path / "elsewhere")
    again = run("again")
    assert "same_as_probe" not in read_json(again / "run.json")
    for file in (WEIGHTS, CHECKSUMS, "log.csv"):
        assert (same / file).read_bytes() == (again / file).read_bytes()
    first, second = (read_json(path / "run.json") for path in (same, again))
    assert {key for key in second if first.get(key) != second[key]} <= {
        *TIMES,
        "peak_memory_mib",
        "config_digest",
        "evaluations",
    }
