"""Four-bit weights against the paper's values, a model that was never evaluated, and plain transformers with PEFT."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import torch
from bitsandbytes import functional
from bitsandbytes.nn import Linear4bit
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, BitsAndBytesConfig

from clinical_dpo.checksums import BASE_RECORD
from clinical_dpo.errors import UserError
from clinical_dpo.inference.generate import generate_answers
from clinical_dpo.io import read_csv, write_json
from clinical_dpo.models import load as models
from clinical_dpo.models.load import full_training_settings, load_base, load_variant, save_trained
from clinical_dpo.models.tiny.pretraining import build_tiny_model
from clinical_dpo.schemas import validate
from clinical_dpo.tokenization.tokenizer import load_tokenizer
from clinical_dpo.training.dpo import train_dpo
from clinical_dpo.training.reference_logps import compute_reference_logps
from clinical_dpo.training.sft import train_sft
from clinical_dpo.training.sft_ranks import policy_with_frozen_sft_ranks
from tests.conftest import MODEL, TINY
from tests.helpers.adapters import with_random_lora
from tests.helpers.training_cases import DPO, dpo_data, dpo_run, pair_files, rows, sft_data, sft_run, write_rows

# QLoRA (Dettmers et al. 2023, arXiv:2305.14314), appendix E.
NF4 = np.array(
    [
        *(-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453),
        *(-0.28444138169288635, -0.18477343022823334, -0.09105003625154495, 0.0),
        *(0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224),
        *(0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0),
    ]
)
BLOCK = 64  # weights that share one scale
QUANTIZATION = {"type": "nf4", "double": True, "compute_dtype": "float32"}
FOUR_BIT = MODEL | {"quantization": QUANTIZATION}
SINGLE = MODEL | {"quantization": QUANTIZATION | {"double": False}}
IDS = torch.arange(20, 60)[None]


@pytest.fixture(scope="module", params=["llama", "mistral"])
def base(request, tmp_path_factory):
    """A random model whose layers hold complete blocks."""
    out = tmp_path_factory.mktemp("base") / request.param
    window = 24 if request.param == "mistral" else None
    size = {"hidden_size": 64, "intermediate_size": 128, "steps": 1, "sliding_window": window}
    build_tiny_model(request.param, TINY | size, 7, out)
    write_json(out / BASE_RECORD, {"source": "pretrain", "id": request.param, "revision": "test"})
    return out


@pytest.fixture(scope="module")
def study(base, tmp_path_factory):
    """A four-bit model, and the folder with its training."""
    folder = tmp_path_factory.mktemp("study")
    train(base, folder, FOUR_BIT)
    return base, folder


def train(base, folder, model, **changes):
    """Train three steps of SFT and of DPO with the project's functions."""
    folder.mkdir(exist_ok=True)
    write_rows(folder)
    sft, dpo = (
        dataclasses.replace(make(base, folder / stage, 3, **changes), model=model)
        for make, stage in ((sft_run, "sft"), (dpo_run, "dpo"))
    )
    train_sft(sft, *sft_data(folder))
    compute_reference_logps(base, sft.out, model, pair_files(folder), 256, 4)
    train_dpo(dpo, *dpo_data(folder))


def linear_names(base):
    return [f"{name}.weight" for name, _ in linear_layers(load_base(base, FOUR_BIT))]


def linear_layers(model):
    return [(name, layer) for name, layer in model.named_modules() if isinstance(layer, Linear4bit)]


def nearest_of_sixteen(weight):
    """Round each block of 64, divided by its largest magnitude, to the nearest of the sixteen values.

    Returns weights, codes and scales.
    """
    blocks = weight.double().numpy().reshape(-1, BLOCK)
    scales = np.abs(blocks).max(1, keepdims=True)
    codes = NF4[np.abs((blocks / scales)[:, :, None] - NF4).argmin(2)]
    return (codes * scales).reshape(weight.shape), codes.reshape(weight.shape), scales[:, 0]


def dequantized(layer):
    return functional.dequantize_4bit(layer.weight.data, layer.weight.quant_state).numpy()


def logits(model):
    with torch.no_grad():
        return model(IDS).logits


def test_every_lora_target_holds_four_bits(base):
    model = load_base(base, FOUR_BIT)
    layers = linear_layers(model)
    assert {name.rsplit(".", 1)[-1] for name, _ in layers} == set(MODEL["lora_targets"]) and len(layers) == 14
    for _, layer in layers:
        weights = layer.in_features * layer.out_features
        state = layer.weight.quant_state
        assert layer.weight.dtype == torch.uint8 and layer.weight.numel() == weights // 2
        assert state.absmax.dtype == torch.uint8 and state.absmax.numel() == weights // BLOCK  # quantized too
        assert state.quant_type == "nf4" and not layer.weight.requires_grad


def test_weights_outside_lora_targets_keep_their_dtype(base):
    kept = [weight for weight in load_base(base, FOUR_BIT).parameters() if weight.dtype != torch.uint8]
    assert kept and all(weight.dtype == torch.float32 for weight in kept)


def test_scales_are_float32_without_double_quantization(base):
    state = linear_layers(load_base(base, SINGLE))[0][1].weight.quant_state
    assert state.absmax.dtype == torch.float32


def test_weights_are_the_nearest_of_the_paper_s_sixteen_values(base):
    plain = load_base(base, MODEL).state_dict()
    for name, layer in linear_layers(load_base(base, SINGLE)):
        expected, _, _ = nearest_of_sixteen(plain[f"{name}.weight"])
        np.testing.assert_allclose(dequantized(layer), expected, atol=1e-6)


def test_quantized_scales_add_at_most_their_own_rounding(base):
    """Scales minus their mean are rounded to 8 bits; the error is at most 1% of the largest such difference."""
    plain = load_base(base, MODEL).state_dict()
    for name, layer in linear_layers(load_base(base, FOUR_BIT)):
        weight = plain[f"{name}.weight"]
        expected, codes, scales = nearest_of_sixteen(weight)
        allowed = 0.01 * np.abs(scales - scales.mean()).max()
        error = np.abs(dequantized(layer) - expected)
        assert error.max() > 0 and (error <= np.abs(codes) * allowed + 1e-6).all()
        half_gap = np.diff(NF4).max() / 2 * np.repeat(scales, BLOCK).reshape(weight.shape)
        assert (np.abs(dequantized(layer) - weight.numpy()) <= half_gap + allowed + 1e-6).all()


def test_the_model_computes_with_the_rounded_weights(base):
    plain = load_base(base, MODEL)
    unrounded = logits(plain)
    with torch.no_grad():
        for name in linear_names(base):
            weight = plain.get_parameter(name)
            weight.copy_(torch.tensor(nearest_of_sixteen(weight.detach())[0]))
    torch.testing.assert_close(logits(load_base(base, SINGLE)), logits(plain), atol=1e-4, rtol=1e-4)
    assert (logits(plain) - unrounded).abs().max() > 0.05


def gradients(base, evaluated):
    """Gradients of a LoRA under a cross-entropy, after an evaluation or without one; and a layer of the base."""
    model = with_random_lora(load_base(base, FOUR_BIT), seed=3)
    if evaluated:
        model.eval()
        logits(model)
    model.train()
    model(IDS, labels=IDS).loss.backward()
    grads = {name: weight.grad for name, weight in model.named_parameters() if weight.requires_grad}
    return grads, linear_layers(model)[0][1]


@pytest.mark.parametrize("protected", [True, False])
def test_an_evaluation_changes_no_gradient(base, monkeypatch, protected):
    """As on a CPU with AVX512-BF16. Without `keep_differentiable` a layer passes no gradient back."""
    compute = functional.gemv_4bit  # C code on such a CPU, which autograd does not see
    monkeypatch.setattr(functional, "gemv_4bit", lambda *args, **options: compute(*args, **options).detach())
    monkeypatch.setattr("bitsandbytes.nn.modules.has_avx512bf16", lambda: True)
    if not protected:
        monkeypatch.setattr(models, "keep_differentiable", lambda model: None)
    expected, _ = gradients(base, evaluated=False)
    grads, layer = gradients(base, evaluated=True)
    assert min(grad.abs().max() for grad in expected.values()) > 0
    assert all(torch.equal(grads[name], expected[name]) for name in expected) == protected
    assert layer(torch.ones(2, layer.in_features, requires_grad=True)).requires_grad == protected


def test_the_untrained_policy_equals_the_sft_model(study):
    base, folder = study
    policy = policy_with_frozen_sft_ranks(
        load_base(base, FOUR_BIT), folder / "sft", DPO["lora"], MODEL["lora_targets"]
    ).eval()
    expected = logits(load_variant(base, folder / "sft", FOUR_BIT))
    assert (logits(policy) - expected).abs().max() < 1e-5
    assert (expected - logits(load_base(base, FOUR_BIT))).abs().max() > 1e-2


def test_the_first_margin_is_zero_and_the_reference_model_is_the_sft_model(study):
    _, folder = study
    first = read_csv(folder / "dpo/log.csv")[0]
    assert first["split"] == "eval" and float(first["loss"]) == pytest.approx(np.log(2), abs=1e-5)
    assert float(first["rewards/margins"]) == pytest.approx(0, abs=1e-5)
    stored = pd.read_parquet(folder / "eval.parquet")
    for side in ("chosen", "rejected"):
        assert float(first[f"logps/{side}"]) == pytest.approx(stored[side].mean(), abs=1e-3)


def test_adapters_are_float32_and_not_rounded_through_bfloat16(study):
    _, folder = study
    for stage in ("sft", "dpo"):
        for weight in load_file(folder / stage / "adapter_model.safetensors").values():
            assert weight.dtype == torch.float32 and not torch.equal(weight, weight.bfloat16().float())


def test_dpo_trains_the_new_ranks_and_keeps_the_sft_ranks(study):
    _, folder = study
    sft, policy = (load_file(folder / stage / "adapter_model.safetensors") for stage in ("sft", "dpo"))
    for name, value in sft.items():
        if "lora_A" in name:
            assert torch.equal(policy[name][:4], value)  # the frozen ranks
        else:
            torch.testing.assert_close(policy[name][:, :4], value * 4)  # the SFT scale is 4, the DPO scale 1
            assert policy[name][:, 4:].abs().max() > 0


@pytest.mark.parametrize("stage", ["sft", "dpo"])
@pytest.mark.parametrize("four_bit", [True, False])
def test_plain_transformers_and_peft_load_an_adapter_over_either_base(study, monkeypatch, stage, four_bit):
    monkeypatch.setattr("bitsandbytes.nn.modules.has_avx512bf16", lambda: False)  # True computes in bfloat16
    base, folder = study
    plain = AutoModelForCausalLM.from_pretrained(
        base,
        dtype=torch.float32,
        quantization_config=BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True
        )
        if four_bit
        else None,
    )
    loaded = PeftModel.from_pretrained(plain, str(folder / stage)).eval()
    ours = load_variant(base, folder / stage, FOUR_BIT if four_bit else MODEL)
    assert logits(ours).shape == (1, 40, len(load_tokenizer(base)))
    assert torch.equal(logits(ours), logits(loaded))
    over_other_base = load_variant(base, folder / stage, MODEL if four_bit else FOUR_BIT)
    assert not torch.allclose(logits(ours), logits(over_other_base), atol=1e-2)


def test_a_saved_policy_computes_the_same_logits_once_loaded(study, tmp_path):
    base, folder = study
    for model in (FOUR_BIT, MODEL):
        policy = policy_with_frozen_sft_ranks(
            load_base(base, model), folder / "sft", DPO["lora"], MODEL["lora_targets"]
        ).eval()
        save_trained(policy, load_tokenizer(base), tmp_path)
        assert torch.equal(logits(load_variant(base, tmp_path, model)), logits(policy))


def test_answers_are_greedy(study):
    base, folder = study
    model, tokenizer = load_variant(base, folder / "dpo", FOUR_BIT), load_tokenizer(base)
    for answer, row in zip(generate_answers(model, tokenizer, rows(3), 5, 2), rows(3), strict=True):
        ids = tokenizer.apply_chat_template(row["prompt"], add_generation_prompt=True, return_dict=True)["input_ids"]
        greedy: list[int] = []
        while len(greedy) < 5 and tokenizer.eos_token_id not in greedy:
            with torch.no_grad():
                greedy.append(int(model(torch.tensor([ids + greedy])).logits[0, -1].argmax()))
        assert answer["text"] == tokenizer.decode(greedy, skip_special_tokens=True).strip()


@pytest.mark.parametrize("four_bit", [True, False])
def test_gradient_checkpointing_changes_no_weight(study, tmp_path, four_bit):
    base, stored = study
    if not four_bit:
        stored = tmp_path / "stored"
        train(base, stored, MODEL)
    recomputed = tmp_path / "recomputed"
    train(base, recomputed, FOUR_BIT if four_bit else MODEL, gradient_checkpointing=True)
    for stage in ("sft", "dpo"):
        expected, weights = (load_file(folder / stage / "adapter_model.safetensors") for folder in (stored, recomputed))
        assert max((expected[name] - weights[name]).abs().max() for name in expected) < 1e-6


def test_bfloat16_arithmetic_keeps_float32_adapters(base, tmp_path):
    model = FOUR_BIT | {"dtype": "bfloat16", "quantization": QUANTIZATION | {"compute_dtype": "bfloat16"}}
    train(base, tmp_path, model)
    first = read_csv(tmp_path / "dpo/log.csv")[0]
    assert float(first["loss"]) == pytest.approx(np.log(2), abs=0.02)
    weights = load_file(tmp_path / "dpo/adapter_model.safetensors")
    assert all(weight.dtype == torch.float32 for weight in weights.values())


def test_training_of_all_weights_in_four_bits_is_refused(base, tmp_path):
    with pytest.raises(UserError, match=r"tiny\.yaml: key 'quantization'.*Set quantization: null, or set adapter"):
        train(base, tmp_path, FOUR_BIT | {"name": "tiny"}, adapter="full")
    assert full_training_settings(MODEL | {"quantization": None})["dtype"] == "float32"


@pytest.mark.parametrize("wrong", [{"type": "int3"}, {"compute_dtype": "float64"}, {"blocks": 64}])
def test_a_wrong_quantization_is_refused(wrong):
    settings = {
        "name": "m",
        "title": "M",
        "source": "hub",
        "id": "a/b",
        "revision": "0" * 40,
        "gpu": 1,
        "parameters": 8,
    } | FOUR_BIT
    validate(settings, "model", "model")
    with pytest.raises(UserError, match="quantization"):
        validate(settings | {"quantization": QUANTIZATION | wrong}, "model", "model")
