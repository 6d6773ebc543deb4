"""Compute the reference model's log-probabilities of both answers of every pair, once for all trials of a sweep."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import pandas as pd
import torch
from torch.nn.utils.rnn import pad_sequence

from clinical_dpo.io import read_jsonl, replacing
from clinical_dpo.models.load import autocast, device, full_training_settings, is_adapter, load_variant
from clinical_dpo.progress import Progress
from clinical_dpo.records import Pair
from clinical_dpo.tokenization.tokenizer import load_tokenizer
from clinical_dpo.tokenization.tokens import check_lengths, tokenize_pair
from clinical_dpo.training.flat.layout import Layout, flat_layout
from clinical_dpo.training.flat.model import answer_logps, use_flat_layout, without_adapter


def pairs_layout(pairs: Sequence[Pair], tokenizer: Any, max_length: int) -> Layout:
    """Flat layout of preference pairs, cut at max_length tokens as in training. All chosen answers come first."""
    tokens = [tokenize_pair(pair, tokenizer) for pair in pairs]
    prompt_lengths = [len(prompt) for prompt, _, _ in tokens]
    answers = (
        [(prompt, chosen) for prompt, chosen, _ in tokens],
        [(prompt, rejected) for prompt, _, rejected in tokens],
    )
    rows = [torch.tensor((prompt + answer)[:max_length]) for group in answers for prompt, answer in group]
    ids = pad_sequence(rows, batch_first=True)
    position = torch.arange(ids.shape[1])
    real = position < torch.tensor([len(row) for row in rows])[:, None]
    return flat_layout(ids, real, real & (position >= torch.tensor(prompt_lengths * 2)[:, None]), branches=2)


def pair_logps(
    model: Any, tokenizer: Any, pairs: Sequence[Pair], max_length: int, batch_size: int
) -> dict[str, list[float]]:
    """Summed log-probabilities (nats) of both answers of every pair, by the same forward pass as in training.

    Args:
        model: a causal language model prepared by `use_flat_layout`.
        tokenizer: the model's tokenizer.
        pairs: the pairs.
        max_length: longest prompt with answer in tokens; the rest is cut.
        batch_size: pairs computed at once.

    Returns:
        `chosen` and `rejected`, each with a value per pair.
    """
    logps: dict[str, list[float]] = {"chosen": [], "rejected": []}
    progress = Progress("pair", len(pairs))
    for start in range(0, len(pairs), batch_size):
        layout: Any = pairs_layout(pairs[start : start + batch_size], tokenizer, max_length)
        on_device: Any = {
            name: value.to(device()) if isinstance(value, torch.Tensor) else value for name, value in layout.items()
        }
        for answer, values in zip(logps, answer_logps(model, on_device).chunk(2), strict=True):
            logps[answer] += values.tolist()
        progress.advance(len(logps["chosen"]))
    return logps


def compute_reference_logps(
    base: str | Path,
    sft: str | Path,
    model: Mapping[str, Any],
    pairs: Mapping[str, str | Path],
    max_length: int,
    batch_size: int,
) -> dict[str, float]:
    """Write a Parquet file (id, chosen, rejected; nats) for each file of pairs. The chosen SFT model computes it.

    Args:
        base: folder of the base model.
        sft: folder of the chosen SFT model.
        model: the model file's settings.
        pairs: Parquet file to write -> JSON Lines file of pairs.
        max_length: longest prompt with answer in tokens; the rest is cut.
        batch_size: pairs computed at once.

    Returns:
        `loading_seconds` and `wall_seconds`, the time of the computation.

    Raises:
        UserError: a prompt fills max_length, or an answer is empty.
    """
    loading = time.monotonic()
    tokenizer = load_tokenizer(base)
    # The SFT model has the same dtype as in training, since rounding would change the reference model.
    reference = without_adapter(load_variant(base, sft, model if is_adapter(sft) else full_training_settings(model)))
    use_flat_layout(reference)
    started = time.monotonic()
    for out, path in pairs.items():
        rows = cast(list[Pair], read_jsonl(path))
        check_lengths(rows, tokenizer, max_length, ["chosen", "rejected"], str(path))
        with autocast(model):  # as in training, so that the margin of the first step is 0
            logps = pair_logps(reference, tokenizer, rows, max_length, batch_size)
        with replacing(out) as part:
            pd.DataFrame({"id": [row["id"] for row in rows], **logps}).to_parquet(part, index=False)
    return {
        "loading_seconds": round(started - loading, 2),
        "wall_seconds": round(time.monotonic() - started, 2),
    }
