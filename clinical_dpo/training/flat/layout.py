"""Flat layout: a batch as one row of tokens without padding, every prompt once with its answers behind it.

Of the two answers of a preference pair each sees the prompt and itself, at the positions it would have alone, so the
log-probabilities are those of two separate rows at nearly the price of one. Attention runs answer by answer, without a
dense mask; what follows the last attention, the language-model head above all, runs only where a token of an answer is
predicted.
"""

from typing import Any, TypedDict

import torch

Segments = tuple[tuple[int, int, int, int], ...]  # per answer: first and end of its own tokens, of those it shares


class Layout(TypedDict):
    """Where every token of a padded batch of shape (rows, width) is in its flat form."""

    input_ids: torch.Tensor  # (1, tokens)
    position_ids: torch.Tensor  # (1, tokens), as in the padded rows
    segments: Segments
    predicts: torch.Tensor  # (predictions,) indices of tokens whose hidden state predicts a token of an answer
    shift_labels: torch.Tensor  # (1, predictions) the token predicted there
    predicted: torch.Tensor  # (rows, width - 1) bool, where the padded batch holds those predictions


def flat_layout(
    input_ids: torch.Tensor, attention_mask: torch.Tensor, completion: torch.Tensor, branches: int
) -> Layout:
    """The flat form of a right-padded batch.

    Args:
        input_ids, attention_mask, completion: (rows, width); `completion` marks the answers' tokens.
        branches: rows per prompt. 1 in SFT; 2 in DPO, all chosen rows before all rejected ones, as TRL stacks them.

    A row shares with the first of its prompt whatever both begin with: the prompt, and an answer's first tokens too.
    """
    rows, width = input_ids.shape
    groups = rows // branches
    real = attention_mask.bool()
    place = torch.arange(width).expand(rows, width)
    alike = (input_ids == input_ids[:groups].repeat(branches, 1)) & real & real[:groups].repeat(branches, 1)
    shared = alike.long().cumprod(1).sum(1)
    shared[:groups] = 0
    own = real.sum(1) - shared
    ends = own.view(branches, groups).T.reshape(-1).cumsum(0).view(groups, branches).T.reshape(-1)
    begins = ends - own
    trunks = begins[:groups].repeat(branches)
    index = torch.where(place < shared[:, None], trunks[:, None] + place, (begins - shared)[:, None] + place)
    flat_ids, positions = input_ids.new_zeros(2, int(own.sum()))
    flat_ids[index[real]], positions[index[real]] = input_ids[real], place[real]
    predicted = completion[:, 1:].bool()
    segments = torch.stack([begins, ends, trunks, trunks + shared], 1)
    return {
        "input_ids": flat_ids[None],
        "position_ids": positions[None],
        "segments": tuple((a, b, c, d) for a, b, c, d in sorted(segments.tolist()) if b > a),
        "predicts": index[:, :-1][predicted],
        "shift_labels": input_ids[:, 1:][predicted][None],
        "predicted": predicted,
    }


def hidden_inputs(layout: Layout) -> dict[str, Any]:
    """What the model below the head is called with."""
    return {key: value for key, value in layout.items() if key not in ("shift_labels", "predicted")}


def spread(values: torch.Tensor, predicted: torch.Tensor) -> torch.Tensor:
    """Values of every prediction, at their places in the padded batch of shape (rows, width - 1), zeros elsewhere."""
    return values.new_zeros(predicted.shape).masked_scatter(predicted, values)
