"""Tokens of a row's prompt and answers, as TRL makes them for training; their lengths are checked."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from clinical_dpo.errors import UserError
from clinical_dpo.io import Row

QUANTILES = (0.5, 0.9, 0.99)


def prompt_tokens(row: Row, tokenizer: Any) -> list[int]:
    """Token ids of a row's prompt, up to where an answer begins: what is generated from."""
    return _tokens(tokenizer, row["prompt"], add_generation_prompt=True)


def tokenize_completion(row: Row, tokenizer: Any, column: str) -> tuple[list[int], list[int]]:
    """Token ids of a row's prompt and of the answer in `column`, apart, as TRL 1.16 makes them for training.

    The answer starts where the prompt alone (with the generation prompt) and the whole conversation diverge.
    """
    prompt = prompt_tokens(row, tokenizer)
    whole = _tokens(tokenizer, row["prompt"] + row[column])
    pairs = zip(prompt, whole, strict=False)
    start = next((i for i, (one, other) in enumerate(pairs) if one != other), min(len(prompt), len(whole)))
    return whole[:start], whole[start:]


def _tokens(tokenizer: Any, messages: Sequence[Mapping[str, str]], **options: Any) -> list[int]:
    return list(tokenizer.apply_chat_template(messages, tokenize=True, return_dict=True, **options)["input_ids"])


def check_lengths(
    rows: Sequence[Row],
    tokenizer: Any,
    max_length: int,
    completions: Sequence[str] = ("completion",),
    source: str = "rows",
) -> dict[str, Any]:
    """Refuse rows that training would drop or teach nothing from; count those it cuts.

    Args:
        rows: SFT rows, or preference rows.
        tokenizer: a Hugging Face tokenizer with a chat template.
        max_length: tokens of prompt and answer that training keeps, from the start.
        completions: the columns that hold answers: `completion`, or `chosen` and `rejected`.
        source: the file the rows are from, for messages.

    Returns:
        `rows`, `truncated` (rows with an answer cut), `max_tokens` (longest prompt with answer, uncut) and
        `quantiles` of that length (nearest rank).

    Raises:
        UserError: a prompt that fills max_length, or an answer without a token.
    """
    lengths = []
    for number, row in enumerate(rows, start=1):
        where = f"{source}, row {number} (id '{row['id']}')"
        longest = 0
        for column in completions:
            prompt, answer = tokenize_completion(row, tokenizer, column)
            if len(prompt) >= max_length:
                raise UserError(
                    f"{where}: the prompt alone takes {len(prompt)} tokens and max_length is {max_length}, so that "
                    f"nothing of '{column}' is left. Raise max_length, or shorten or remove the row."
                )
            if not answer:
                raise UserError(f"{where}: '{column}' has no tokens. Fill it in, or remove the row.")
            longest = max(longest, len(prompt) + len(answer))
        lengths.append(longest)
    ranked = sorted(lengths)
    return {
        "rows": len(rows),
        "truncated": sum(length > max_length for length in lengths),
        "max_tokens": ranked[-1] if ranked else 0,
        "quantiles": {str(q): ranked[math.ceil(q * len(ranked)) - 1] for q in QUANTILES} if ranked else {},
    }
