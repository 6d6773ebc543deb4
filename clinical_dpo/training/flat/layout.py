"""Flat layout: a batch is one long row of tokens without padding. Every prompt occurs once, followed by its answers.

Each answer of a preference pair attends to the prompt and to itself. An answer's tokens have the positions that they
would have in a separate row. The log-probabilities equal those of two separate rows, at nearly the cost of one row.
Attention is computed answer by answer, without a dense mask. The language-model head is computed only at tokens that
predict a token of an answer.
"""

from typing import Any, TypedDict

import torch

# For each row of the batch (prompt and answer), four indices into the flat row: begin and end of its own tokens, begin
# and end of the tokens that it shares with an earlier row.
Segments = tuple[tuple[int, int, int, int], ...]


class Layout(TypedDict):
    """A batch in the flat layout (one long row without padding), and the mask that puts results into padded rows."""

    input_ids: torch.Tensor  # (1, tokens)
    position_ids: torch.Tensor  # (1, tokens), as in the padded rows
    segments: Segments
    prediction_index: torch.Tensor  # (predictions,) index of each token that predicts a token of an answer
    shift_labels: torch.Tensor  # (1, predictions) the predicted tokens
    prediction_mask: torch.Tensor  # (rows, width - 1) bool, where the predictions are in the padded batch


def flat_layout(
    input_ids: torch.Tensor, attention_mask: torch.Tensor, completion: torch.Tensor, branches: int
) -> Layout:
    """Convert a right-padded batch to the flat layout, one long row without padding.

    Rows with the same prompt share the tokens with which they all begin: the prompt, and any first tokens that their
    answers have in common. Shared tokens occur once.

    Args:
        input_ids, attention_mask: token ids and padding mask, as TRL's collator makes them; shape (rows, width).
        completion: whether a token belongs to an answer, shape (rows, width).
        branches: rows per prompt: 1 in SFT, 2 in DPO. In DPO all chosen rows precede all rejected rows, as TRL stacks
            them.
    """
    rows, width = input_ids.shape
    groups = rows // branches
    real = attention_mask.bool()
    position = torch.arange(width).expand(rows, width)
    shared, own = own_tokens(input_ids, attention_mask, branches)
    ends = own.view(branches, groups).T.reshape(-1).cumsum(0).view(groups, branches).T.reshape(-1)
    begins = ends - own
    trunks = begins[:groups].repeat(branches)
    index = torch.where(position < shared[:, None], trunks[:, None] + position, (begins - shared)[:, None] + position)
    flat_ids, flat_positions = input_ids.new_zeros(2, int(own.sum()))
    flat_ids[index[real]], flat_positions[index[real]] = input_ids[real], position[real]
    mask = completion[:, 1:].bool()
    segments = torch.stack([begins, ends, trunks, trunks + shared], 1)
    return {
        "input_ids": flat_ids[None],
        "position_ids": flat_positions[None],
        "segments": tuple((a, b, c, d) for a, b, c, d in sorted(segments.tolist()) if b > a),
        "prediction_index": index[:, :-1][mask],
        "shift_labels": input_ids[:, 1:][mask][None],
        "prediction_mask": mask,
    }


def own_tokens(
    input_ids: torch.Tensor, attention_mask: torch.Tensor, branches: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Count each row's tokens in two parts: the beginning that it shares with an earlier row, and all other tokens.

    In DPO a rejected row shares its beginning with the chosen row of its prompt. Chosen rows and the rows of SFT share
    nothing. Padding is not counted.

    Args:
        input_ids, attention_mask: token ids and padding mask, padded on the right; shape (rows, width).
        branches: rows per prompt: 1 in SFT, 2 in DPO. In DPO all chosen rows precede all rejected rows.

    Returns:
        Each row's number of shared tokens, and its number of other tokens; two tensors of shape (rows,).
    """
    groups, real = len(input_ids) // branches, attention_mask.bool()
    equal = (input_ids == input_ids[:groups].repeat(branches, 1)) & real & real[:groups].repeat(branches, 1)
    shared = equal.long().cumprod(1).sum(1)
    shared[:groups] = 0
    return shared, real.sum(1) - shared


def hidden_inputs(layout: Layout) -> dict[str, Any]:
    """The entries of a layout that are keyword arguments of the base model (all layers below the language-model head).

    The other entries, `shift_labels` and `prediction_mask`, are left out.
    """
    return {key: value for key, value in layout.items() if key not in ("shift_labels", "prediction_mask")}


def to_padded(values: torch.Tensor, prediction_mask: torch.Tensor) -> torch.Tensor:
    """Put the values of all predicted tokens into a padded tensor of shape (rows, width - 1), with zeros elsewhere.

    Args:
        values: one value for each predicted token, shape (1, predictions).
        prediction_mask: where the predictions are in the padded batch, shape (rows, width - 1), boolean; from the
            layout.
    """
    return values.new_zeros(prediction_mask.shape).masked_scatter(prediction_mask, values)
