"""The reference's log-probabilities of both answers of every pair: computed once, shared by all trials of a sweep."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from clinical_dpo.models import autocast, device, for_all_weights, is_adapter, load_tokenizer, load_variant
from clinical_dpo.prompts import check_lengths, tokenize_completion
from clinical_dpo.records import Row, read_jsonl, replacing


@torch.inference_mode()
def completion_logps(
    model: Any, input_ids: torch.Tensor, attention: torch.Tensor, completion: torch.Tensor
) -> torch.Tensor:
    """Summed log-probabilities (nats) of each row's completion tokens, shape (rows,).

    Args:
        model: a causal language model, with or without adapter.
        input_ids, attention, completion: (rows, tokens), right-padded; `completion` marks the answer's tokens.

    The head is applied only where a completion token is predicted: a whole (rows, tokens, vocabulary) tensor of an 8B
    model would take gigabytes.
    """
    causal = model.get_base_model() if hasattr(model, "get_base_model") else model
    hidden = causal.model(input_ids=input_ids, attention_mask=attention, use_cache=False).last_hidden_state
    predicts = completion[:, 1:].bool()
    logits = causal.lm_head(hidden[:, :-1][predicts]).float()
    logps = logits.log_softmax(-1).gather(-1, input_ids[:, 1:][predicts].unsqueeze(-1)).squeeze(-1)
    rows = predicts.nonzero()[:, 0]
    return torch.zeros(len(input_ids), device=logps.device).index_add_(0, rows, logps)


def score_answers(
    model: Any, tokenizer: Any, rows: Sequence[Row], column: str, max_length: int, batch_size: int
) -> list[float]:
    """Summed log-probability (nats) of the answer in `column` of every row, cut at max_length tokens as in training."""
    encoded = [tokenize_completion(row, tokenizer, column) for row in rows]
    encoded = [(prompt[:max_length], (prompt + answer)[:max_length]) for prompt, answer in encoded]
    order = sorted(range(len(rows)), key=lambda i: len(encoded[i][1]))  # batches of like length: little padding
    scores = [0.0] * len(rows)
    for start in range(0, len(order), batch_size):
        batch = order[start : start + batch_size]
        width = max(len(encoded[i][1]) for i in batch)
        ids = torch.full((len(batch), width), int(tokenizer.pad_token_id))
        attention, completion = torch.zeros_like(ids), torch.zeros_like(ids)
        for row, i in enumerate(batch):
            prompt, full = encoded[i]
            ids[row, : len(full)] = torch.tensor(full)
            attention[row, : len(full)] = 1
            completion[row, len(prompt) : len(full)] = 1
        logps = completion_logps(model, *(tensor.to(device()) for tensor in (ids, attention, completion)))
        for i, logp in zip(batch, logps.tolist(), strict=True):
            scores[i] = logp
    return scores


def score_reference(
    base: str | Path,
    sft: str | Path,
    model: Mapping[str, Any],
    pairs: Mapping[str, str | Path],
    max_length: int,
    batch_size: int,
) -> None:
    """Write one Parquet file (id, chosen, rejected; nats) per file of pairs, under the chosen SFT model.

    Args:
        base: folder of the base model.
        sft: folder of the chosen SFT model.
        model: the model file's settings.
        pairs: Parquet to write -> JSON Lines of pairs to read.
        max_length: tokens a prompt with its answer is cut to.
        batch_size: answers computed at once.
    """
    tokenizer = load_tokenizer(base)
    # Rounded to another type than it was trained in, the SFT model would be another reference.
    reference = load_variant(base, sft, model if is_adapter(sft) else for_all_weights(model))
    for out, path in pairs.items():
        rows = read_jsonl(path)
        check_lengths(rows, tokenizer, max_length, ["chosen", "rejected"], str(path))
        with autocast(model):  # as in training, or the first step's margin would not be 0
            scores = {
                column: score_answers(reference, tokenizer, rows, column, max_length, batch_size)
                for column in ("chosen", "rejected")
            }
        with replacing(out) as part:
            pd.DataFrame({"id": [row["id"] for row in rows], **scores}).to_parquet(part, index=False)
