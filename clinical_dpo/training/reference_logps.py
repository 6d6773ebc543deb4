"""Compute the reference model's log-probabilities of both answers of every preference pair, once for a whole sweep.

A sweep trains DPO several times with different settings. All its runs have the same reference model.
"""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import pandas as pd

from clinical_dpo.io import read_jsonl, replacing
from clinical_dpo.models.load import autocast, full_training_settings, is_adapter, load_variant
from clinical_dpo.progress import Progress
from clinical_dpo.records import Pair
from clinical_dpo.tokenization.tokenizer import load_tokenizer
from clinical_dpo.tokenization.tokens import check_lengths, tokenize_pair
from clinical_dpo.training.flat.architectures import computed_layout
from clinical_dpo.training.flat.model import use_flat_layout, without_adapter
from clinical_dpo.training.row_logps import row_logps


def pair_rows(pairs: Sequence[Pair], tokenizer: Any, max_length: int) -> tuple[list[list[int]], list[int]]:
    """Token ids of every prompt with each of its two answers, and the number of prompt tokens in each row.

    A row is a prompt with one answer. All rows with chosen answers come first, then all rows with rejected
    answers. As in training, a row is cut after max_length tokens.

    Args:
        pairs: the preference pairs.
        tokenizer: the model's tokenizer.
        max_length: largest number of tokens in a row.

    Returns:
        The rows of token ids, and the number of prompt tokens in each row. Both have two entries per pair.
    """
    tokens = [tokenize_pair(pair, tokenizer) for pair in pairs]
    rows = [prompt + chosen for prompt, chosen, _ in tokens] + [prompt + rejected for prompt, _, rejected in tokens]
    return [row[:max_length] for row in rows], [len(prompt) for prompt, _, _ in tokens] * 2


def pair_logps(
    model: Any, tokenizer: Any, pairs: Sequence[Pair], max_length: int, batch_size: int, flat: bool = True
) -> dict[str, list[float]]:
    """Log-probabilities (nats) of both answers of every pair, summed over the answer's tokens.

    Args:
        model: a causal language model. If `flat` is true, `use_flat_layout` must have prepared it.
        tokenizer: the model's tokenizer.
        pairs: the preference pairs.
        max_length: largest number of tokens of a prompt with its answer. Further tokens are cut off.
        batch_size: number of pairs computed at once.
        flat: whether the model computes the flat layout (a batch is one long row without padding).

    Returns:
        A mapping from `chosen` and `rejected` to one value per pair.
    """
    logps: dict[str, list[float]] = {"chosen": [], "rejected": []}
    progress = Progress("pair", len(pairs))
    for start in range(0, len(pairs), batch_size):
        rows, starts = pair_rows(pairs[start : start + batch_size], tokenizer, max_length)
        computed = row_logps(model, rows, starts, 2, flat)
        for answer, values in zip(logps, computed.chunk(2), strict=True):
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
    """Write one Parquet file for each file of preference pairs, with the SFT model's log-probabilities.

    A row has the id of a pair, and the log-probabilities of its two answers in nats. The columns are id, chosen and
    rejected.

    Args:
        base: folder of the base model.
        sft: folder of the SFT model, from the best trial of SFT.
        model: settings of the model file.
        pairs: path of the Parquet file to write -> path of the JSON Lines file with the pairs.
        max_length: largest number of tokens of a prompt with its answer. Further tokens are cut off.
        batch_size: number of pairs computed at once.

    Returns:
        `loading_seconds`, the time to load the model, and `wall_seconds`, the time to compute and write.

    Raises:
        UserError: a prompt fills max_length, or an answer is empty.
    """
    loading = time.monotonic()
    tokenizer = load_tokenizer(base)
    # The SFT model is loaded in the same dtype as in training, because rounding would change the reference model.
    reference = without_adapter(load_variant(base, sft, model if is_adapter(sft) else full_training_settings(model)))
    flat = computed_layout(reference, "flat")[0] == "flat"
    if flat:
        use_flat_layout(reference)
    started = time.monotonic()
    for out, path in pairs.items():
        rows = cast(list[Pair], read_jsonl(path))
        check_lengths(rows, tokenizer, max_length, ["chosen", "rejected"], str(path))
        with autocast(model):  # the types of training, so that the reward margin of the first step is 0
            logps = pair_logps(reference, tokenizer, rows, max_length, batch_size, flat)
        with replacing(out) as part:
            pd.DataFrame({"id": [row["id"] for row in rows], **logps}).to_parquet(part, index=False)
    return {
        "loading_seconds": round(started - loading, 2),
        "wall_seconds": round(time.monotonic() - started, 2),
    }
