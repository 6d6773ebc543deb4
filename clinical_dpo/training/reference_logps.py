"""The reference's log-probabilities of both answers of every pair: computed once, shared by all trials of a sweep."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch.nn.utils.rnn import pad_sequence

from clinical_dpo.io import Row, read_jsonl, replacing
from clinical_dpo.models.load import autocast, device, full_training_settings, is_adapter, load_variant
from clinical_dpo.progress import Progress
from clinical_dpo.tokenization.tokenizer import load_tokenizer
from clinical_dpo.tokenization.tokens import check_lengths, tokenize_completion
from clinical_dpo.training.flat.layout import Layout, flat_layout
from clinical_dpo.training.flat.model import answer_logps, use_flat_layout, without_adapter


def pairs_layout(pairs: Sequence[Row], tokenizer: Any, max_length: int) -> Layout:
    """The flat form of preference pairs, cut at max_length tokens as in training; all chosen answers come first."""
    starts: list[int] = []
    texts: dict[str, list[torch.Tensor]] = {"chosen": [], "rejected": []}
    for pair in pairs:
        split = {answer: tokenize_completion(pair, tokenizer, answer) for answer in texts}
        starts.append(min(len(prompt) for prompt, _ in split.values()))
        for answer, (prompt, completion) in split.items():
            texts[answer].append(torch.tensor((prompt + completion)[:max_length]))
    rows = texts["chosen"] + texts["rejected"]
    ids = pad_sequence(rows, batch_first=True)
    place = torch.arange(ids.shape[1])
    real = place < torch.tensor([len(row) for row in rows])[:, None]
    return flat_layout(ids, real, real & (place >= torch.tensor(starts * 2)[:, None]), branches=2)


def pair_logps(
    model: Any, tokenizer: Any, pairs: Sequence[Row], max_length: int, batch_size: int
) -> dict[str, list[float]]:
    """Summed log-probability (nats) of both answers of every pair, by the forward pass that trains.

    Args:
        model: a causal language model prepared by `use_flat_layout`.
        tokenizer: its tokenizer.
        pairs: rows of prompt / chosen / rejected messages.
        max_length: tokens a prompt with its answer is cut to.
        batch_size: pairs computed at once.
    """
    scores: dict[str, list[float]] = {"chosen": [], "rejected": []}
    progress = Progress("pair", len(pairs))
    for start in range(0, len(pairs), batch_size):
        layout: Any = pairs_layout(pairs[start : start + batch_size], tokenizer, max_length)
        on_device: Any = {
            name: value.to(device()) if isinstance(value, torch.Tensor) else value for name, value in layout.items()
        }
        logps = answer_logps(model, on_device)
        for answer, values in zip(scores, logps.chunk(2), strict=True):
            scores[answer] += values.tolist()
        progress.advance(len(scores["chosen"]))
    return scores


def compute_reference_logps(
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
        batch_size: pairs computed at once.
    """
    tokenizer = load_tokenizer(base)
    # Rounded to another type than it was trained in, the SFT model would be another reference.
    reference = without_adapter(load_variant(base, sft, model if is_adapter(sft) else full_training_settings(model)))
    use_flat_layout(reference)
    for out, path in pairs.items():
        rows = read_jsonl(path)
        check_lengths(rows, tokenizer, max_length, ["chosen", "rejected"], str(path))
        with autocast(model):  # as in training, or the first step's margin would not be 0
            scores = pair_logps(reference, tokenizer, rows, max_length, batch_size)
        with replacing(out) as part:
            pd.DataFrame({"id": [row["id"] for row in rows], **scores}).to_parquet(part, index=False)
