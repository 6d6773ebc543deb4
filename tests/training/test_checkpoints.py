"""Interrupted runs: only complete checkpoints are resumed, memory failures halve batches, errors say what to do."""

import json

import pytest
import torch
from transformers import TrainerCallback

from clinical_dpo.errors import UserError
from clinical_dpo.io import read_csv, read_json
from clinical_dpo.training import run as training
from clinical_dpo.training.checkpoints import (
    checkpoint_folder,
    last_checkpoint,
    note_out_of_memory,
    reduced_micro_batch,
)
from clinical_dpo.training.sft import train_sft
from tests.helpers.training_cases import sft_data, sft_run, trained_study


def save(folder, step, state=None):
    path = folder / f"checkpoint-{step}"
    path.mkdir()
    (path / "model.safetensors").write_bytes(b"weights")
    if state is not None:
        (path / "trainer_state.json").write_text(state)
    return path


def test_a_checkpoint_cut_off_by_a_kill_is_not_resumed(tmp_path):
    folder = checkpoint_folder(str(tmp_path / "adapter"), "digest")
    assert last_checkpoint(folder) is None
    complete = save(folder, 9, json.dumps({"global_step": 9}))
    save(folder, 6, json.dumps({"global_step": 6}))
    broken = [save(folder, 12), save(folder, 15, '{"global_step": 15'), save(folder, 18, ""), save(folder, 21, "{}")]
    assert last_checkpoint(folder) == complete
    assert not any(path.exists() for path in broken)


def test_another_digest_deletes_checkpoints_and_memory_failures(tmp_path):
    folder = checkpoint_folder(str(tmp_path / "adapter"), "first")
    save(folder, 3, json.dumps({"global_step": 3}))
    note_out_of_memory(folder)
    assert checkpoint_folder(str(tmp_path / "adapter"), "first") == folder and last_checkpoint(folder)
    checkpoint_folder(str(tmp_path / "adapter"), "second")
    assert last_checkpoint(folder) is None and reduced_micro_batch(4, folder, 8) == 4


@pytest.mark.parametrize(
    ("rows", "batch", "sizes"), [(4, 8, [4, 2, 1, 1]), (9, 9, [9, 3, 1, 1]), (6, 12, [6, 3, 1, 1])]
)
def test_batches_halve_and_still_divide_a_step(tmp_path, rows, batch, sizes):
    folder = checkpoint_folder(str(tmp_path / "adapter"), "digest")
    reduced = []
    for _ in sizes:
        reduced.append(reduced_micro_batch(rows, folder, batch))
        note_out_of_memory(folder)
    assert reduced == sizes


def test_a_checkpoint_folder_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "adapter.checkpoints").write_text("a file where the folder should be")
    with pytest.raises(UserError, match=r"adapter\.checkpoints: .*Not a directory.*Make free space"):
        checkpoint_folder(str(tmp_path / "adapter"), "digest")


class SmallMemory(TrainerCallback):
    """Run out of memory at a step if the micro-batch has more than `rows` rows."""

    def __init__(self, step, rows):
        self.step, self.rows = step, rows

    def on_step_begin(self, args, state, control, **kwargs):
        if state.global_step == self.step and args.per_device_train_batch_size > self.rows:
            raise torch.OutOfMemoryError("CUDA out of memory.")


@pytest.fixture
def small_memory(monkeypatch):
    """A function that adds a callback to every SFT training."""
    train_and_save = training.train_and_save

    def limited(callback):
        def train_in(run, prepared, trainer, branches):
            trainer.add_callback(callback)
            train_and_save(run, prepared, trainer, branches)

        monkeypatch.setattr("clinical_dpo.training.sft.train_and_save", train_in)

    return limited


@pytest.mark.parametrize("tiny_base", ["llama"], indirect=True)
def test_out_of_memory_halves_the_micro_batch_and_keeps_the_step(tiny_base, tmp_path, small_memory):
    base, folder = trained_study(tiny_base, tmp_path)
    lora = {"rank": 4, "alpha": 16, "dropout": 0.0}  # dropout draws other masks for other shapes
    data = sft_data(folder)
    train_sft(sft_run(base, tmp_path / "unbroken", lora=lora), *data)
    run = sft_run(base, tmp_path / "run", lora=lora)
    rows = run.micro_batch_size
    assert rows > 1
    small_memory(SmallMemory(5, rows // 2))
    with pytest.raises(UserError, match=rf"{rows} rows.*micro_batch_size.*Run again.*half"):
        train_sft(run, *data)
    train_sft(run, *data)
    record = read_json(tmp_path / "run/run.json")
    assert record["micro_batch_size"] == rows // 2 and record["resumed_from_step"] == 3
    losses, unbroken = (
        [float(row["loss"]) for row in read_csv(tmp_path / name / "log.csv")] for name in ("run", "unbroken")
    )
    assert losses == pytest.approx(unbroken, rel=1e-4)


@pytest.mark.parametrize("tiny_base", ["llama"], indirect=True)
def test_out_of_memory_with_one_row_names_the_settings_to_change(tiny_base, tmp_path, small_memory):
    base, folder = trained_study(tiny_base, tmp_path)
    small_memory(SmallMemory(5, 0))
    run = sft_run(base, tmp_path / "run")
    for message in ("Run again.*half", "one row.*micro_batch_size.*set gradient_checkpointing: true"):
        with pytest.raises(UserError, match=message):
            train_sft(run, *sft_data(folder))


class NoMemoryInEvaluation(TrainerCallback):
    def on_prediction_step(self, args, state, control, **kwargs):
        raise torch.OutOfMemoryError("CUDA out of memory.")


@pytest.mark.parametrize("tiny_base", ["llama"], indirect=True)
def test_out_of_memory_in_evaluation_names_the_batch_size_to_lower(tiny_base, tmp_path, small_memory):
    base, folder = trained_study(tiny_base, tmp_path)
    small_memory(NoMemoryInEvaluation())
    with pytest.raises(UserError, match=r"4 rows.*Lower eval_batch_size"):
        train_sft(sft_run(base, tmp_path / "run"), *sft_data(folder))
