"""Make transformers use all parts of a base model's tokenizer.json.

For some tokenizer classes, transformers 5 reads only the vocabulary and the merges from tokenizer.json. It builds the
other parts itself, and they may differ from those in the file. For example, the LlamaTokenizer of Llama 2 puts no space
before `[INST]`, so its token ids differ from those of Meta's encoder.

If the normalizer or the pre-tokenizer differs, `keep_tokenizer` names the class PreTrainedTokenizerFast in the model's
tokenizer_config.json. This class reads the whole tokenizer.json in every program that loads the model's folder.
"""

import json
from pathlib import Path
from typing import Any

from clinical_dpo.io import read_json
from clinical_dpo.tokenization.tokenizer import load_tokenizer

CONFIG = "tokenizer_config.json"
AS_IT_IS = "PreTrainedTokenizerFast"  # the class that reads tokenizer.json whole


def keep_tokenizer(folder: Path) -> dict[str, Any]:
    """Set PreTrainedTokenizerFast in tokenizer_config.json if the model's tokenizer class deviates from tokenizer.json.

    The class deviates if transformers loads a tokenizer whose normalizer or pre-tokenizer differs from that in
    tokenizer.json. Other parts are not compared. Without a tokenizer.json, nothing is changed.

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
    """Return the normalizer and the pre-tokenizer of a tokenizer.json, as the library `tokenizers` writes them.

    The installed version of the library loads the file and serializes it again, because the JSON of the same tokenizer
    can differ between versions.
    """
    from tokenizers import Tokenizer

    return _steps(Tokenizer.from_file(str(file)).to_str())


def _steps(text: str) -> dict[str, Any]:
    """Return what a tokenizer does to a text before the merges: its normalizer and its pre-tokenizer.

    Args:
        text: content of a tokenizer.json.
    """
    state = json.loads(text)
    return {name: state[name] for name in ("normalizer", "pre_tokenizer")}
