"""Make every program read a model's tokenizer.json unchanged.

For some tokenizer classes, transformers 5 reads only the vocabulary and the merges from tokenizer.json, and makes the
other parts itself. A LlamaTokenizer of Llama 2 then puts no space before `[INST]`, so its token ids differ from those
of Meta's encoder.
"""

import json
from pathlib import Path
from typing import Any

from clinical_dpo.io import read_json
from clinical_dpo.tokenization.tokenizer import load_tokenizer

CONFIG = "tokenizer_config.json"
AS_IT_IS = "PreTrainedTokenizerFast"  # the class that reads tokenizer.json whole


def keep_tokenizer(folder: Path) -> dict[str, Any]:
    """Name another class in tokenizer_config.json if the model's tokenizer class does not follow tokenizer.json.

    The function compares only the steps before the merges: the normalizer and the pre-tokenizer.

    Args:
        folder: a model's folder. If its tokenizer_config.json is a link, a new file replaces the link, and the linked
            file stays unchanged.

    Returns:
        Fields of base.json: `tokenizer_class` if the class was replaced, else no field.
    """
    file = folder / "tokenizer.json"
    if not file.is_file():
        return {}
    tokenizer = load_tokenizer(folder)
    if _steps(tokenizer.backend_tokenizer.to_str()) == _published_steps(file):
        return {}
    own: Any = read_json(folder / CONFIG) if (folder / CONFIG).is_file() else {}
    named = {name: str(token) for name, token in tokenizer.special_tokens_map.items() if isinstance(token, str)}
    named.pop("pad_token", None)  # `load_tokenizer` sets it
    (folder / CONFIG).unlink(missing_ok=True)  # a link to the model's own file
    text = json.dumps(named | own | {"tokenizer_class": AS_IT_IS}, indent=2, sort_keys=True)
    (folder / CONFIG).write_text(text + "\n", encoding="utf-8")
    return {"tokenizer_class": AS_IT_IS}


def _published_steps(file: Path) -> dict[str, Any]:
    """Return normalizer and pre-tokenizer of a tokenizer.json, as the installed version of tokenizers writes them."""
    from tokenizers import Tokenizer

    return _steps(Tokenizer.from_file(str(file)).to_str())


def _steps(text: str) -> dict[str, Any]:
    """Return what a tokenizer does to a text before the merges: its normalizer and its pre-tokenizer.

    Args:
        text: content of a tokenizer.json.
    """
    state = json.loads(text)
    return {name: state[name] for name in ("normalizer", "pre_tokenizer")}
