"""A model without a chat template, such as BioMistral, has that of its model file."""

import json
import shutil
from pathlib import Path

import pytest
from tokenizers import Tokenizer, models, normalizers, processors, trainers
from transformers import AutoTokenizer

from clinical_dpo.errors import UserError
from clinical_dpo.io import write_json
from clinical_dpo.models.chat_template import ChatFormat
from clinical_dpo.models.download import retrieve_snapshot
from clinical_dpo.models.load import base_record
from clinical_dpo.tokenization.tokenizer import load_tokenizer
from clinical_dpo.yaml_files import read_yaml
from tests.conftest import ROOT
from tests.helpers.base_models import NAME, REVISION, SOURCE, sha256

BIOMISTRAL = read_yaml(ROOT / "config/models/biomistral-7b.yaml")["chat_template"]


def mistral_tokenizer(folder: Path):
    """A small tokenizer of the form of Mistral 7B's: `<s>` before every text, a space before every piece of text."""
    backend = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True))
    backend.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    special = ["<unk>", "<s>", "</s>"]
    words = ["[INST]", "Fever?", "[/INST]", "No", "fever."]  # separate texts, since no token of Mistral spans two words
    backend.train_from_iterator(words * 9, trainers.BpeTrainer(special_tokens=special))
    backend.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    backend.save(str(folder / "tokenizer.json"))
    settings = {"tokenizer_class": "LlamaTokenizer", "legacy": True, "add_bos_token": True}
    named = {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"}
    write_json(folder / "tokenizer_config.json", settings | named)
    return backend


@pytest.fixture
def without_template(tiny_base, tmp_path):
    """A Mistral whose tokenizer has the form of Mistral 7B's and no chat template."""
    folder = tmp_path / "plain"
    folder.mkdir()
    for name in ("config.json", "model.safetensors"):
        shutil.copyfile(tiny_base / name, folder / name)
    config = json.loads((folder / "config.json").read_text())
    write_json(folder / "config.json", config | {"model_type": "mistral", "architectures": ["MistralForCausalLM"]})
    return folder, mistral_tokenizer(folder)


def test_a_conversation_in_biomistral_s_format_has_one_start_token(hub, without_template, tmp_path):
    folder, backend = without_template
    hub(folder)
    out = tmp_path / "model"
    retrieve_snapshot(NAME, REVISION, out, ChatFormat(BIOMISTRAL))
    weights = {"model.safetensors": sha256(folder / "model.safetensors")}
    assert base_record(out) == SOURCE | {"sha256": weights, "chat_template": "model file"}
    tokenizer = load_tokenizer(out)
    assert tokenizer("fever")["input_ids"][0] == tokenizer.bos_token_id == 1  # the tokenizer adds it to plain text
    turns = [("user", "Fever?"), ("assistant", "No fever."), ("user", "No?")]
    messages = [{"role": role, "content": text} for role, text in turns]

    def ids(*texts):
        return [i for text in texts for i in backend.encode(text, add_special_tokens=False).ids]

    prompt = tokenizer.apply_chat_template(messages[:1], add_generation_prompt=True, return_dict=True)["input_ids"]
    conversation = tokenizer.apply_chat_template(messages, return_dict=True)["input_ids"]
    assert prompt == [1, *ids("[INST] Fever? [/INST]")]
    assert conversation == [1, *ids("[INST] Fever? [/INST]", "No fever."), 2, *ids("[INST] No? [/INST]")]


@pytest.mark.parametrize("roles", [["system", "user"], ["user", "user"], ["assistant"]])
def test_biomistral_s_format_refuses_turns_that_do_not_alternate(tiny_base, roles):
    tokenizer = AutoTokenizer.from_pretrained(tiny_base)
    with pytest.raises(Exception, match="Roles must alternate"):
        tokenizer.apply_chat_template([{"role": role, "content": "?"} for role in roles], chat_template=BIOMISTRAL)


def test_a_missing_or_broken_chat_template_is_refused_with_its_key(hub, without_template, tmp_path):
    hub(without_template[0])
    with pytest.raises(UserError, match=r"clinic/tiny: .*no chat template.*Set `chat_template`"):
        retrieve_snapshot(NAME, REVISION, tmp_path / "model")
    with pytest.raises(UserError, match=r"clinic/tiny: key 'chat_template'.*Correct the template"):
        retrieve_snapshot(NAME, REVISION, tmp_path / "model", ChatFormat("{% for message in messages %}"))
    assert not (tmp_path / "model").exists()
