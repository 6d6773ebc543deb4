"""Folders of models with the vocabularies of the wheels llama-models and mistral-common, in the form of the hub.

The converters of transformers compute the merges. TRL and a model file have the published chat templates.
"""

import base64
import json
import struct
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import torch
import trl
from safetensors.torch import save_file
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers
from transformers import PreTrainedTokenizerFast
from transformers.convert_slow_tokenizer import TikTokenConverter
from transformers.tokenization_utils_base import generate_merges

from tests.helpers.chat_tokenizers import BIOMISTRAL

LLAMA_TOKENS = {
    0: "<|begin_of_text|>",
    1: "<|end_of_text|>",
    6: "<|start_header_id|>",
    7: "<|end_header_id|>",
    8: "<|eom_id|>",
    9: "<|eot_id|>",
    10: "<|python_tag|>",
}
TEKKEN_TOKENS = ["<unk>", "<s>", "</s>", "[INST]", "[/INST]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]"]
TEKKEN_TOKENS += ["[TOOL_RESULTS]", "[/TOOL_RESULTS]", "[TOOL_CALLS]"]
# As in Mistral AI's encoder, a system message precedes the last question, and an answer loses the blanks at its end.
TEKKEN_TEMPLATE = """{{- bos_token -}}
{%- set system = messages[0].content + "\n\n" if messages[0].role == "system" else "" -%}
{%- set last = messages | selectattr("role", "equalto", "user") | list | last -%}
{%- for message in messages if message.role != "system" -%}
{%- if message.role == "user" -%}
{{- "[INST]" + (system if message is sameas last else "") + message.content + "[/INST]" -}}
{%- else -%}{{ message.content.rstrip(" ") + eos_token }}{%- endif -%}
{%- endfor -%}"""


def write_published(kind: str, wheel: Path, folder: Path, model_type: str, tokenizer_class: str) -> None:
    """Write a model's folder for one kind of vendor_ids.json, with one weight.

    Args:
        kind: llama3, llama3.1, mistral or tekken.
        wheel: the vendor's wheel.
        folder: folder to write.
        model_type: of config.json.
        tokenizer_class: of tokenizer_config.json. Several models of one vocabulary name different classes.
    """
    with zipfile.ZipFile(wheel) as archive:
        if kind == "mistral":
            tokenizer = _sentencepiece(archive.read("mistral_common/data/tokenizer.model.v1"))
        elif kind == "tekken":
            tokenizer = _tekken(json.loads(archive.read("mistral_common/data/tekken_240718.json")))
        else:
            tokenizer = _llama(archive.read("llama_models/llama3/tokenizer.model"), kind)
    tokenizer.save_pretrained(folder)
    file = folder / "tokenizer_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"tokenizer_class": tokenizer_class}))
    (folder / "config.json").write_text(json.dumps({"model_type": model_type, "vocab_size": len(tokenizer)}))
    save_file({"weight": torch.zeros(1)}, folder / "model.safetensors")


class _Ranks(TikTokenConverter):
    """transformers' conversion of byte pairs, from ranks that are already read."""

    def load_tiktoken_bpe(self, tiktoken_url: Any) -> dict[bytes, int]:
        return tiktoken_url


def _llama(vocabulary: bytes, kind: str) -> Any:
    """Llama 3's tokenizer. A line of the vocabulary is a token in base64 and its id."""
    pairs = (line.split() for line in vocabulary.splitlines())
    backend = _Ranks({base64.b64decode(token): int(number) for token, number in pairs}).converted()
    backend.add_special_tokens(_special(LLAMA_TOKENS.get(i, f"<|reserved_special_token_{i}|>") for i in range(256)))
    template = {"llama3": "llama3.jinja", "llama3.1": "llama3_1.jinja"}[kind]
    published = (Path(trl.__file__).parent / "chat_templates" / template).read_text()
    return _wrapped(backend, "<|begin_of_text|>", "<|eot_id|>", published)


def _tekken(file: dict[str, Any]) -> Any:
    """The tokenizer of Mistral NeMo. Special tokens have the first ids; byte pairs follow by rank."""
    config = file["config"]
    special = config["default_num_special_tokens"]
    kept = file["vocab"][: config["default_vocab_size"] - special]
    ranks = {base64.b64decode(token["token_bytes"]): token["rank"] for token in kept}
    state = json.loads(_Ranks(ranks, pattern=config["pattern"]).converted().to_str())
    names = TEKKEN_TOKENS + [f"<SPECIAL_{i}>" for i in range(len(TEKKEN_TOKENS), special)]
    later = {piece: number + special for piece, number in state["model"]["vocab"].items()}
    state["model"]["vocab"] = {name: number for number, name in enumerate(names)} | later
    backend = Tokenizer.from_str(json.dumps(state))
    backend.add_special_tokens(_special(names))
    return _wrapped(backend, "<s>", "</s>", TEKKEN_TEMPLATE)


def _sentencepiece(model: bytes) -> Any:
    """The tokenizer of Mistral 7B v0.1 and v0.2, in the form of Llama 2's and Mistral's tokenizer.json."""
    scores = dict(_pieces(model))
    vocabulary = {piece: number for number, piece in enumerate(scores)}
    merges = generate_merges(vocabulary, scores)
    backend = Tokenizer(models.BPE(vocabulary, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    backend.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    steps = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    backend.decoder = decoders.Sequence(steps)
    backend.add_special_tokens(_special(["<unk>", "<s>", "</s>"]))
    return _wrapped(backend, "<s>", "</s>", BIOMISTRAL)


def _special(names: Iterable[str]) -> list[AddedToken]:
    return [AddedToken(name, special=True, normalized=False) for name in names]


def _wrapped(backend: Tokenizer, begin: str, end: str, template: str) -> Any:
    return PreTrainedTokenizerFast(tokenizer_object=backend, bos_token=begin, eos_token=end, chat_template=template)


def _pieces(model: bytes) -> Iterator[tuple[str, float]]:
    """Piece and score of each token of a SentencePiece model, by id: field 1 of its protocol buffer."""
    for number, message in _fields(model):
        if number == 1:
            piece = dict(_fields(message))  # 1: the piece, 2: its score
            yield piece[1].decode(), struct.unpack("<f", piece[2])[0]


def _fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """Number and content of each field of a protocol buffer. The content of a whole number is left out."""
    start = 0
    while start < len(message):
        key, start = _whole_number(message, start)
        length = {1: 8, 5: 4}.get(key & 7, 0)
        if key & 7 in (0, 2):  # a whole number; a length and as many bytes
            number, start = _whole_number(message, start)
            length = number if key & 7 == 2 else 0
        yield key >> 3, message[start : start + length]
        start += length


def _whole_number(message: bytes, start: int) -> tuple[int, int]:
    """A number in groups of seven bits, the lowest first, and the position after it."""
    value = shift = 0
    while message[start] & 128:
        value |= (message[start] & 127) << shift
        start, shift = start + 1, shift + 7
    return value | message[start] << shift, start + 1
