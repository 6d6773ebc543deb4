"""Let every program read tokenizer.json as it is.

transformers 5 builds the tokenizers of some classes anew, and keeps only the vocabulary and merges of tokenizer.json. A
LlamaTokenizer of Llama 2 then writes no blank before `[INST]`, and so other token ids than Meta's encoder.
"""

import json
from pathlib import Path
from typing import Any

from clinical_dpo.io import read_json
from clinical_dpo.tokenization.tokenizer import load_tokenizer

CONFIG = "tokenizer_config.json"
AS_IT_IS = "PreTrainedTokenizerFast"  # the class that reads tokenizer.json whole


def keep_tokenizer(folder: Path) -> dict[str, Any]:
    """Replace the class in a folder's tokenizer_config.json, if it changes the steps before the merges.

    Args:
        folder: a model's folder. Its tokenizer_config.json may be a link to the model's own.

    Returns:
        Fields of base.json: the class, if it is another than the model's own.
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
    """The steps of a tokenizer.json, in the form that the installed version of tokenizers writes."""
    from tokenizers import Tokenizer

    return _steps(Tokenizer.from_file(str(file)).to_str())


def _steps(text: str) -> dict[str, Any]:
    """What a tokenizer does to a text before the merges."""
    state = json.loads(text)
    return {name: state[name] for name in ("normalizer", "pre_tokenizer")}
