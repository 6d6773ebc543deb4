"""Tokens that end an answer."""

from typing import Any


def end_tokens(model: Any, tokenizer: Any) -> set[int]:
    """End tokens of the tokenizer and of the model's generation config (Llama-3 has two)."""
    configured = model.generation_config.eos_token_id
    ends = configured if isinstance(configured, list) else [] if configured is None else [configured]
    return {int(tokenizer.eos_token_id), *ends}
