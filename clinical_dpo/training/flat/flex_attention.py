"""Attention in the flat layout (a batch is one long row without padding) by a FlexAttention kernel, for GPUs."""

import os
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any

import torch
from torch.nn.attention.flex_attention import BlockMask, create_block_mask, flex_attention
from transformers import AttentionInterface

from clinical_dpo.training.flat.layout import Segments


def flat_flex_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: None,
    scaling: float | None = None,
    dropout: float = 0.0,
    sliding_window: int | None = None,
    *,
    segments: Segments,
    **options: Any,
) -> tuple[torch.Tensor, None]:
    """Compute the same as `attention.flat_attention`, apart from rounding. Arguments and result are the same.

    This function launches one kernel per layer, where `flat_attention` launches one per answer. The kernel skips blocks
    in which no token attends to another. On a CPU, torch supports only the forward pass of this kernel.

    Raises:
        ValueError: `dropout` is not 0. The kernel does not support dropout of attention weights.
    """
    if dropout:
        raise ValueError(
            f"layout 'flex': the model drops attention weights with probability {dropout}, which FlexAttention does "
            "not support. Set layout: flat."
        )
    mask = _block_mask(segments, sliding_window, query.device)
    attended = _kernel(query.device.type)(query, key, value, block_mask=mask, scale=scaling, enable_gqa=True)
    return attended.transpose(1, 2), None


@lru_cache(maxsize=2)  # all layers of a batch use one mask, or two if only some layers have a window
def _block_mask(segments: Segments, window: int | None, device: torch.device) -> BlockMask:
    """Block mask of a batch in the flat layout. It tells which tokens each token attends to.

    Args:
        segments: four token indices for each prompt with its answer: begin and end of its own tokens, then begin and
            end of the tokens that it shares with an earlier prompt and answer (see `layout.Segments`).
        window: number of tokens in the sliding window; None for no limit.
        device: device of the mask.
    """
    tokens = segments[-1][1]
    begin, shared_begin, shared_end = torch.empty(3, tokens, dtype=torch.long)
    for first, end, trunk, trunk_end in segments:
        begin[first:end], shared_begin[first:end], shared_end[first:end] = first, trunk, trunk_end
    position = torch.arange(tokens) - begin + shared_end - shared_begin
    begin, shared_begin, shared_end, position = (
        table.to(device) for table in (begin, shared_begin, shared_end, position)
    )

    def visible(batch: Any, head: Any, query: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
        own = (key >= begin[query]) & (key <= query)
        causal = own | ((key >= shared_begin[query]) & (key < shared_end[query]))
        return causal if window is None else causal & (position[query] - position[key] < window)

    return create_block_mask(visible, None, None, tokens, tokens, device=device)


@cache
def _kernel(device: str) -> Callable[..., torch.Tensor]:
    if device == "cpu":
        return flex_attention
    # The workflow's jobs switch compilation off. Without it this kernel would store the scores of all pairs of tokens.
    os.environ.pop("TORCHDYNAMO_DISABLE", None)
    return torch.compile(flex_attention, dynamic=True)


AttentionInterface.register("flex", flat_flex_attention)
