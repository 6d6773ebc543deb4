"""Tokens that end an answer."""

from typing import Any

from clinical_dpo.tokenization.chat import turn_ends


def end_tokens(model: Any, tokenizer: Any) -> set[int]:
    """Return the ids of all tokens that end an answer.

    Three sources can name end tokens: the tokenizer, the model's generation config and the chat template. Llama-3's
    generation config names two tokens. A fine-tuned model often ends its turns with a token that only its chat template
    names.
    """
    configured = model.generation_config.eos_token_id
    ends = configured if isinstance(configured, list) else [] if configured is None else [configured]
    return {
        *({int(tokenizer.eos_token_id)} if tokenizer.eos_token_id is not None else ()),
        *ends,
        *turn_ends(tokenizer),
    }
