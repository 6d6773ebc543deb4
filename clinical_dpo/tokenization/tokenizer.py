"""A base model's tokenizer, for jobs that load the model too and for those that do not."""

import sys
from pathlib import Path
from typing import Any


def without_torch() -> None:
    """Keep transformers from importing PyTorch in a process that only tokenizes: two seconds of four."""
    sys.modules.setdefault("torch", None)  # type: ignore[arg-type]


def load_tokenizer(base: str | Path) -> Any:
    """The base model's tokenizer, padding on the left; one without a pad token pads with its end-of-text token."""
    from transformers import AutoTokenizer  # late, or it would bring PyTorch before without_torch is called

    tokenizer = AutoTokenizer.from_pretrained(base, padding_side="left", local_files_only=True, trust_remote_code=False)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def special_tokens(tokenizer: Any) -> dict[int, str]:
    """Id -> spelling of every token that is control, not text."""
    added = {number: str(token) for number, token in tokenizer.added_tokens_decoder.items() if token.special}
    return added | dict(zip(tokenizer.all_special_ids, tokenizer.all_special_tokens, strict=True))
