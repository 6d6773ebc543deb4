"""Attention in the flat layout (a batch is one long row without padding), computed answer by answer, on any device."""

from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface

from clinical_dpo.training.flat.layout import Segments


def flat_attention(
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
    """Compute causal attention in the flat layout, segment by segment. Transformers calls this function in each layer.

    A segment holds the tokens of one prompt and its answer. If an earlier segment of the same prompt begins with the
    same tokens, these shared tokens are kept only in the earlier segment. A token attends to the shared tokens, to the
    earlier tokens of its own segment, and to itself.

    Args:
        module, attention_mask, options: not used.
        query: queries, shape (1, heads, tokens, width).
        key, value: keys and values, shape (1, key heads, tokens, width).
        scaling: factor of the attention scores; None for 1 / sqrt(width).
        dropout: probability of dropping an attention weight.
        sliding_window: number of tokens that a token attends to, including itself; None for no limit.
        segments: for each segment, begin and end of its own tokens and of its shared tokens, see `layout.Segments`.

    Returns:
        The attention output, shape (1, tokens, heads, width), and None in place of the attention weights.
    """
    sizes = [end - begin for begin, end, _, _ in segments]
    # The row is split once, because the backward pass of each single slice would write zeros for the whole row.
    queries, keys, values = (states.split(sizes, 2) for states in (query, key, value))
    number = {segment[0]: i for i, segment in enumerate(segments)}
    parts = []
    for i, (_, _, shared_begin, shared_end) in enumerate(segments):
        new, shared = sizes[i], shared_end - shared_begin
        own_keys, own_values = keys[i], values[i]
        if shared:
            first = number[shared_begin]
            own_keys = torch.cat([keys[first][:, :, :shared], own_keys], 2)
            own_values = torch.cat([values[first][:, :, :shared], own_values], 2)
        plain = not shared and (sliding_window is None or new <= sliding_window)
        part = scaled_dot_product_attention(
            queries[i],
            own_keys,
            own_values,
            attn_mask=None if plain else _visible(new, shared + new, sliding_window, query.device),
            dropout_p=dropout,
            is_causal=plain,
            scale=scaling,
            enable_gqa=True,
        )
        parts.append(part.transpose(1, 2))
    return torch.cat(parts, 1), None


def _visible(new: int, total: int, window: int | None, device: torch.device) -> torch.Tensor:
    """Whether each of the last tokens of a sequence attends to each token, a boolean tensor of shape (new, total).

    Args:
        new: number of the last tokens, whose attention is computed.
        total: number of all tokens.
        window: number of tokens in the sliding window; None for no limit.
        device: device of the tensor.
    """
    distance = torch.arange(total - new, total, device=device)[:, None] - torch.arange(total, device=device)
    return distance >= 0 if window is None else (distance >= 0) & (distance < window)


AttentionInterface.register("flat", flat_attention)
