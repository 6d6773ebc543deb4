"""Sizes of model files agree with their numbers of weights."""

import pytest
import torch
import transformers
import yaml

from clinical_dpo.cluster.plan import cost_rows
from clinical_dpo.config.loading import load_study
from clinical_dpo.config.model_sizes import LLAMA_3_8B, LLAMA_3_8B_PARAMETERS, check_sizes, model_sizes
from clinical_dpo.config.study import merge
from clinical_dpo.errors import UserError
from clinical_dpo.model_files import SIZES
from tests.conftest import ROOT
from tests.helpers.configs import PUBLISHED

FILES = {path.stem: yaml.safe_load(path.read_text()) for path in (ROOT / "config/models").glob("*.yaml")}


@pytest.mark.parametrize("name", [name for name, model in FILES.items() if "sizes" in model])
def test_the_sizes_of_a_model_file_give_its_weights_exactly(name):
    """All published models have a head of their own, except SmolLM2, whose head shares the embeddings.

    Qwen3 also has norms of a head's queries and keys in each layer.
    """
    sizes = model_sizes(FILES[name])
    heads = 1 if name.startswith("smollm2") else 2
    norms = sizes.norm_weights + (2 * sizes.layers * sizes.head_dim if name.startswith("qwen3") else 0)
    assert sizes.linear_weights + norms + heads * sizes.head_weights == FILES[name]["parameters"]


def test_every_published_model_file_states_its_sizes():
    assert {name for name, model in FILES.items() if model["source"] == "hub" and "sizes" not in model} == set()


# `sizes` as in config.json of MedGemma-27B-text-it, whose heads are together narrower than the model.
MEDGEMMA = {
    **{
        "vocab_size": 262144,
        "hidden_size": 5376,
        "intermediate_size": 21504,
        "layers": 62,
        "heads": 32,
        "kv_heads": 16,
    },
    "head_dim": 128,
}
RECIPE = {"recipe": "small"}
LLAMA, QWEN = (FILES[name]["sizes"] for name in ("llama3.1-8b-instruct", "qwen3-8b"))


@pytest.mark.parametrize(("family", "sizes"), [("Llama", LLAMA), ("Qwen3", QWEN), ("Gemma3Text", MEDGEMMA)])
def test_a_study_accepts_the_sizes_of_a_model_with_the_weights_that_transformers_makes(family, sizes):
    names = SIZES | {"head_dim": "head_dim"}
    config = getattr(transformers, f"{family}Config")(**{names[key]: value for key, value in sizes.items()})
    with torch.device("meta"):
        made = transformers.AutoModelForCausalLM.from_config(config)
    linear = [layer.weight.numel() for layer in made.base_model.modules() if isinstance(layer, torch.nn.Linear)]
    assert model_sizes({"sizes": sizes}).linear_weights == sum(linear)
    hub = {"source": "hub", "id": "clinic/model", "revision": "c" * 40}
    model = hub | {"parameters": made.num_parameters(), "sizes": sizes}
    study = load_study(merge(PUBLISHED, {"overrides": {"models": {"llama3-8b-instruct": model}}}), ROOT)
    assert study.models["llama3-8b-instruct"]["sizes"] == sizes and cost_rows(study)


@pytest.mark.parametrize("name", ["llama3.1-8b-instruct", "qwen3-8b"])
def test_a_recipe_trains_a_newer_model(name):
    change = {"tasks": ["uti"], "recipes": {"small": {"models": [name]}}, "overrides": {"tasks": {"uti": RECIPE}}}
    study = load_study(merge(PUBLISHED, change), ROOT)
    assert study.task_models("uti") == [name] and study.models[name]["sizes"] == FILES[name]["sizes"]


def test_sizes_without_the_width_of_a_head_are_refused_where_it_matters():
    wrong = {"parameters": 27_009_002_240, "sizes": {key: size for key, size in MEDGEMMA.items() if key != "head_dim"}}
    with pytest.raises(UserError, match="and head_dim if it is there"):
        check_sizes(wrong, "config/models/medgemma.yaml")


def test_wrong_sizes_are_refused_with_both_numbers():
    model = FILES["llama3-8b-instruct"]
    with pytest.raises(UserError, match=r"llama3-8b-instruct.yaml: key 'sizes' gives .*'parameters' is 8,030,261,248"):
        check_sizes(model | {"sizes": model["sizes"] | {"layers": 30}}, "config/models/llama3-8b-instruct.yaml")


def test_a_file_without_sizes_gets_those_of_llama_scaled():
    assert model_sizes({"parameters": LLAMA_3_8B_PARAMETERS}) == LLAMA_3_8B
    half = model_sizes({"parameters": LLAMA_3_8B_PARAMETERS / 2})
    assert half.linear_weights == pytest.approx(LLAMA_3_8B.linear_weights / 2)


def test_a_lora_has_the_ranks_of_its_targets_alone():
    assert LLAMA_3_8B.lora_weights(64) == LLAMA_3_8B.lora_weights(64, "all-linear") == 167_772_160
    assert LLAMA_3_8B.lora_weights(8, ["q_proj", "v_proj"]) == 32 * 8 * ((4096 + 4096) + (4096 + 1024))
