"""Load a base model's tokenizer, both in jobs that load the model and in jobs that do not."""

import sys
from pathlib import Path
from typing import Any


def without_torch() -> None:
    """Keep transformers from importing PyTorch in a process that only tokenizes; this saves two of four seconds."""
    sys.modules.setdefault("torch", None)  # type: ignore[arg-type]


def load_tokenizer(base: str | Path) -> Any:
    """Return the base model's tokenizer. It pads on the left, with the end-of-text token if it has no pad token."""
    from transformers import AutoTokenizer  # imported late: this imports PyTorch, unless without_torch ran before

    tokenizer = AutoTokenizer.from_pretrained(base, padding_side="left", local_files_only=True, trust_remote_code=False)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def special_tokens(tokenizer: Any) -> dict[int, str]:
    """Return id -> spelling of every control token."""
    added = {number: str(token) for number, token in tokenizer.added_tokens_decoder.items() if token.special}
    return added | dict(zip(tokenizer.all_special_ids, tokenizer.all_special_tokens, strict=True))
