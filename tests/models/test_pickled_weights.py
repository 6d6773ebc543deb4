"""Pickled weights of every layout become safetensors. Damaged ones and code are refused."""

import json
import pickle
import subprocess

import pytest
import torch

from clinical_dpo.errors import UserError
from clinical_dpo.io import write_json
from clinical_dpo.models.download import link_folder, retrieve_snapshot
from clinical_dpo.models.load import base_record, load_base
from tests.conftest import MODEL
from tests.helpers.base_models import NAME, REVISION, SOURCE, logits, save_sharded, sha256


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "before PyTorch 1.6"])
def test_one_pickle_becomes_safetensors(hub, unsafe, tiny_base, tmp_path, zipped):
    folder, weights = unsafe
    torch.save(weights, folder / "pytorch_model.bin", _use_new_zipfile_serialization=zipped)
    torch.save({"seed": 1}, folder / "training_args.bin")
    hub(folder)
    out = tmp_path / "model"
    retrieve_snapshot(NAME, REVISION, out)
    digests = {"pytorch_model.bin": sha256(folder / "pytorch_model.bin")}
    assert base_record(out) == SOURCE | {"converted": "pytorch_model.bin", "sha256": digests}
    assert not list(out.glob("*.bin")) and not (out / "model.safetensors").is_symlink()
    assert torch.equal(logits(out), logits(tiny_base))


def test_a_pickle_in_shards_becomes_safetensors(hub, unsafe, tiny_base, tmp_path):
    folder, weights = unsafe
    files = save_sharded(weights, folder)
    hub(folder)
    out = tmp_path / "model"
    retrieve_snapshot(NAME, REVISION, out)
    assert base_record(out)["converted"] == "pytorch_model.bin.index.json"
    assert base_record(out)["sha256"] == {file: sha256(folder / file) for file in files}
    assert not (out / "pytorch_model.bin.index.json").exists()
    assert torch.equal(logits(out), logits(tiny_base))


def test_a_shard_that_the_cache_lacks_is_named(hub, unsafe, tmp_path):
    folder, weights = unsafe
    (folder / save_sharded(weights, folder)[1]).unlink()
    hub(folder)
    with pytest.raises(
        UserError, match=r"pytorch_model\.bin\.index\.json names the file pytorch_model-00002.* lacks it\. Run"
    ):
        retrieve_snapshot(NAME, REVISION, tmp_path / "model")
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize("tied", [True, False], ids=["tied by the model", "shared in the file alone"])
def test_weights_that_share_memory_keep_all_their_names(hub, unsafe, tmp_path, tied):
    folder, weights = unsafe
    weights["lm_head.weight"] = weights["model.embed_tokens.weight"]
    config = json.loads((folder / "config.json").read_text()) | {"tie_word_embeddings": tied}
    write_json(folder / "config.json", config)
    torch.save(weights, folder / "pytorch_model.bin")
    hub(folder)
    out = tmp_path / "model"
    retrieve_snapshot(NAME, REVISION, out)
    loaded = load_base(out, MODEL).state_dict()
    assert set(loaded) == set(weights)
    assert all(torch.equal(value, weights[name]) for name, value in loaded.items())


class Command:
    """Its pickle runs a command if it is loaded without restrictions."""

    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return subprocess.check_call, (["touch", str(self.target)],)


@pytest.mark.parametrize("plain", [False, True], ids=["torch.save", "pickle.dump"])
def test_a_pickle_that_runs_code_is_refused_and_does_not_run(hub, unsafe, tmp_path, plain):
    folder, weights = unsafe
    target, file = tmp_path / "ran", folder / "pytorch_model.bin"
    if plain:
        file.write_bytes(pickle.dumps(Command(target)))
    else:
        torch.save(weights | {"more": Command(target)}, file)
    hub(folder)
    with pytest.raises(UserError, match=r"clinic/tiny: pytorch_model\.bin.*Set `revision`.*safetensors"):
        retrieve_snapshot(NAME, REVISION, tmp_path / "model")
    assert not target.exists() and not (tmp_path / "model").exists()
    if plain:
        pickle.loads(file.read_bytes())
        assert target.exists()  # without restrictions it does run


@pytest.mark.parametrize("content", [{"state_dict": {"weight": torch.zeros(1)}}, torch.zeros(1), "cut"])
def test_a_damaged_pickle_or_one_without_named_tensors_is_refused(hub, unsafe, tmp_path, content):
    folder, weights = unsafe
    file = folder / "pytorch_model.bin"
    torch.save(weights if content == "cut" else content, file)
    file.write_bytes(file.read_bytes()[: 2000 if content == "cut" else None])
    hub(folder)
    with pytest.raises(UserError, match=r"pytorch_model\.bin cannot be loaded.*Set `revision`"):
        retrieve_snapshot(NAME, REVISION, tmp_path / "model")


def test_pickled_weights_in_a_folder_become_safetensors(unsafe, tiny_base, tmp_path):
    folder, weights = unsafe
    files = save_sharded(weights, folder)
    link_folder(str(folder), tmp_path / "model")
    record = base_record(tmp_path / "model")
    assert record["converted"] == "pytorch_model.bin.index.json" and set(record["sha256"]) == set(files)
    assert torch.equal(logits(tmp_path / "model"), logits(tiny_base))
