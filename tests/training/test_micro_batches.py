"""Micro-batches by tokens take the same steps as micro-batches by rows, within rounding."""

import pytest
import torch
from safetensors.torch import load_file

from clinical_dpo.errors import UserError
from clinical_dpo.io import read_json
from clinical_dpo.training.checkpoints import checkpoint_folder, note_out_of_memory, reduced_tokens
from clinical_dpo.training.dpo import train_dpo
from clinical_dpo.training.flat.collator import Collator
from clinical_dpo.training.micro_batches import TokenCollator, split_rows
from clinical_dpo.training.sft import train_sft
from clinical_dpo.training.sft_trainer import RowMeanSFTTrainer
from tests.helpers.training_cases import (
    dpo_data,
    dpo_run,
    largest_differences,
    logged_file,
    sft_data,
    sft_run,
    trained_study,
)

LORA = {"rank": 4, "alpha": 16, "dropout": 0.0}  # dropout draws other masks for other shapes
TOKENS = 90  # two short rows, or one long row


@pytest.mark.parametrize(
    ("lengths", "tokens", "padded", "parts"),
    [
        ([3, 3, 3, 3], 6, False, [(0, 2), (2, 4)]),
        ([3, 3, 3, 3], 100, False, [(0, 4)]),
        ([9, 1, 1, 1], 6, False, [(0, 1), (1, 4)]),  # the first row is longer than the limit
        ([1, 1, 4], 6, False, [(0, 3)]),
        ([1, 1, 4], 6, True, [(0, 2), (2, 3)]),  # three rows would take twelve tokens with padding
        ([5, 5], 1, True, [(0, 1), (1, 2)]),
    ],
)
def test_parts_hold_as_many_rows_as_the_limit_allows(lengths, tokens, padded, parts):
    assert split_rows(lengths, tokens, padded) == parts


def padded_batch(rows):
    """A collator of rows of token ids, whose last two tokens are predicted."""
    width = max(map(len, rows))
    ids = torch.tensor([row + [0] * (width - len(row)) for row in rows])
    real = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows])
    labels = torch.tensor([[-100] * (len(row) - 2) + row[-2:] + [-100] * (width - len(row)) for row in rows])
    return {"input_ids": ids, "attention_mask": real, "labels": labels}


def test_a_batch_has_the_step_its_parts_and_their_shares():
    rows = [list(range(1, length + 1)) for length in (4, 6, 9)]
    collator = TokenCollator(Collator(padded_batch, branches=1), 10, branches=1)
    batch = collator(rows)
    assert batch["attention_mask"].sum() == 19 and collator.most_rows == 2
    assert [part["layout"]["input_ids"].numel() for part in batch["parts"]] == [10, 9]
    assert batch["shares"] == pytest.approx([2 / 3, 1 / 3])  # of predicted tokens


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    from clinical_dpo.checksums import BASE_RECORD
    from clinical_dpo.io import write_json
    from clinical_dpo.models.tiny.pretraining import build_tiny_model
    from tests.conftest import TINY

    base = tmp_path_factory.mktemp("models") / "llama"
    build_tiny_model("llama", TINY | {"sliding_window": None}, 7, base)
    write_json(base / BASE_RECORD, {"source": "pretrain", "id": "llama", "revision": "test"})
    return trained_study(base, tmp_path_factory.mktemp("study"))


@pytest.mark.parametrize("layout", ["flat", "padded"])
@pytest.mark.parametrize("stage", ["sft", "dpo"])
def test_steps_by_tokens_equal_steps_by_rows(study, tmp_path, stage, layout):
    base, folder = study
    train, make, data = (train_sft, sft_run, sft_data) if stage == "sft" else (train_dpo, dpo_run, dpo_data)
    for name, tokens in (("rows", 0), ("tokens", TOKENS)):
        settings = {"lora": LORA, "layout": layout, "optimizer": "sgd", "learning_rate": 0.1}
        train(make(base, tmp_path / name, 5, micro_batch_tokens=tokens, **settings), *data(folder))
    rows, tokens = (logged_file(tmp_path / name / "log.csv") for name in ("rows", "tokens"))
    differences = largest_differences(rows["train"], tokens["train"])
    for name in ("entropy", "mean_token_accuracy"):  # TRL's means over the tokens of a micro-batch
        del differences[name]
    assert {"loss", "grad_norm"} <= differences.keys()
    assert max(differences.values()) < 1e-4, differences
    first, second = (load_file(tmp_path / name / "adapter_model.safetensors") for name in ("rows", "tokens"))
    assert max(float((first[key] - second[key]).abs().max()) for key in first) < 1e-5
    by_rows, by_tokens = (read_json(tmp_path / name / "run.json") for name in ("rows", "tokens"))
    assert (by_rows["micro_batch_size"], by_rows["micro_batch_tokens"]) == (2, 0)
    assert by_tokens["micro_batch_tokens"] == TOKENS and by_tokens["tokens_seen"] == by_rows["tokens_seen"]


def test_a_memory_failure_halves_the_tokens(tmp_path):
    folder = checkpoint_folder(str(tmp_path / "adapter"), "digest")
    sizes = []
    for _ in range(4):
        sizes.append(reduced_tokens(6, folder))
        note_out_of_memory(folder)
    assert sizes == [6, 3, 1, 1] and reduced_tokens(0, folder) == 0


def test_out_of_memory_names_the_tokens_and_halves_them(study, tmp_path, monkeypatch):
    base, folder = study
    run = sft_run(base, tmp_path / "run", 5, lora=LORA, micro_batch_tokens=1000)

    def fail(self, model, *arguments, **options):
        if model.training and self.token_collator.tokens > 500:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return computed(self, model, *arguments, **options)

    computed = RowMeanSFTTrainer.compute_loss
    monkeypatch.setattr(RowMeanSFTTrainer, "compute_loss", fail)
    with pytest.raises(UserError, match=r"4 rows.*micro_batch_tokens.*Run again.*half as many tokens"):
        train_sft(run, *sft_data(folder))
    train_sft(run, *sft_data(folder))
    assert read_json(tmp_path / "run/run.json")["micro_batch_tokens"] == 500
