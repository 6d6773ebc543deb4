"""Measure the token lengths of task rows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from clinical_dpo.records import TaskRow
from clinical_dpo.tokenization.chat import chat_text, spells_special_token
from clinical_dpo.tokenization.tokens import tokenize_completion

LONGEST, SPREAD = 1000, 5000  # measured rows of a large data set: the longest, and others at even distances
_BATCH = 256  # rows tokenized at once


@dataclass(frozen=True)
class RowLength:
    """The numbers of tokens of one row's prompt and answer. A row of a sample represents `weight` rows of the data."""

    row: int  # index of the row
    prompt: int
    answer: int
    weight: float


def measure_lengths(rows: Sequence[TaskRow], tokenizer: Any) -> list[RowLength]:
    """Return the token lengths of all rows or, if there are more than 6,000 rows, of a sample.

    The sample has the 1,000 longest rows (in bytes). From the other rows, it has 5,000 evenly spaced ones.
    """
    if len(rows) <= LONGEST + SPREAD:
        sample, weights = list(range(len(rows))), [1.0] * len(rows)
    else:
        by_size = sorted(range(len(rows)), key=lambda i: (-_size(rows[i]), i))
        rest = sorted(by_size[LONGEST:])
        sample = by_size[:LONGEST] + [rest[i * len(rest) // SPREAD] for i in range(SPREAD)]
        weights = [1.0] * LONGEST + [len(rest) / SPREAD] * SPREAD
    lengths = token_lengths([rows[i] for i in sample], tokenizer)
    return [
        RowLength(i, prompt, answer, weight)
        for i, (prompt, answer), weight in zip(sample, lengths, weights, strict=True)
    ]


def quantile(values: Iterable[tuple[int, float]], share: float) -> int:
    """Return a quantile of weighted values by nearest rank.

    It is the smallest value at which the cumulative weight reaches `share` of the total weight.

    Args:
        values: (value, weight) pairs.
        share: from 0 to 1.
    """
    ranked = sorted(values)
    needed = share * sum(weight for _, weight in ranked)
    reached = 0.0
    for value, weight in ranked:
        reached += weight
        if reached >= needed - 1e-9:
            return value
    raise ValueError("no values")


def token_lengths(rows: Sequence[TaskRow], tokenizer: Any) -> list[tuple[int, int]]:
    """Return for every row the number of tokens of its prompt and of its answer, as `tokenize_completion` divides them.

    A fast tokenizer usually tokenizes each row only once, prompt and answer together. In this case, the first token of
    the answer is the token that contains the answer's first character.
    """
    lengths: list[tuple[int, int]] = []
    for start in range(0, len(rows), _BATCH):
        batch = rows[start : start + _BATCH]
        prompts = [chat_text(tokenizer, row["prompt"], add_generation_prompt=True) for row in batch]
        conversations = [chat_text(tokenizer, row["prompt"] + row["completion"]) for row in batch]
        encoded = tokenizer(conversations, add_special_tokens=False)
        for i, (row, prompt, conversation) in enumerate(zip(batch, prompts, conversations, strict=True)):
            plain = not spells_special_token(tokenizer, [*row["prompt"], *row["completion"]])
            starts_alike = tokenizer.is_fast and plain and conversation.startswith(prompt)
            first = encoded.char_to_token(i, len(prompt)) if starts_alike else None
            if first is None:
                prompt_ids, answer_ids = tokenize_completion(row, tokenizer, "completion")
                lengths.append((len(prompt_ids), len(answer_ids)))
            else:
                lengths.append((first, len(encoded["input_ids"][i]) - first))
    return lengths


def _size(row: TaskRow) -> int:
    """Return the number of bytes of a row's text in UTF-8."""
    return sum(len(message["content"].encode()) for message in row["prompt"] + row["completion"])
