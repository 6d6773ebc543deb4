"""Code that comes with a model or a data set does not run."""

import ast
import json

import pytest

from clinical_dpo.models.load import load_base
from clinical_dpo.tokenization.tokenizer import load_tokenizer
from tests.conftest import ROOT

LOADERS = ("from_pretrained", "from_config")
EVIL = """
from pathlib import Path
Path({marker!r}).write_text("ran")
from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizer
class Config(PreTrainedConfig): model_type = "evil"
class Model(PreTrainedModel): config_class = Config
class Tokenizer(PreTrainedTokenizer): pass
"""


@pytest.fixture
def evil(tmp_path):
    """A model's folder whose config names its own code, and the file that this code writes if it runs."""
    marker = tmp_path / "ran"
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "evil.py").write_text(EVIL.format(marker=str(marker)))
    classes = {"AutoConfig": "evil.Config", "AutoModelForCausalLM": "evil.Model"}
    config = {"model_type": "evil", "auto_map": classes, "architectures": ["Model"]}
    (folder / "config.json").write_text(json.dumps(config))
    tokenizer = {"tokenizer_class": "Tokenizer", "auto_map": {"AutoTokenizer": ["evil.Tokenizer", None]}}
    (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer))
    return folder, marker


def test_the_code_of_a_model_is_refused_and_does_not_run(evil):
    folder, marker = evil
    with pytest.raises(ValueError, match=r"trust_remote_code|custom code"):
        load_base(folder, {"dtype": "float32", "attention": "eager"})
    with pytest.raises(ValueError, match=r"trust_remote_code|custom code"):
        load_tokenizer(folder)
    assert not marker.exists()


@pytest.mark.parametrize("folder", ["clinical_dpo", "workflow", "benchmarks"])
def test_every_call_that_loads_sets_trust_remote_code_to_false(folder):
    """Calls of Auto classes and of load_dataset set it, whatever its default is."""
    for path in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and _loads(node.func):
                keywords = {keyword.arg: keyword.value for keyword in node.keywords}
                value = keywords.get("trust_remote_code")
                assert isinstance(value, ast.Constant) and value.value is False, f"{path}:{node.lineno}"


def _loads(function):
    if isinstance(function, ast.Attribute) and function.attr in LOADERS:
        return isinstance(function.value, ast.Name) and function.value.id.startswith("Auto")
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    return name in ("load_dataset", "load_dataset_builder", "pipeline")
