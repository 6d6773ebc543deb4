"""SFT trained longer against stock TRL on the merged SFT model: the same losses and weights within rounding."""

import pytest
import torch
from peft import get_peft_model_state_dict
from safetensors.torch import load_file

from clinical_dpo.errors import UserError
from clinical_dpo.io import read_json
from clinical_dpo.training.sft_longer import train, train_sft_longer
from tests.helpers.training_cases import (
    DPO,
    assert_sft_ranks_kept,
    largest_differences,
    logged,
    logged_file,
    sft_data,
    sft_run,
    stock_sft_longer,
    trained_study,
)

STEPS = 9
LORA = DPO["lora"]  # rank 3 and scale 1; SFT has rank 4 and scale 4
SGD = {"optimizer": "sgd", "learning_rate": 0.3, "lr_scheduler_type": "constant", "warmup_steps": 0}
STOCK_SGD = {"optim": "sgd", "learning_rate": 0.3, "max_steps": STEPS, "per_device_train_batch_size": 4}
EVAL = {"eval_strategy": "steps", "eval_steps": 3, "eval_on_start": True}


@pytest.fixture(scope="module")
def study(tiny_base, tmp_path_factory):
    """A base model, and a folder with data and a trained SFT adapter."""
    return trained_study(tiny_base, tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="module")
def longer(study, tmp_path_factory):
    """The folder of the SFT model trained longer."""
    base, folder = study
    out = tmp_path_factory.mktemp("longer") / "adapter"
    train_sft_longer(sft_run(base, out, STEPS, lora=LORA, **SGD), *sft_data(folder), sft=str(folder / "sft"))
    return out


def test_losses_equal_those_of_stock_trl_on_the_merged_sft_model(study, longer):
    base, folder = study
    stock = stock_sft_longer(base, folder, LORA, **STOCK_SGD, **EVAL)
    stock.train()
    expected, actual = logged(stock.state.log_history), logged_file(longer / "log.csv")
    assert len(actual["train"]["loss"]) == STEPS and len(actual["eval"]["loss"]) == 4  # at steps 0, 3, 6 and 9
    for split in ("train", "eval"):
        differences = largest_differences(expected[split], actual[split])
        compared = {"loss", "grad_norm"} & differences.keys()  # the others are means over the tokens of a micro-batch
        assert "loss" in compared and max(differences[name] for name in compared) < 2e-5, (split, differences)
    weights, trained = load_file(longer / "adapter_model.safetensors"), get_peft_model_state_dict(stock.model)
    for name, value in trained.items():
        ours = weights[name][4:] if "lora_A" in name else weights[name][:, 4:]
        torch.testing.assert_close(ours, value.cpu(), atol=1e-6, rtol=0)


def test_the_sft_ranks_stay_and_the_new_ranks_are_trained(study, longer):
    _, folder = study
    before, after = (load_file(path / "adapter_model.safetensors") for path in (folder / "sft", longer))
    assert_sft_ranks_kept(before, after)


def test_the_record_has_the_sft_model_and_the_steps(study, longer):
    _, folder = study
    record = read_json(longer / "run.json")
    assert record["steps"] == STEPS and record["tokens_seen"] > 0
    assert str(folder / "sft/adapter_model.safetensors") in record["inputs"]


def test_a_job_gives_the_files_by_name(study, longer, tmp_path):
    base, folder = study
    out = tmp_path / "adapter"
    rows, evals = sft_data(folder)
    files = {"train": rows, "eval": evals, "sft": str(folder / "sft/SHA256SUMS"), "gate": "unused"}
    train(sft_run(base, out, STEPS, lora=LORA, **SGD), files)
    assert (out / "adapter_model.safetensors").read_bytes() == (longer / "adapter_model.safetensors").read_bytes()


def test_an_optimizer_that_changes_frozen_ranks_is_refused(study, tmp_path):
    base, folder = study
    run = sft_run(base, tmp_path / "out", optimizer="adamw_8bit")
    with pytest.raises(UserError, match=r"key 'optimizer': the optimizer 'adamw_8bit'.*Set optimizer: adamw_torch"):
        train_sft_longer(run, *sft_data(folder), sft=str(folder / "sft"))
