"""A model of an offline hub cache, the logits of a model's folder, and weights as pickles in shards."""

import hashlib

import torch

from clinical_dpo.io import write_json
from clinical_dpo.models.load import load_base
from tests.conftest import MODEL

NAME, REVISION = "clinic/tiny", "0123456789abcdef0123456789abcdef01234567"
SOURCE = {"source": "hub", "id": NAME, "revision": REVISION}
IDS = torch.arange(20, 60)[None]


def sha256(path):
    """Hex digest of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def logits(folder):
    """Logits that the model of a folder computes for IDS."""
    with torch.no_grad():
        return load_base(folder, MODEL).eval()(IDS).logits


def save_sharded(weights, folder, shards=2):
    """Save weights as pickles in shards, with their index. Returns the names of the shards."""
    files = [f"pytorch_model-{number:05}-of-{shards:05}.bin" for number in range(1, shards + 1)]
    weight_map = {name: files[number % shards] for number, name in enumerate(weights)}
    for file in files:
        torch.save({name: value for name, value in weights.items() if weight_map[name] == file}, folder / file)
    write_json(folder / "pytorch_model.bin.index.json", {"metadata": {}, "weight_map": weight_map})
    return files
