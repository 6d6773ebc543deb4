"""A tokenizer whose class in transformers drops its normalizer keeps it in the folder of the base model."""

import json

import pytest
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from transformers import AutoTokenizer

from clinical_dpo.models.download import link_folder
from clinical_dpo.models.load import base_record
from tests.helpers.chat_tokenizers import chat_tokenizer

TEXT = "<s>[INST] A man of 60 years. [/INST]"


@pytest.fixture
def written(tmp_path):
    """A function that writes the folder of a base model with a tokenizer of Mistral's form and some class."""

    def write(tokenizer_class, **settings):
        folder = tmp_path / "published"
        chat_tokenizer("mistral").save_pretrained(folder)
        (folder / "config.json").write_text(json.dumps({"model_type": "llama", "vocab_size": 3000}))
        save_file({"weight": torch.zeros(1)}, folder / "model.safetensors")
        config = folder / "tokenizer_config.json"
        own = json.loads(config.read_text()) | {"tokenizer_class": tokenizer_class} | settings
        config.write_text(json.dumps(own))
        link_folder(str(folder), tmp_path / "base")
        return folder, tmp_path / "base"

    return write


@pytest.mark.parametrize("tokenizer_class", ["LlamaTokenizer", "LlamaTokenizerFast"])
def test_the_ids_are_those_of_tokenizer_json(written, tokenizer_class):
    folder, base = written(tokenizer_class)
    expected = Tokenizer.from_file(str(folder / "tokenizer.json")).encode(TEXT, add_special_tokens=False).ids
    published, ours = (AutoTokenizer.from_pretrained(each)(TEXT, add_special_tokens=False) for each in (folder, base))
    assert ours["input_ids"] == expected != published["input_ids"]
    assert base_record(base)["tokenizer_class"] == "PreTrainedTokenizerFast"


def test_other_settings_of_the_tokenizer_stay(written):
    _, base = written("LlamaTokenizer", model_max_length=77, padding_side="right")
    tokenizer = AutoTokenizer.from_pretrained(base)
    assert (tokenizer.model_max_length, tokenizer.padding_side) == (77, "right")
    assert (tokenizer.bos_token, tokenizer.eos_token, tokenizer.unk_token) == ("<s>", "</s>", "<unk>")


def test_a_tokenizer_that_transformers_reads_as_it_is_stays_a_link(written):
    folder, base = written("PreTrainedTokenizerFast")
    assert (base / "tokenizer_config.json").resolve() == folder / "tokenizer_config.json"
    assert "tokenizer_class" not in base_record(base)
