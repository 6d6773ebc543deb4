"""A model's number of weights, read from the headers of its files."""

import pytest
import torch

from clinical_dpo.model_files import count_weights
from clinical_dpo.models.load import load_base
from tests.conftest import MODEL


def test_weights_are_counted_from_headers_whatever_the_files(unsafe, tiny_base, tmp_path):
    folder, weights = unsafe
    parameters = load_base(tiny_base, MODEL).num_parameters()
    assert count_weights(tiny_base) == parameters
    assert count_weights(folder) is None and count_weights(tmp_path / "nowhere") is None
    torch.save(weights, folder / "pytorch_model.bin")
    assert count_weights(folder) == pytest.approx(parameters, rel=0.2)  # the file also holds names and shapes
    load_base(tiny_base, MODEL).save_pretrained(tmp_path / "shards", max_shard_size="20KB")
    assert len(list((tmp_path / "shards").glob("*.safetensors"))) > 1
    assert count_weights(tmp_path / "shards") == parameters
    (tmp_path / "shards/model.safetensors.index.json").write_text("{}")
    assert count_weights(tmp_path / "shards") is None
