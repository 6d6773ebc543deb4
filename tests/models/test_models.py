"""Loading of tokenizers, saving and loading of weights."""

import hashlib

import pytest
import torch

from clinical_dpo.io import read_json
from clinical_dpo.models.load import is_adapter, load_base, load_variant, save_trained
from clinical_dpo.tokenization.tokenizer import load_tokenizer
from tests.conftest import MODEL
from tests.helpers.adapters import with_random_lora

SAFE = {".safetensors", ".json", ".jinja"}


def adapted(base):
    return with_random_lora(load_base(base, MODEL), seed=3)


def digests(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def test_a_tokenizer_pads_on_the_left(tiny_base):
    tokenizer = load_tokenizer(tiny_base)
    assert tokenizer.padding_side == "left" and tokenizer.pad_token not in (None, tokenizer.eos_token)


def test_a_tokenizer_without_a_pad_token_pads_with_its_end_token(tiny_base, tmp_path):
    tokenizer = load_tokenizer(tiny_base)
    tokenizer.pad_token = None
    tokenizer.save_pretrained(tmp_path)
    reloaded = load_tokenizer(tmp_path)
    assert reloaded.pad_token == reloaded.eos_token == tokenizer.eos_token


@pytest.mark.parametrize("kind", ["adapter", "full"])
def test_equal_weights_are_saved_as_equal_bytes(tiny_base, tmp_path, kind):
    for name in ("first", "second"):
        model = adapted(tiny_base) if kind == "adapter" else load_base(tiny_base, MODEL)
        save_trained(model, load_tokenizer(tiny_base), tmp_path / name)
    assert digests(tmp_path / "first") == digests(tmp_path / "second")
    assert is_adapter(tmp_path / "first") == (kind == "adapter")


@pytest.mark.parametrize("kind", ["adapter", "full"])
def test_saved_weights_are_safetensors_and_never_pickles(tiny_base, tmp_path, kind):
    model = adapted(tiny_base) if kind == "adapter" else load_base(tiny_base, MODEL)
    save_trained(model, load_tokenizer(tiny_base), tmp_path / "saved")
    suffixes = {path.suffix for path in (tmp_path / "saved").iterdir()}
    assert suffixes <= SAFE and ".safetensors" in suffixes


def test_a_saved_adapter_lists_its_target_modules_in_order(tiny_base, tmp_path):
    save_trained(adapted(tiny_base), load_tokenizer(tiny_base), tmp_path / "saved")
    targets = read_json(tmp_path / "saved/adapter_config.json")["target_modules"]
    assert targets == sorted(MODEL["lora_targets"])


def test_saved_weights_compute_the_same_logits_once_loaded(tiny_base, tmp_path):
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
