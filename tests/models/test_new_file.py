"""The command that writes the file of a model on the hub, against a hub on loopback."""

import json
import os
import subprocess
import sys

import pytest

from clinical_dpo.schemas import problems
from clinical_dpo.yaml_files import read_yaml
from tests.conftest import ROOT
from tests.helpers.hub_server import Hub, Repository, serving

OLD, NEW = "a" * 40, "1" * 40  # a hash of digits alone needs quotes in YAML
COUNTS = {"num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2}
WIDTHS = {"vocab_size": 1294, "hidden_size": 32, "intermediate_size": 64}  # 60,000 weights
CONFIG = json.dumps({"model_type": "llama", "torch_dtype": "float16", "head_dim": 8} | WIDTHS | COUNTS).encode()


@pytest.fixture(scope="module")
def command(tmp_path_factory):
    """A function that runs the command in a folder."""
    facts = {"safetensors": {"parameters": {"F16": 60000}, "total": 60000}, "cardData": {"license": "apache-2.0"}}
    public = Repository({OLD: {}, NEW: {"config.json": CONFIG}}, facts=facts)
    gated = Repository({OLD: {"config.json": CONFIG}}, token="hf_x")
    home = tmp_path_factory.mktemp("home")
    with serving(Hub({("models", "clinic/Tiny_Model-2.5"): public, ("models", "clinic/gated"): gated})) as hub:
        environment = {"HF_ENDPOINT": hub.url, "HF_HOME": str(home), "HF_HUB_OFFLINE": "0", "PYTHONPATH": str(ROOT)}

        def run(folder, *words):
            (folder / "config/models").mkdir(parents=True, exist_ok=True)
            done = subprocess.run(
                [sys.executable, "-m", "clinical_dpo.models.new_file", *words],
                cwd=folder,
                env=os.environ | environment,
                capture_output=True,
                text=True,
            )
            return done.returncode, done.stdout + done.stderr

        yield run


def test_the_file_has_the_newest_commit_and_is_valid(command, tmp_path):
    assert command(tmp_path, "clinic/Tiny_Model-2.5") == (
        0,
        "config/models/tiny-model-2.5.yaml written. Add `tiny-model-2.5` to `models` of a recipe.\n",
    )
    settings = read_yaml(tmp_path / "config/models/tiny-model-2.5.yaml")
    assert problems(settings, "model") == []
    assert (settings["id"], settings["revision"]) == ("clinic/Tiny_Model-2.5", NEW)
    assert (settings["dtype"], settings["parameters"], settings["license"]) == ("float16", 60000, "apache-2.0")
    assert settings["sizes"] == WIDTHS | {"layers": 2, "heads": 4, "kv_heads": 2, "head_dim": 8}
    code, printed = command(tmp_path, "clinic/Tiny_Model-2.5")
    assert code == 1 and "exists already" in printed and NEW in printed


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["clinic/none"], "no public repository of this name"),
        (["clinic/gated"], "access is gated"),
        ([], "Name one model"),
    ],
)
def test_a_model_that_cannot_be_read_is_refused_with_what_to_do(command, tmp_path, words, message):
    code, printed = command(tmp_path, *words)
    assert code == 1 and message in printed and "Traceback" not in printed
