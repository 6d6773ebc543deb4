"""What a run that ended early leaves: whole checkpoints only, smaller batches after out of memory, a clear refusal."""

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
    whole = save(folder, 9, json.dumps({"global_step": 9}))
    save(folder, 6, json.dumps({"global_step": 6}))
    broken = [save(folder, 12), save(folder, 15, '{"global_step": 15'), save(folder, 18, ""), save(folder, 21, "{}")]
    assert last_checkpoint(folder) == whole
    assert not any(path.exists() for path in broken)


def test_another_digest_drops_what_is_there(tmp_path):
    folder = checkpoint_folder(str(tmp_path / "adapter"), "one")
    save(folder, 3, json.dumps({"global_step": 3}))
    note_out_of_memory(folder)
    assert checkpoint_folder(str(tmp_path / "adapter"), "one") == folder and last_checkpoint(folder)
    checkpoint_folder(str(tmp_path / "adapter"), "two")
    assert last_checkpoint(folder) is None and reduced_micro_batch(4, folder, 8) == 4


@pytest.mark.parametrize(
    ("rows", "batch", "sizes"), [(4, 8, [4, 2, 1, 1]), (9, 9, [9, 3, 1, 1]), (6, 12, [6, 3, 1, 1])]
)
def test_batches_halve_and_still_divide_a_step(tmp_path, rows, batch, sizes):
    folder = checkpoint_folder(str(tmp_path / "adapter"), "digest")
    found = []
    for _ in sizes:
        found.append(reduced_micro_batch(rows, folder, batch))
        note_out_of_memory(folder)
    assert found == sizes


def test_a_folder_that_refuses_writes_is_named(tmp_path):
    (tmp_path / "adapter.checkpoints").write_text("a file where the folder should be")
    with pytest.raises(UserError, match=r"adapter\.checkpoints: checkpoints cannot be written \(Not a directory\)"):
        checkpoint_folder(str(tmp_path / "adapter"), "digest")


class SmallMemory(TrainerCallback):
    """A device on which training on more than so many rows runs out of memory at a step."""

    def __init__(self, step, rows):
        self.step, self.rows = step, rows

    def on_step_begin(self, args, state, control, **kwargs):
        if state.global_step == self.step and args.per_device_train_batch_size > self.rows:
            raise torch.OutOfMemoryError("CUDA out of memory.")


@pytest.fixture
def small_memory(monkeypatch):
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
    with pytest.raises(UserError, match=rf"with {rows} rows at once \(micro_batch_size\). The next attempt takes half"):
        train_sft(run, *data)
    train_sft(run, *data)
    record = read_json(tmp_path / "run/run.json")
    assert record["micro_batch_size"] == rows // 2 and record["resumed_from_step"] == 3
    losses, unbroken = (
        [float(row["loss"]) for row in read_csv(tmp_path / name / "log.csv")] for name in ("run", "unbroken")
    )
    assert losses == pytest.approx(unbroken, rel=1e-4)


@pytest.mark.parametrize("tiny_base", ["llama"], indirect=True)
def test_out_of_memory_with_one_row_is_told_what_to_change(tiny_base, tmp_path, small_memory):
    base, folder = trained_study(tiny_base, tmp_path)
    small_memory(SmallMemory(5, 0))
    run = sft_run(base, tmp_path / "run")
    for told in ("The next attempt takes half as many", "with one row at once.*gradient_checkpointing: true"):
        with pytest.raises(UserError, match=told):
            train_sft(run, *sft_data(folder))


class NoMemoryInEvaluation(TrainerCallback):
    def on_prediction_step(self, args, state, control, **kwargs):
        raise torch.OutOfMemoryError("CUDA out of memory.")


@pytest.mark.parametrize("tiny_base", ["llama"], indirect=True)
def test_out_of_memory_in_evaluation_names_the_batch_to_lower(tiny_base, tmp_path, small_memory):
    base, folder = trained_study(tiny_base, tmp_path)
    small_memory(NoMemoryInEvaluation())
    with pytest.raises(UserError, match=r"with 4 rows at once\. Lower eval_batch_size"):
        train_sft(sft_run(base, tmp_path / "run"), *sft_data(folder))
