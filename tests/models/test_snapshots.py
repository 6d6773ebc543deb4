"""Base models from an offline hub cache: which files of a revision are linked, ignored and refused."""

import shutil

import pytest
import torch

from clinical_dpo.errors import UserError
from clinical_dpo.io import write_json
from clinical_dpo.models.download import retrieve_snapshot
from clinical_dpo.models.load import base_record
from clinical_dpo.tokenization.tokenizer import load_tokenizer
from tests.helpers.base_models import NAME, REVISION, SOURCE, logits, sha256


def test_an_unknown_model_is_refused_with_its_page_and_the_variable_to_set(hub, tmp_path):
    with pytest.raises(
        UserError, match=rf"no-one/nothing.*{REVISION}.*https://huggingface\.co/no-one/nothing.*HF_HOME"
    ):
        retrieve_snapshot("no-one/nothing", REVISION, tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_safetensors_are_linked_and_pickles_beside_them_ignored(hub, tiny_base, tmp_path):
    both, out = tmp_path / "both", tmp_path / "model"
    shutil.copytree(tiny_base, both)
    torch.save({"weight": torch.zeros(1)}, both / "pytorch_model.bin")
    hub(both)
    retrieve_snapshot(NAME, REVISION, out)
    retrieve_snapshot(NAME, REVISION, out)  # the second download replaces the first
    assert base_record(out) == SOURCE | {"sha256": {"model.safetensors": sha256(both / "model.safetensors")}}
    assert (out / "model.safetensors").is_symlink() and not list(out.glob("*.bin"))
    assert torch.equal(logits(out), logits(tiny_base))
    assert load_tokenizer(out).chat_template == load_tokenizer(tiny_base).chat_template


NO_WEIGHTS_BESIDE_IT = ["/tmp/a{}", "../a{}", "sub/a{}", "..", "", 7, "none", "config.json", "adapter_model{}"]


@pytest.mark.parametrize("shard", NO_WEIGHTS_BESIDE_IT)
@pytest.mark.parametrize(("index", "suffix"), [("model.safetensors", ".safetensors"), ("pytorch_model.bin", ".bin")])
def test_an_index_that_names_no_weights_beside_it_is_refused(hub, unsafe, tmp_path, shard, index, suffix):
    folder, _ = unsafe
    weights = {"lm_head.weight": shard.format(suffix) if isinstance(shard, str) else shard} if shard != "none" else {}
    write_json(folder / f"{index}.index.json", {"weight_map": weights})
    hub(folder)
    with pytest.raises(UserError, match=rf"tiny: {index}\.index\.json names no files of weights, .*Set `revision`"):
        retrieve_snapshot(NAME, REVISION, tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_an_adapter_beside_the_weights_is_ignored(hub, tiny_base, tmp_path):
    """transformers would load the model that its settings name in place of this one."""
    both, out = tmp_path / "both", tmp_path / "model"
    shutil.copytree(tiny_base, both)
    write_json(both / "adapter_config.json", {"base_model_name_or_path": "/tmp/elsewhere"})
    shutil.copyfile(both / "model.safetensors", both / "adapter_model.safetensors")
    hub(both)
    retrieve_snapshot(NAME, REVISION, out)
    assert list(base_record(out)["sha256"]) == ["model.safetensors"] and not list(out.glob("adapter_*"))
    assert torch.equal(logits(out), logits(tiny_base))


NAMES_WEIGHTS = {"transformers_weights": "x.safetensors"}


@pytest.mark.parametrize(
    ("config", "message"),
    [(None, r"no config\.json.*set `id`"), (NAMES_WEIGHTS, r"config\.json.*`transformers_weights`.*Set `revision`")],
)
def test_a_missing_config_or_one_that_names_weights_is_refused(hub, tiny_base, tmp_path, config, message):
    folder = tmp_path / "copy"
    shutil.copytree(tiny_base, folder)
    (folder / "config.json").unlink()
    if config:
        write_json(folder / "config.json", config)
    hub(folder)
    with pytest.raises(UserError, match=message):
        retrieve_snapshot(NAME, REVISION, tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_a_revision_without_weights_is_refused_with_the_page_and_the_files_needed(hub, unsafe, tmp_path):
    folder, weights = unsafe
    torch.save(weights, folder / "training_args.bin")
    hub(folder)
    with pytest.raises(
        UserError, match=r"model\.safetensors.*pytorch_model\.bin.*Set `revision`.*huggingface\.co/clinic"
    ):
        retrieve_snapshot(NAME, REVISION, tmp_path / "model")
    assert not (tmp_path / "model").exists()
