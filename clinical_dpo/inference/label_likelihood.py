"""Labels by likelihood: the probability that a model gives each label as the answer to a prompt.

A label may have several spellings. Every spelling of every label is scored as an answer to the prompt. The spelling has
the same tokens as in training, and the end token follows. The spelling's score is log p(spelling and end token |
prompt), summed over these tokens. With the end token, no spelling is the beginning of another spelling. Spellings then
exclude each other, and their probabilities add up:

    p(label | one of the labels) = softmax over labels of logsumexp over the label's spellings of log p(spelling, end)

With `per_token`, a spelling's score is its mean log-probability per token, which is not the log-probability of an
answer. The score of a label is then the log of the mean of exp(score) over the label's spellings. A label has no
advantage from many spellings, because the mean does not grow with their number.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from scipy.special import logsumexp, softmax

from clinical_dpo.errors import UserError
from clinical_dpo.inference.end_tokens import end_tokens
from clinical_dpo.io import Row
from clinical_dpo.progress import Progress
from clinical_dpo.records import TaskRow
from clinical_dpo.tokenization.chat import chat_text, text_tokens
from clinical_dpo.tokenization.tokens import prompt_tokens, shared_length, tokenize_completion
from clinical_dpo.training.flat.architectures import computed_layout
from clinical_dpo.training.flat.model import use_flat_layout, without_adapter
from clinical_dpo.training.row_logps import row_logps


@dataclass(frozen=True)
class LabelScoring:
    """How labels are scored.

    Attributes:
        labels: labels of the task.
        synonyms: label -> further spellings.
        end_token: whether a spelling is scored with the token that ends an answer. Without the end token, a spelling
            that is the beginning of another spelling is at least as probable as the longer one.
        per_token: whether a spelling's log-probability is divided by its number of tokens.
    """

    labels: Sequence[str]
    synonyms: Mapping[str, Sequence[str]] = field(default_factory=dict)
    end_token: bool = True
    per_token: bool = False

    @property
    def spellings(self) -> dict[str, str]:
        """All spellings of all labels: spelling -> label. A label itself comes before its synonyms.

        Raises:
            UserError: two labels have the same spelling.
        """
        label_of: dict[str, str] = {}
        for label in self.labels:
            for spelling in (label, *self.synonyms.get(label, ())):
                if label_of.setdefault(spelling, label) != label:
                    raise UserError(
                        f"label_synonyms: '{spelling}' is a spelling of '{label_of[spelling]}' and of '{label}'. "
                        "Remove the spelling from one of these labels."
                    )
        return label_of


def continuation_tokens(
    row: Mapping[str, Any], spelling: str, tokenizer: Any, ends: set[int], end_token: bool
) -> tuple[list[int], list[int]]:
    """Return the token ids of a row's prompt, and the token ids of an answer that consists of the spelling of a label.

    With `end_token`, the answer is tokenized as in training, and cut off after its first token that is in `ends`. If
    none of its tokens is in `ends`, the tokenizer's end token is added. Without `end_token`, the answer ends with the
    last token of the spelling.

    Args:
        row: row with `prompt` messages.
        spelling: text of the answer.
        tokenizer: the model's tokenizer.
        ends: ids of the tokens that end an answer.
        end_token: whether the answer includes its end token.
    """
    answered = {"prompt": row["prompt"], "answer": [{"role": "assistant", "content": spelling}]}
    if end_token:
        prompt, answer = tokenize_completion(answered, tokenizer, "answer")
        length = next((index for index, token in enumerate(answer, start=1) if token in ends), None)
        return prompt, answer[:length] if length else [*answer, int(tokenizer.eos_token_id)]
    text = chat_text(tokenizer, answered["prompt"] + answered["answer"])
    whole = text_tokens(tokenizer, text[: text.rindex(spelling) + len(spelling)])
    start = shared_length(prompt_tokens(dict(row), tokenizer), whole)
    return whole[:start], whole[start:]


def item_continuations(
    row: Mapping[str, Any], tokenizer: Any, ends: set[int], scoring: LabelScoring
) -> tuple[int, list[list[int]]]:
    """Return where the answers to a row begin, and the token ids of prompt and answer for each spelling of each label.

    Each spelling in `scoring.spellings` is one answer, and the list is in the order of these spellings. The answers
    begin at the position of the first answer token, counted from 0. A tokenizer may join the end of the prompt with the
    first letters of a spelling into one token. This token counts as the first answer token of the spelling. The
    position can thus differ between spellings. In this case, the smallest position is returned for all of them.
    """
    parts = [continuation_tokens(row, spelling, tokenizer, ends, scoring.end_token) for spelling in scoring.spellings]
    return min(len(prompt) for prompt, _ in parts), [prompt + answer for prompt, answer in parts]


def spelling_logps(model: Any, items: Sequence[tuple[int, list[list[int]]]], flat: bool) -> torch.Tensor:
    """Return a tensor of shape (items, spellings): the log-probability (nats) of a spelling, summed over its tokens.

    Args:
        model: a causal language model. If `flat`, it must have been prepared by `use_flat_layout`.
        items: results of `item_continuations`.
        flat: whether the model computes rows without padding. Each prompt is then computed once for all spellings.
    """
    spellings = len(items[0][1])
    rows = [texts[number] for number in range(spellings) for _, texts in items]
    starts = [start for start, _ in items] * spellings
    return row_logps(model, rows, starts, spellings, flat).view(spellings, len(items)).T


def label_probabilities(logps: Sequence[float], lengths: Sequence[int], scoring: LabelScoring) -> dict[str, float]:
    """Return label -> probability of the label among all labels, by the formulas at the top of this module.

    Args:
        logps: summed log-probability (nats) of each of `scoring.spellings`.
        lengths: number of tokens of each of `scoring.spellings`.
        scoring: labels, spellings, and whether scores are per token.
    """
    scores = np.asarray(logps, dtype=float) / (np.asarray(lengths) if scoring.per_token else 1)
    owners = np.array(list(scoring.spellings.values()))
    by_label = []
    for label in scoring.labels:
        own = scores[owners == label]
        by_label.append(logsumexp(own) - (np.log(len(own)) if scoring.per_token else 0))
    return dict(zip(scoring.labels, softmax(by_label).tolist(), strict=True))


def score_labels(
    model: Any, tokenizer: Any, rows: Sequence[Mapping[str, Any]], scoring: LabelScoring, batch_size: int
) -> list[Row]:
    """Return an answer for each row: `id`, `text`, `probabilities` and `logps`.

    `text` is the most probable label. If several labels are equally probable, it is the first of these. `probabilities`
    has the probability of each label. A label may have several spellings. `logps` has the log-probability (nats) of
    each spelling, summed over its tokens and not divided by their number. If training diverged and the probabilities
    are NaN, the answer has only `id` and an empty `text`.

    Args:
        model: a causal language model, with or without an adapter. If the model can compute batches without
            padding, it is switched to this mode, and it accepts no padded batches afterwards.
        tokenizer: the model's tokenizer.
        rows: rows with `id` and `prompt` messages.
        scoring: the labels, and how they are scored.
        batch_size: number of prompts computed at once. Prompts of similar length share a batch.
    """
    ends = end_tokens(model, tokenizer)
    plain = without_adapter(model)
    flat = computed_layout(plain, "flat")[0] == "flat"
    if flat:
        use_flat_layout(plain)
    spellings = list(scoring.spellings)
    items = [item_continuations(row, tokenizer, ends, scoring) for row in rows]
    order = sorted(range(len(rows)), key=lambda i: len(items[i][1][0]))
    step = batch_size if flat else max(1, batch_size // len(spellings))
    answers: list[Row] = [{} for _ in rows]
    progress = Progress("answer", len(rows))
    for begin in range(0, len(order), step):
        batch = order[begin : begin + step]
        table = spelling_logps(plain, [items[i] for i in batch], flat)
        for i, logps in zip(batch, table.tolist(), strict=True):
            start, texts = items[i]
            probabilities = label_probabilities(logps, [len(text) - start for text in texts], scoring)
            if math.isnan(sum(probabilities.values())):
                answers[i] = {"id": rows[i]["id"], "text": ""}
                continue
            answers[i] = {
                "id": rows[i]["id"],
                "text": max(probabilities, key=lambda label: probabilities[label]),
                "probabilities": probabilities,
                "logps": dict(zip(spellings, logps, strict=True)),
            }
        progress.advance(begin + len(batch))
    return answers


def answer_rows(
    model: Any, tokenizer: Any, rows: Sequence[TaskRow], settings: Mapping[str, Any], batch_size: int
) -> list[Row]:
    """Answer rows with `score_labels`, and return its answers.

    Args:
        model, tokenizer, rows, batch_size: as for `score_labels`.
        settings: `labels`, and optionally `label_synonyms` and `likelihood` (`end_token` and `per_token`).
    """
    scoring = LabelScoring(settings["labels"], settings.get("label_synonyms", {}), **settings.get("likelihood", {}))
    return score_labels(model, tokenizer, rows, scoring, batch_size)
