"""Training in the flat layout against stock TRL: the same losses, metrics and weights within float32 rounding."""

import copy
import dataclasses

import pytest
import torch
from peft import get_peft_model_state_dict
from safetensors.torch import load_file
from torch.nn.attention import flex_attention
from trl import DPOTrainer

from clinical_dpo.io import read_json, write_json
from clinical_dpo.models.load import BASE_RECORD, load_base
from clinical_dpo.models.tiny.pretraining import build_tiny_model
from clinical_dpo.training.dpo import train_dpo
from clinical_dpo.training.flat import collator as batching
from clinical_dpo.training.flat import model as packing
from clinical_dpo.training.flat.layout import flat_layout
from clinical_dpo.training.reference_logps import score_reference
from clinical_dpo.training.sft import train_sft
from tests.conftest import MODEL, TINY
from tests.helpers.training_cases import (
    dpo_data,
    dpo_run,
    furthest,
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
ROUNDING = 2e-5  # of a metric after 20 steps: float32 at some tens of nats
WEIGHTS = 1e-6  # of a weight, with SGD; AdamW divides near-zero gradients by their own size


ARCHITECTURES = [("llama", None), ("mistral", 24), pytest.param(("mistral", None), marks=pytest.mark.slow)]


@pytest.fixture(scope="module", params=ARCHITECTURES, ids=str)
def study(request, tmp_path_factory):
    """A model of two layers, an SFT adapter of rank 64, pairs of mixed lengths and their reference."""
    return make_study(tmp_path_factory.mktemp("oracle"), *request.param)


def make_study(folder, arch, window):
    base = folder / "base"
    build_tiny_model(arch, TINY | {"hidden_size": 64, "intermediate_size": 128, "sliding_window": window}, 7, base)
    write_json(base / BASE_RECORD, {"source": "pretrain", "id": arch, "revision": "test"})
    random_adapter(base, folder / "sft", **SFT_LORA)
    write_rows(folder)
    score_reference(str(base), str(folder / "sft"), MODEL, pair_files(folder), 256, 5)
    return base, folder


def as_stock(optimizer, accumulation, eval_steps, steps=STEPS):
    """The arguments of stock TRL for a run of ours."""
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
    expected, found = logged(trainer.state.log_history), logged_file(out / "log.csv")
    assert len(found["train"]["loss"]) == steps
    for split in ("train", "eval") if expected["eval"] else ("train",):
        differences = furthest(expected[split], found[split])
        assert {"loss", "entropy", "mean_token_accuracy"} <= set(differences)
        assert max(differences.values()) < ROUNDING, differences


def assert_same_weights(expected, found):
    assert expected.keys() == found.keys()
    assert max((expected[name] - found[name]).abs().max() for name in expected) < WEIGHTS


def new_ranks(out):
    """The part of a saved wide adapter that DPO trained."""
    weights = load_file(out / "adapter_model.safetensors")
    rank = SFT_LORA["rank"]
    return {name: value[rank:] if "lora_A" in name else value[:, rank:] for name, value in weights.items()}


@pytest.mark.parametrize(
    ("optimizer", "accumulation", "eval_steps"),
    [(SGD, 2, 7), (ADAMW, 1, None), pytest.param(SGD, 1, None, marks=pytest.mark.slow)],
    ids=["sgd", "adamw", "sgd-without-eval"],
)
def test_dpo_is_stock_trl_with_a_live_reference(study, tmp_path, optimizer, accumulation, eval_steps):
    """SFT of rank 64 at scale 1/4, DPO of rank 128 at scale 1, answers that begin alike among the pairs."""
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
def test_sft_is_stock_trl(study, tmp_path, monkeypatch, optimizer, accumulation, dropout):
    """With dropout, on rows of one length and with the last block whole: else the draws are others, as shapes are."""
    base, _ = study
    if dropout:
        monkeypatch.setattr(packing, "LlamaDecoderLayer", type(None))
        monkeypatch.setattr(packing, "MistralDecoderLayer", type(None))
    lora = SFT_LORA | {"dropout": dropout}
    write_rows(tmp_path, equal=dropout > 0)
    stock = stock_sft(base, tmp_path, lora, **as_stock(optimizer, accumulation, 7))
    stock.train()
    run = sft_run(base, tmp_path / "ours", STEPS, lora=lora, eval_steps=7, **optimizer, **CONSTANT)
    train_sft(in_micro_batches(run, accumulation), *sft_data(tmp_path))
    assert_same_log(stock, tmp_path / "ours")
    if optimizer is SGD:
        found = load_file(tmp_path / "ours/adapter_model.safetensors")
        assert_same_weights(get_peft_model_state_dict(stock.model), found)


@pytest.fixture(scope="module")
def windowed(tmp_path_factory):
    """Mistral with a window shorter than the prompts."""
    return make_study(tmp_path_factory.mktemp("windowed"), "mistral", 24)


def test_all_weights_train_as_in_stock_trl(windowed, tmp_path):
    """adapter: full, both stages; DPO starts from what SFT made, with a copy of it as live reference."""
    base, folder = windowed
    full = {"adapter": "full", **SGD, **CONSTANT, "learning_rate": 0.05}
    write_rows(tmp_path)
    stock = stock_sft(base, tmp_path, None, **as_stock(full, 2, 7))
    stock.train()
    train_sft(sft_run(base, tmp_path / "sft", STEPS, eval_steps=7, **full), *sft_data(tmp_path))
    assert_same_log(stock, tmp_path / "sft")
    score_reference(str(base), str(tmp_path / "sft"), MODEL, pair_files(tmp_path), 256, 5)
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
    found = load_file(tmp_path / "dpo/model.safetensors")
    assert_same_weights({name: weights[name].data for name in found}, found)


def sees_the_other_answer(layout):
    """The rejected answer attends to the chosen one."""
    wrong = [(a, b, c, a if d > c else d) for a, b, c, d in layout["segments"]]
    return layout | {"segments": tuple(wrong)}


def counts_on(layout):
    """The rejected answer's positions go on from the chosen one's."""
    return layout | {"position_ids": torch.arange(layout["input_ids"].shape[1])[None]}


def predicts_from_its_neighbour(layout):
    """The rejected answer's first token is predicted by the chosen one's last."""
    predicts = layout["predicts"].clone()
    for begin, _, shared_begin, shared_end in layout["segments"]:
        if shared_end > shared_begin:
            predicts[torch.nonzero(predicts == shared_end - 1)[-1]] = begin - 1
    return layout | {"predicts": predicts}


@pytest.fixture(scope="module")
def stock_log(windowed):
    """Six steps of stock TRL."""
    base, folder = windowed
    stock = stock_dpo(base, folder, DPO_LORA, **as_stock(SGD, 1, None, steps=6))
    stock.train()
    return logged(stock.state.log_history)["train"]


def test_one_attention_kernel_for_a_row_trains_alike(windowed, stock_log, tmp_path, monkeypatch):
    """Uncompiled and on a CPU, where torch refuses the backward pass that it has."""
    monkeypatch.setattr(flex_attention, "_validate_device", lambda *tensors: None)
    base, folder = windowed
    run = dpo_run(base, tmp_path / "ours", 6, layout="flex", lora=DPO_LORA, eval_steps=1000, **SGD, **CONSTANT)
    train_dpo(in_micro_batches(run, 1), *dpo_data(folder))
    assert furthest(stock_log, logged_file(tmp_path / "ours/log.csv")["train"])["loss"] < ROUNDING


@pytest.mark.parametrize(
    "broken", [None, sees_the_other_answer, counts_on, predicts_from_its_neighbour, "no window", "base as reference"]
)
def test_what_is_wrong_is_found(windowed, stock_log, tmp_path, monkeypatch, broken):
    """Each mistake moves the losses by a hundred times the rounding and more; nothing broken does not."""
    base, folder = windowed
    if callable(broken):
        monkeypatch.setattr(batching, "flat_layout", lambda *batch: broken(flat_layout(*batch)))
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
        random_adapter(base, tmp_path / "none", 1, 0, 0.0)  # scale 0: the base model
        score_reference(str(base), str(tmp_path / "none"), MODEL, pairs, 256, 5)
        data[2:4] = pairs
    run = dpo_run(base, tmp_path / "ours", 6, lora=DPO_LORA, eval_steps=1000, **SGD, **CONSTANT)
    train_dpo(in_micro_batches(run, 1), *data)
    furthest_loss = furthest(stock_log, logged_file(tmp_path / "ours/log.csv")["train"])["loss"]
    assert furthest_loss > 100 * ROUNDING if broken else furthest_loss < ROUNDING
