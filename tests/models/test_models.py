"""Tokenizers and saved weights."""

import hashlib

import pytest
import torch
from peft import LoraConfig, get_peft_model

from clinical_dpo.io import read_json
from clinical_dpo.models.load import is_adapter, load_base, load_variant, save_trained
from clinical_dpo.tokenization.tokenizer import load_tokenizer
from tests.conftest import MODEL

SAFE = {".safetensors", ".json", ".jinja"}


def adapted(base, seed=3):
    torch.manual_seed(seed)
    settings = LoraConfig(r=4, target_modules=MODEL["lora_targets"], init_lora_weights=False, task_type="CAUSAL_LM")
    return get_peft_model(load_base(base, MODEL), settings)


def contents(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def test_a_tokenizer_pads_on_the_left(tiny_base):
    tokenizer = load_tokenizer(tiny_base)
    assert tokenizer.padding_side == "left" and tokenizer.pad_token not in (None, tokenizer.eos_token)


def test_a_tokenizer_without_a_pad_token_pads_with_its_end(tiny_base, tmp_path):
    tokenizer = load_tokenizer(tiny_base)
    tokenizer.pad_token = None
    tokenizer.save_pretrained(tmp_path)
    again = load_tokenizer(tmp_path)
    assert again.pad_token == again.eos_token == tokenizer.eos_token


@pytest.mark.parametrize("kind", ["adapter", "full"])
def test_the_same_weights_are_the_same_bytes_and_never_pickles(tiny_base, tmp_path, kind):
    tokenizer = load_tokenizer(tiny_base)
    for name in ("one", "two"):
        model = adapted(tiny_base) if kind == "adapter" else load_base(tiny_base, MODEL)
        save_trained(model, tokenizer, tmp_path / name)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    files = list((tmp_path / "one").iterdir())
    assert {path.suffix for path in files} <= SAFE and any(path.suffix == ".safetensors" for path in files)
    assert is_adapter(tmp_path / "one") == (kind == "adapter")
    if kind == "adapter":
        targets = read_json(tmp_path / "one/adapter_config.json")["target_modules"]
        assert targets == sorted(MODEL["lora_targets"])


def test_what_was_saved_is_what_loads(tiny_base, tmp_path):
    tokenizer, ids = load_tokenizer(tiny_base), torch.arange(20, 60)[None]
    model = adapted(tiny_base).eval()
    save_trained(model, tokenizer, tmp_path / "adapter")
    merged = adapted(tiny_base).merge_and_unload()
    save_trained(merged, tokenizer, tmp_path / "full")
    with torch.no_grad():
        expected, base = model(ids).logits, load_variant(tiny_base, None, MODEL)(ids).logits
        for name in ("adapter", "full"):
            loaded = load_variant(tiny_base, tmp_path / name, MODEL)
            assert not loaded.training
            torch.testing.assert_close(loaded(ids).logits, expected, atol=1e-4, rtol=1e-4)
    assert not torch.allclose(base, expected, atol=1e-2)
