"""Small tokenizers with the chat templates of the studies' models."""

from functools import cache
from string import printable
from typing import Any

import yaml
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from tests.conftest import ROOT

BIOMISTRAL = yaml.safe_load((ROOT / "config/models/biomistral-7b.yaml").read_text())["chat_template"]
# Each turn has a header and ends with <|eot_id|>; the begin-of-text token comes before the first.
LLAMA3 = """{%- for message in messages -%}
{%- if loop.first -%}{{ bos_token }}{%- endif -%}
{{ "<|start_header_id|>" + message.role + "<|end_header_id|>\n\n" + message.content | trim + "<|eot_id|>" }}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ "<|start_header_id|>assistant<|end_header_id|>\n\n" }}{%- endif -%}"""
# [INST] is plain text in v0.2. The template raises unless the roles user and assistant alternate.
MISTRAL = """{{- bos_token -}}
{%- for message in messages -%}
{%- if (message.role == "user") != (loop.index0 % 2 == 0) -%}
{{- raise_exception("roles must alternate user/assistant") -}}
{%- elif message.role == "user" -%}{{ "[INST] " + message.content + " [/INST]" }}
{%- elif message.role == "assistant" -%}{{ " " + message.content + eos_token }}
{%- else -%}{{- raise_exception("only user and assistant") -}}{%- endif -%}
{%- endfor -%}"""
CORPUS = (
    "A man of 60 years reports dysuria since Monday and denies fever. Answer UTI or No UTI. <&> [INST] [/INST] ",
) * 3
KINDS = ("llama3", "mistral", "biomistral")


@cache
def chat_tokenizer(kind: str, corpus: tuple[str, ...] = CORPUS, template: str | None = None) -> Any:
    """A tokenizer of one of KINDS. Like the real ones, it adds a begin-of-text token to plain text."""
    if kind == "llama3":
        special = ["<|begin_of_text|>", "<|eot_id|>", "<|start_header_id|>", "<|end_header_id|>"]
        bpe = Tokenizer(models.BPE())
        bpe.pre_tokenizer, bpe.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    else:
        special = ["<s>", "</s>", "<unk>"]
        bpe = Tokenizer(models.BPE(byte_fallback=True, fuse_unk=True, unk_token="<unk>"))
        bpe.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
        bpe.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")
        bpe.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    alphabet = pre_tokenizers.ByteLevel.alphabet() if kind == "llama3" else list(printable)
    trainer = trainers.BpeTrainer(
        vocab_size=3000, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    bpe.train_from_iterator(corpus, trainer)
    bos, eos = special[:2]
    bpe.post_processor = processors.TemplateProcessing(f"{bos} $A", special_tokens=[(bos, 0)])
    templates = {"llama3": LLAMA3, "mistral": MISTRAL, "biomistral": BIOMISTRAL}
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe, bos_token=bos, eos_token=eos, chat_template=template or templates[kind]
    )
