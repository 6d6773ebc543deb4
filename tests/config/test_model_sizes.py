"""Sizes of model files agree with their numbers of weights."""

import pytest
import yaml

from clinical_dpo.config.model_sizes import LLAMA_3_8B, LLAMA_3_8B_PARAMETERS, check_sizes, model_sizes
from clinical_dpo.errors import UserError
from tests.conftest import ROOT

FILES = {path.stem: yaml.safe_load(path.read_text()) for path in (ROOT / "config/models").glob("*.yaml")}


@pytest.mark.parametrize("name", [name for name, model in FILES.items() if "sizes" in model])
def test_the_sizes_of_a_model_file_give_its_weights_exactly(name):
    """All published models have a head of their own, except SmolLM2, whose head shares the embeddings."""
    sizes = model_sizes(FILES[name])
    heads = 1 if name.startswith("smollm2") else 2
    assert sizes.linear_weights + sizes.norm_weights + heads * sizes.head_weights == FILES[name]["parameters"]


def test_every_published_model_file_states_its_sizes():
    assert {name for name, model in FILES.items() if model["source"] == "hub" and "sizes" not in model} == set()


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
