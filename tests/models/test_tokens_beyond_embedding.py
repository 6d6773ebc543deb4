"""Tokens of a tokenizer that a model's embedding lacks are not used, or refused."""

import shutil

import pytest
from transformers import AutoTokenizer

from clinical_dpo.errors import UserError
from clinical_dpo.models.chat_template import ChatFormat
from clinical_dpo.models.download import link_folder
from clinical_dpo.tokenization.tokenizer import load_tokenizer


def with_new_token(tiny_base, folder, **named):
    """A copy of a model whose tokenizer has a token more than its embedding."""
    shutil.copytree(tiny_base, folder)
    tokenizer = AutoTokenizer.from_pretrained(tiny_base)
    tokenizer.add_special_tokens(named)
    tokenizer.save_pretrained(folder)
    return len(tokenizer) - 1


def test_a_pad_token_beyond_the_embedding_is_not_used(tiny_base, tmp_path):
    beyond = with_new_token(tiny_base, tmp_path / "given", pad_token="<new>")
    assert AutoTokenizer.from_pretrained(tmp_path / "given").pad_token_id == beyond
    tokenizer = load_tokenizer(tmp_path / "given")
    assert tokenizer.pad_token_id == tokenizer.eos_token_id < beyond


def test_a_template_that_writes_a_token_beyond_the_embedding_is_refused(tiny_base, tmp_path):
    beyond = with_new_token(tiny_base, tmp_path / "given", additional_special_tokens=["<new>"])
    chat = ChatFormat("<new>{{ messages[0].content }}")
    with pytest.raises(UserError, match=rf"'<new>', whose id is {beyond}, but the model knows only ids below {beyond}"):
        link_folder(str(tmp_path / "given"), tmp_path / "model", chat=chat)
