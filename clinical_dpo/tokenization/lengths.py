"""How many tokens rows take."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from clinical_dpo.io import Row
from clinical_dpo.tokenization.tokens import tokenize_completion

LONGEST, SPREAD = 1000, 5000  # rows measured of a large data set
_BATCH = 256  # rows tokenized at once


@dataclass(frozen=True)
class Measured:
    """The tokens of one row, and how many rows it stands for."""

    row: int  # its index
    prompt: int
    answer: int
    weight: float


def measure(rows: Sequence[Row], tokenizer: Any) -> list[Measured]:
    """The tokens of all rows, or of the 1,000 longest and 5,000 spread evenly over the rest, which stand for all."""
    if len(rows) <= LONGEST + SPREAD:
        chosen, weights = list(range(len(rows))), [1.0] * len(rows)
    else:
        by_size = sorted(range(len(rows)), key=lambda i: (-_size(rows[i]), i))
        rest = sorted(by_size[LONGEST:])
        chosen = by_size[:LONGEST] + [rest[i * len(rest) // SPREAD] for i in range(SPREAD)]
        weights = [1.0] * LONGEST + [len(rest) / SPREAD] * SPREAD
    lengths = token_lengths([rows[i] for i in chosen], tokenizer)
    return [
        Measured(i, prompt, answer, weight)
        for i, (prompt, answer), weight in zip(chosen, lengths, weights, strict=True)
    ]


def quantile(values: Iterable[tuple[int, float]], share: float) -> int:
    """The smallest value that `share` of the weight does not exceed (nearest rank); of (value, weight) pairs."""
    ranked = sorted(values)
    wanted = share * sum(weight for _, weight in ranked)
    reached = 0.0
    for value, weight in ranked:
        reached += weight
        if reached >= wanted - 1e-9:
            return value
    raise ValueError("no values")


def token_lengths(rows: Sequence[Row], tokenizer: Any) -> list[tuple[int, int]]:
    """Tokens of every row's prompt and of its answer, (prompt, answer), as `tokenize_completion` parts them.

    A fast tokenizer reads each row once, many at a time, and says which token holds the answer's first character.
    """
    lengths: list[tuple[int, int]] = []
    for start in range(0, len(rows), _BATCH):
        batch = rows[start : start + _BATCH]
        prompts = _rendered(tokenizer, [row["prompt"] for row in batch], add_generation_prompt=True)
        wholes = _rendered(tokenizer, [row["prompt"] + row["completion"] for row in batch])
        encoded = tokenizer(wholes, add_special_tokens=False)
        for i, (row, prompt, whole) in enumerate(zip(batch, prompts, wholes, strict=True)):
            first = encoded.char_to_token(i, len(prompt)) if tokenizer.is_fast and whole.startswith(prompt) else None
            if first is None:
                parted = tokenize_completion(row, tokenizer, "completion")
                lengths.append((len(parted[0]), len(parted[1])))
            else:
                lengths.append((first, len(encoded["input_ids"][i]) - first))
    return lengths


def _size(row: Row) -> int:
    """Bytes of a row's text in UTF-8."""
    return sum(len(message["content"].encode()) for message in row["prompt"] + row["completion"])


def _rendered(tokenizer: Any, conversations: list[Any], **options: Any) -> list[str]:
    return tokenizer.apply_chat_template(conversations, tokenize=False, **options)
