"""A folder of the user as a base model, with checksums; folders without a model are refused."""

import shutil
import subprocess

import pytest
import torch

from clinical_dpo.errors import UserError
from clinical_dpo.models.download import link_folder
from clinical_dpo.models.load import base_record
from tests.helpers.base_models import logits, sha256


def test_a_folder_on_disk_is_a_model_with_checksums(tiny_base, tmp_path, monkeypatch):
    given, out = tmp_path / "original", tmp_path / "model"
    shutil.copytree(tiny_base, given)
    monkeypatch.setenv("CLINIC", str(given))
    (given / "original").mkdir()
    for name in ("consolidated.safetensors", "original/consolidated.safetensors", "adapter_model.safetensors"):
        shutil.copyfile(given / "model.safetensors", given / name)
    link_folder("$CLINIC", out, {str(given / "model.safetensors"): sha256(given / "model.safetensors")})
    record = base_record(out)
    assert (record["source"], record["id"]) == ("folder", "$CLINIC") and len(record["revision"]) == 64
    assert record["sha256"] == {"model.safetensors": sha256(given / "model.safetensors")}
    assert [path.name for path in out.rglob("*.safetensors")] == ["model.safetensors"]
    assert torch.equal(logits(out), logits(tiny_base))
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=out, check=True)


@pytest.mark.parametrize("kept", [[], ["config.json"]])
def test_a_folder_without_a_model_is_refused_with_its_key(tiny_base, tmp_path, kept):
    given = tmp_path / "given"
    given.mkdir()
    for name in kept:
        shutil.copyfile(tiny_base / name, given / name)
    with pytest.raises(UserError, match=r"config\.json.*Set `path`" if not kept else r"holds neither.*Set `path` to a"):
        link_folder(str(given), tmp_path / "model")
    with pytest.raises(UserError, match=r"key 'path': .*nowhere is not a folder"):
        link_folder(str(tmp_path / "nowhere"), tmp_path / "model")
    with pytest.raises(UserError, match=r"variable in '\$NOT_SET_HERE/model' is not set"):
        link_folder("$NOT_SET_HERE/model", tmp_path / "model")


def test_a_tokenizer_model_without_a_tokenizer_json_is_refused(tiny_base, tmp_path):
    given = tmp_path / "given"
    shutil.copytree(tiny_base, given)
    (given / "tokenizer.model").write_bytes(b"sentencepiece")
    link_folder(str(given), tmp_path / "model")  # both files, as Mistral's
    (given / "tokenizer.json").unlink()
    with pytest.raises(UserError, match=r"tokenizer\.model but no tokenizer\.json.*Set `path`"):
        link_folder(str(given), tmp_path / "other")
