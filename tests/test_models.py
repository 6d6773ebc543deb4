"""Snapshots, tokenizers, saved weights, and log-probabilities against the whole table of logits."""

import hashlib

import pytest
import torch
from huggingface_hub import constants
from peft import LoraConfig, get_peft_model

from clinical_dpo.errors import UserError
from clinical_dpo.models import (
    base_record,
    is_adapter,
    load_base,
    load_tokenizer,
    load_variant,
    retrieve_snapshot,
    save_trained,
)
from clinical_dpo.records import read_json
from clinical_dpo.reference import completion_logps
from tests.conftest import MODEL

REVISION = "0123456789abcdef0123456789abcdef01234567"
SAFE = {".safetensors", ".json", ".jinja"}


def adapted(base, seed=3):
    torch.manual_seed(seed)
    settings = LoraConfig(r=4, target_modules=MODEL["lora_targets"], init_lora_weights=False, task_type="CAUSAL_LM")
    return get_peft_model(load_base(base, MODEL), settings)


def contents(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def test_an_unknown_model_names_its_page_and_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(
        UserError, match=rf"no-one/nothing.*{REVISION}.*https://huggingface\.co/no-one/nothing.*HF_HOME"
    ):
        retrieve_snapshot("no-one/nothing", REVISION, tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_a_cached_snapshot_becomes_a_folder_that_loads(tiny_base, tmp_path, monkeypatch):
    cache = tmp_path / "cache/models--clinic--tiny"
    snapshot = cache / "snapshots" / REVISION
    snapshot.mkdir(parents=True)
    (cache / "blobs").mkdir()
    for path in tiny_base.iterdir():
        if path.name != "base.json":
            blob = cache / "blobs" / hashlib.sha256(path.read_bytes()).hexdigest()
            blob.write_bytes(path.read_bytes())
            (snapshot / path.name).symlink_to(blob)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    out = tmp_path / "model"
    retrieve_snapshot("clinic/tiny", REVISION, out)
    retrieve_snapshot("clinic/tiny", REVISION, out)  # a second run replaces the first
    assert base_record(out) == {"source": "hub", "id": "clinic/tiny", "revision": REVISION}
    assert (out / "model.safetensors").is_symlink()
    weights = load_base(tiny_base, MODEL).state_dict()
    assert all(torch.equal(value, weights[name]) for name, value in load_base(out, MODEL).state_dict().items())
    assert load_tokenizer(out).chat_template == load_tokenizer(tiny_base).chat_template


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


@pytest.mark.parametrize("adapter", [False, True])
def test_log_probabilities_equal_those_of_the_whole_table_of_logits(tiny_base, adapter):
    model = (adapted(tiny_base) if adapter else load_base(tiny_base, MODEL)).eval()
    draw = torch.Generator().manual_seed(1)
    lengths, starts = [40, 31, 9, 12], [35, 1, 8, 12]  # the last row has no completion token
    ids = torch.randint(10, 300, (4, 40), generator=draw)
    places = torch.arange(40)
    attention = (places < torch.tensor(lengths)[:, None]).long()
    completion = attention * (places >= torch.tensor(starts)[:, None])
    found = completion_logps(model, ids, attention, completion)
    for row, (length, start) in enumerate(zip(lengths, starts, strict=True)):
        with torch.no_grad():
            logits = model(ids[row : row + 1, :length]).logits[0].double()  # alone, without padding
        logps = torch.log_softmax(logits, -1)
        expected = sum(float(logps[place - 1, ids[row, place]]) for place in range(start, length))
        assert found[row].item() == pytest.approx(expected, abs=1e-3, rel=1e-5)
    assert found[3] == 0
