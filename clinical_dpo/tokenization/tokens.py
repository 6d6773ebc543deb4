"""Tokenize a row's prompt and answers as TRL does for training, and check their lengths."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from clinical_dpo.errors import UserError
from clinical_dpo.tokenization.chat import chat_tokens

QUANTILES = (0.5, 0.9, 0.99)


def prompt_tokens(row: Mapping[str, Any], tokenizer: Any) -> list[int]:
    """Return the token ids of a row's prompt and of the generation prompt, which begins the model's turn."""
    return chat_tokens(tokenizer, row["prompt"], add_generation_prompt=True)


def tokenize_completion(row: Mapping[str, Any], tokenizer: Any, column: str) -> tuple[list[int], list[int]]:
    """Return the token ids of a row's prompt and of the answer in `column`, as TRL 1.16 divides them for training.

    Two token sequences are compared: the prompt with the generation prompt, and the prompt with the answer. The prompt
    ends, and the answer starts, at the first position where the two sequences are not equal.
    """
    conversation = chat_tokens(tokenizer, row["prompt"] + row[column])
    start = shared_length(prompt_tokens(row, tokenizer), conversation)
    return conversation[:start], conversation[start:]


def tokenize_pair(row: Mapping[str, Any], tokenizer: Any) -> tuple[list[int], list[int], list[int]]:
    """Return the token ids of a pair's prompt, chosen answer and rejected answer, as TRL 1.16 divides them in training.

    Three token sequences are compared: the prompt with the generation prompt, the prompt with the chosen answer, and
    the prompt with the rejected answer. The prompt ends, and both answers start, at the first position where the three
    sequences are not all equal.
    """
    prompt = prompt_tokens(row, tokenizer)
    chosen, rejected = (chat_tokens(tokenizer, row["prompt"] + row[column]) for column in ("chosen", "rejected"))
    start = min(shared_length(prompt, chosen), shared_length(prompt, rejected))
    return prompt[:start], chosen[start:], rejected[start:]


def shared_length(first: Sequence[int], second: Sequence[int]) -> int:
    """Return how many tokens two sequences have in common at their beginning."""
    pairs = zip(first, second, strict=False)
    return next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(first), len(second)))


def check_lengths(
    rows: Sequence[Mapping[str, Any]],
    tokenizer: Any,
    max_length: int,
    completions: Sequence[str] = ("completion",),
    source: str = "rows",
) -> dict[str, Any]:
    """Refuse rows whose prompt leaves no room for an answer in `max_length`, and count rows that training truncates.

    Args:
        rows: task rows, or preference pairs.
        tokenizer: a Hugging Face tokenizer with a chat template.
        max_length: largest number of tokens of prompt and answer together; training cuts off further tokens.
        completions: columns of the answers: `completion`, or `chosen` and `rejected`.
        source: file of the rows, for messages.

    Returns:
        A dict. `rows` is the number of rows. `truncated` is the number of rows with a truncated answer. `max_tokens` is
        the number of tokens of the longest prompt with its answer, before truncation. `quantiles` has quantiles of the
        number of tokens of prompt and answer together, by nearest rank.

    Raises:
        UserError: a prompt fills max_length, or an answer has no token.
    """
    lengths = []
    for number, row in enumerate(rows, start=1):
        where = f"{source}, row {number} (id '{row['id']}')"
        longest = 0
        for column in completions:
            prompt, answer = tokenize_completion(row, tokenizer, column)
            if len(prompt) >= max_length:
                raise UserError(
                    f"{where}: the prompt alone takes {len(prompt)} tokens, but max_length is {max_length}. No token "
                    f"of the answer '{column}' would be left. Raise max_length, or shorten or remove the row."
                )
            if not answer:
                raise UserError(
                    f"{where}: the answer '{column}' has no tokens. Fill in a text, or remove the row. If the row has "
                    "a text, the chat template does not print it: correct `chat_template` in the model file."
                )
            longest = max(longest, len(prompt) + len(answer))
        lengths.append(longest)
    ranked = sorted(lengths)
    return {
        "rows": len(rows),
        "truncated": sum(length > max_length for length in lengths),
        "max_tokens": ranked[-1] if ranked else 0,
        "quantiles": {str(q): ranked[math.ceil(q * len(ranked)) - 1] for q in QUANTILES} if ranked else {},
    }
