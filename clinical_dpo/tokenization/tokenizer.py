"""Load a base model's tokenizer, both in jobs that load the model and in jobs that do not."""

from pathlib import Path
from typing import Any

from clinical_dpo.io import read_json


def load_tokenizer(base: str | Path) -> Any:
    """Return the base model's tokenizer, which pads on the left.

    The end-of-text token is used for padding if the tokenizer has no pad token, or if the model's embedding has no row
    for the pad token.
    """
    from transformers import AutoTokenizer  # takes seconds to import, with PyTorch

    tokenizer = AutoTokenizer.from_pretrained(base, padding_side="left", local_files_only=True, trust_remote_code=False)
    rows = embedding_rows(base)
    if tokenizer.pad_token is None or (rows is not None and tokenizer.pad_token_id >= rows):
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def embedding_rows(base: str | Path) -> int | None:
    """Return how many tokens the embedding of the model in folder `base` has; None if this number is not known.

    The number is `vocab_size` of config.json.
    """
    file = Path(base) / "config.json"
    config: Any = read_json(file) if file.is_file() else {}
    rows = config.get("vocab_size", config.get("text_config", {}).get("vocab_size"))
    return rows if isinstance(rows, int) else None


def special_tokens(tokenizer: Any) -> dict[int, str]:
    """Return token id -> spelling for every special token of the tokenizer."""
    added = {number: str(token) for number, token in tokenizer.added_tokens_decoder.items() if token.special}
    return added | dict(zip(tokenizer.all_special_ids, tokenizer.all_special_tokens, strict=True))
