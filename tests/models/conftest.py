"""An offline hub cache to fill, and a model's folder without its safetensors."""

import shutil

import pytest
from huggingface_hub import constants

from clinical_dpo.models.load import load_base
from tests.conftest import MODEL
from tests.helpers.base_models import REVISION, sha256


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A function that makes a folder the revision of an offline hub cache."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    cache = tmp_path / "cache/models--clinic--tiny"

    def fill(folder):
        (cache / "snapshots" / REVISION).mkdir(parents=True)
        (cache / "blobs").mkdir()
        for path in folder.iterdir():
            if path.name != "base.json":
                blob = cache / "blobs" / sha256(path)
                shutil.copyfile(path, blob)
                (cache / "snapshots" / REVISION / path.name).symlink_to(blob)

    return fill


@pytest.fixture
def unsafe(tiny_base, tmp_path):
    """A model's folder without its safetensors, and the weights, which tests save as pickles."""
    folder = tmp_path / "unsafe"
    shutil.copytree(tiny_base, folder, ignore=shutil.ignore_patterns("*.safetensors", "base.json"))
    return folder, load_base(tiny_base, MODEL).state_dict()
