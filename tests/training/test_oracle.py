"""Training in the flat layout against stock TRL: the same losses, metrics and weights within float32 rounding."""

import copy
import dataclasses

import pytest
import torch
from peft import get_peft_model_state_dict
from safetensors.torch import load_file
from torch.nn.attention import flex_attention
from trl import DPOTrainer

from clinical_dpo.checksums import BASE_RECORD
from clinical_dpo.errors import UserError
from clinical_dpo.io import read_json, write_json
from clinical_dpo.models.load import load_base
from clinical_dpo.models.tiny.pretraining import build_tiny_model
from clinical_dpo.training import dpo
from clinical_dpo.training.dpo import train_dpo
from clinical_dpo.training.flat import collator as flat_collator
from clinical_dpo.training.flat.layout import flat_layout
from clinical_dpo.training.reference_logps import compute_reference_logps
from clinical_dpo.training.sft import train_sft
from tests.conftest import MODEL, TINY
from tests.helpers.training_cases import (
    dpo_data,
    dpo_run,
    largest_differences,
    logged,
    logged_file,
    pair_files,
    random_adapter,
    sft_data,
    sft_run,
    stock_dpo,
    stock_sft,
    write_rows,
)

STEPS = 20
SFT_LORA, DPO_LORA = {"rank": 64, "alpha": 16, "dropout": 0.1}, {"rank": 128, "alpha": 128, "dropout": 0.05}
SGD = {"optimizer": "sgd", "learning_rate": 0.3}
ADAMW = {"optimizer": "adamw_torch", "learning_rate": 1e-3}
CONSTANT = {"lr_scheduler_type": "constant", "warmup_steps": 0}
ROUNDING = 2e-5  # largest difference of a metric after 20 steps: float32 at some tens of nats
WEIGHT_ROUNDING = 1e-6  # with SGD; AdamW divides near-zero gradients by their own size


ARCHITECTURES = [("llama", None), ("mistral", 24), pytest.param(("mistral", None), marks=pytest.mark.slow)]


@pytest.fixture(scope="module", params=ARCHITECTURES, ids=str)
def study(request, tmp_path_factory):
    """A model of two layers, and a folder with an SFT adapter of rank 64, pairs and their reference."""
    return make_study(tmp_path_factory.mktemp("oracle"), *request.param)


def make_study(folder, arch, window):
    base = folder / "base"
    build_tiny_model(arch, TINY | {"hidden_size": 64, "intermediate_size": 128, "sliding_window": window}, 7, base)
    write_json(base / BASE_RECORD, {"source": "pretrain", "id": arch, "revision": "test"})
    random_adapter(base, folder / "sft", **SFT_LORA)
    write_rows(folder)
    compute_reference_logps(str(base), str(folder / "sft"), MODEL, pair_files(folder), 256, 5)
    return base, folder


def as_stock(optimizer, accumulation, eval_steps, steps=STEPS):
    """Arguments of stock TRL that equal the settings of a run here."""
    return {
        "max_steps": steps,
        "optim": optimizer["optimizer"],
        "learning_rate": optimizer["learning_rate"],
        "per_device_train_batch_size": 4 // accumulation,
        "gradient_accumulation_steps": accumulation,
        **({"eval_strategy": "steps", "eval_steps": eval_steps, "eval_on_start": True} if eval_steps else {}),
    }


def in_micro_batches(run, accumulation):
    return dataclasses.replace(run, micro_batch_size=4 // accumulation)


def assert_same_log(trainer, out, steps=STEPS):
    expected, actual = logged(trainer.state.log_history), logged_file(out / "log.csv")
    assert len(actual["train"]["loss"]) == steps
    for split in ("train", "eval") if expected["eval"] else ("train",):
        differences = largest_differences(expected[split], actual[split])
        assert {"loss", "entropy", "mean_token_accuracy"} <= set(differences)
        assert max(differences.values()) < ROUNDING, differences


def assert_same_weights(expected, actual):
    assert expected.keys() == actual.keys()
    assert max((expected[name] - actual[name]).abs().max() for name in expected) < WEIGHT_ROUNDING


def new_ranks(out):
    """The ranks of a saved policy that DPO trained."""
    weights = load_file(out / "adapter_model.safetensors")
    rank = SFT_LORA["rank"]
    return {name: value[rank:] if "lora_A" in name else value[:, rank:] for name, value in weights.items()}


@pytest.mark.parametrize(
    ("optimizer", "accumulation", "eval_steps"),
    [(SGD, 2, 7), (ADAMW, 1, None), pytest.param(SGD, 1, None, marks=pytest.mark.slow)],
    ids=["sgd", "adamw", "sgd-without-eval"],
)
def test_dpo_equals_stock_trl_with_a_live_reference_model(study, tmp_path, optimizer, accumulation, eval_steps):
    """SFT has rank 64 and scale 1/4, DPO rank 128 and scale 1. Both answers of some pairs begin with equal tokens."""
    base, folder = study
    stock = stock_dpo(base, folder, DPO_LORA, **as_stock(optimizer, accumulation, eval_steps))
    start = copy.deepcopy(get_peft_model_state_dict(stock.model))
    stock.train()
    run = dpo_run(base, tmp_path, STEPS, lora=DPO_LORA, eval_steps=eval_steps or 1000, **optimizer, **CONSTANT)
    train_dpo(in_micro_batches(run, accumulation), *dpo_data(folder))
    assert_same_log(stock, tmp_path)
    losses = [entry["loss"] for entry in stock.state.log_history if "loss" in entry]
    assert losses[0] == pytest.approx(0.6931, abs=1e-4) and min(losses) < 0.1
    trained = get_peft_model_state_dict(stock.model)
    assert max((trained[name] - start[name]).abs().max() for name in start) > 0.01
    if optimizer is SGD:
        assert_same_weights(trained, new_ranks(tmp_path))


@pytest.mark.parametrize(
    ("optimizer", "accumulation", "dropout"), [(SGD, 2, 0.0), (ADAMW, 1, 0.1)], ids=["sgd", "adamw-dropout"]
)
def test_sft_equals_stock_trl(study, tmp_path, optimizer, accumulation, dropout):
    """With dropout, rows have one length, since draws depend on tensor shapes.

    Stock TRL does not evaluate there, because its evaluations take random numbers from training.
    """
    base, _ = study
    lora = SFT_LORA | {"dropout": dropout}
    write_rows(tmp_path, equal=dropout > 0)
    stock = stock_sft(base, tmp_path, lora, **as_stock(optimizer, accumulation, None if dropout else 7))
    stock.train()
    run = sft_run(base, tmp_path / "ours", STEPS, lora=lora, eval_steps=7, **optimizer, **CONSTANT)
    train_sft(in_micro_batches(run, accumulation), *sft_data(tmp_path))
    assert_same_log(stock, tmp_path / "ours")
    if optimizer is SGD:
        ours = load_file(tmp_path / "ours/adapter_model.safetensors")
        assert_same_weights(get_peft_model_state_dict(stock.model), ours)


@pytest.fixture(scope="module")
def windowed(tmp_path_factory):
    """The study of a Mistral whose window is shorter than the prompts."""
    return make_study(tmp_path_factory.mktemp("windowed"), "mistral", 24)


def test_training_of_all_weights_equals_stock_trl(windowed, tmp_path):
    """Both stages have adapter: full. DPO starts from the SFT model, with a copy of it as live reference model."""
    base, folder = windowed
    full = {"adapter": "full", **SGD, **CONSTANT, "learning_rate": 0.05}
    write_rows(tmp_path)
    stock = stock_sft(base, tmp_path, None, **as_stock(full, 2, 7))
    stock.train()
    train_sft(sft_run(base, tmp_path / "sft", STEPS, eval_steps=7, **full), *sft_data(tmp_path))
    assert_same_log(stock, tmp_path / "sft")
    compute_reference_logps(str(base), str(tmp_path / "sft"), MODEL, pair_files(tmp_path), 256, 5)
    train_dpo(dpo_run(base, tmp_path / "dpo", STEPS, eval_steps=7, **full), *dpo_data(tmp_path))
    adapted = stock_dpo(base, folder, DPO_LORA, **as_stock(full, 2, 7))
    stock = DPOTrainer(
        model=load_base(tmp_path / "sft", MODEL),
        ref_model=load_base(tmp_path / "sft", MODEL),
        args=adapted.args,
        train_dataset=adapted.train_dataset,
        eval_dataset=adapted.eval_dataset,
        processing_class=adapted.processing_class,
    )
    stock.train()
    assert_same_log(stock, tmp_path / "dpo")
    weights = dict(stock.model.named_parameters())
    ours = load_file(tmp_path / "dpo/model.safetensors")
    assert_same_weights({name: weights[name].data for name in ours}, ours)


def attends_to_the_chosen_answer(layout):
    """The rejected answer attends to the chosen answer."""
    wrong = [(a, b, c, a if d > c else d) for a, b, c, d in layout["segments"]]
    return layout | {"segments": tuple(wrong)}


def continues_positions(layout):
    """The positions of the rejected answer follow those of the chosen answer."""
    return layout | {"position_ids": torch.arange(layout["input_ids"].shape[1])[None]}


def predicts_from_the_chosen_answer(layout):
    """The last token of the chosen answer predicts the first token of the rejected answer."""
    index = layout["prediction_index"].clone()
    for begin, _, shared_begin, shared_end in layout["segments"]:
        if shared_end > shared_begin:
            index[torch.nonzero(index == shared_end - 1)[-1]] = begin - 1
    return layout | {"prediction_index": index}


@pytest.fixture(scope="module")
def stock_log(windowed):
    """The log of six steps of stock TRL."""
    base, folder = windowed
    stock = stock_dpo(base, folder, DPO_LORA, **as_stock(SGD, 1, None, steps=6))
    stock.train()
    return logged(stock.state.log_history)["train"]


def test_training_with_flex_attention_equals_stock_trl(windowed, stock_log, tmp_path, monkeypatch):
    """The kernel runs uncompiled on a CPU, after torch's refusal of its backward pass there is removed."""
    monkeypatch.setattr(flex_attention, "_validate_device", lambda *tensors: None)
    base, folder = windowed
    run = dpo_run(base, tmp_path / "ours", 6, layout="flex", lora=DPO_LORA, eval_steps=1000, **SGD, **CONSTANT)
    train_dpo(in_micro_batches(run, 1), *dpo_data(folder))
    assert largest_differences(stock_log, logged_file(tmp_path / "ours/log.csv")["train"])["loss"] < ROUNDING


LAYOUT_MISTAKES = [attends_to_the_chosen_answer, continues_positions, predicts_from_the_chosen_answer]


@pytest.mark.parametrize("broken", [None, *LAYOUT_MISTAKES, "no window", "base as reference"])
def test_a_mistake_changes_the_losses_by_far_more_than_rounding(windowed, stock_log, tmp_path, monkeypatch, broken):
    """Each mistake is refused before the first step, and would change a loss by more than a hundred times the rounding.

    Without one, losses are equal.
    """
    base, folder = windowed
    if callable(broken):
        monkeypatch.setattr(flat_collator, "flat_layout", lambda *batch: broken(flat_layout(*batch)))
    if broken == "no window":
        base = tmp_path / "wide"
        base.mkdir()
        for file in (folder / "base").iterdir():
            (base / file.name).symlink_to(file)
        (base / "config.json").unlink()
        write_json(base / "config.json", read_json(folder / "base/config.json") | {"sliding_window": None})
    data = dpo_data(folder)
    if broken == "base as reference":
        pairs = {str(tmp_path / f"{name}.parquet"): data[i] for i, name in enumerate(("train", "eval"))}
        random_adapter(base, tmp_path / "none", 1, 0, 0.0)  # an adapter of scale 0 leaves the base model as it is
        compute_reference_logps(str(base), str(tmp_path / "none"), MODEL, pairs, 256, 5)
        data[2:4] = pairs
    run = dpo_run(base, tmp_path / "ours", 6, lora=DPO_LORA, eval_steps=1000, **SGD, **CONSTANT)
    if broken:
        with pytest.raises(UserError, match="differ before the first step"):
            train_dpo(in_micro_batches(run, 1), *data)
        monkeypatch.setattr(dpo, "_check_start", lambda *arguments: None)
    train_dpo(in_micro_batches(run, 1), *data)
    difference = largest_differences(stock_log, logged_file(tmp_path / "ours/log.csv")["train"])["loss"]
    assert difference > 100 * ROUNDING if broken else difference < ROUNDING
