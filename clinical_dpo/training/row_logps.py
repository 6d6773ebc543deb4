"""Log-probabilities of answers, summed over the tokens of each answer."""

import inspect
from collections.abc import Sequence
from typing import Any

import torch
from torch.nn.utils.rnn import pad_sequence
from transformers import PreTrainedModel

from clinical_dpo.training.flat.layout import Layout, flat_layout
from clinical_dpo.training.flat.model import answer_logps, picked_logps


def row_logps(
    model: PreTrainedModel, rows: Sequence[Sequence[int]], starts: Sequence[int], branches: int, flat: bool
) -> torch.Tensor:
    """Log-probability (nats) of each row's answer, summed over the answer's tokens, a tensor of shape (rows,).

    Args:
        model: a causal language model. If `flat` is true, `use_flat_layout` must have prepared it.
        rows: for each row, the token ids of the prompt and its answer.
        starts: number of tokens of each row's prompt.
        branches: rows per prompt: 1, or 2 for preference pairs (all chosen rows first).
        flat: whether the model computes the flat layout (a batch is one long row without padding).
    """
    return flat_row_logps(model, rows, starts, branches) if flat else padded_row_logps(model, rows, starts)


def rows_layout(rows: Sequence[Sequence[int]], starts: Sequence[int], branches: int) -> Layout:
    """Convert rows of token ids to the flat layout, one long row without padding.

    Args:
        rows: for each row, the token ids of the prompt and its answer.
        starts: number of tokens of each row's prompt.
        branches: rows per prompt: 1, or 2 for preference pairs. For pairs, `rows` has all chosen rows first, then all
            rejected rows in the same order of prompts.
    """
    ids = pad_sequence([torch.tensor(row) for row in rows], batch_first=True)
    position = torch.arange(ids.shape[1])
    real = position < torch.tensor([len(row) for row in rows])[:, None]
    return flat_layout(ids, real, real & (position >= torch.tensor(starts)[:, None]), branches)


def flat_row_logps(
    model: PreTrainedModel, rows: Sequence[Sequence[int]], starts: Sequence[int], branches: int
) -> torch.Tensor:
    """Log-probability (nats) of each row's answer, summed over the answer's tokens, computed in the flat layout.

    Args:
        model: a causal language model. `use_flat_layout` must have prepared it.
        rows: for each row, the token ids of the prompt and its answer.
        starts: number of tokens of each row's prompt.
        branches: rows per prompt: 1, or 2 for preference pairs (all chosen rows first).

    Returns:
        A tensor of shape (rows,).
    """
    layout: Any = rows_layout(rows, starts, branches)
    on_device: Any = {
        name: value.to(model.device) if isinstance(value, torch.Tensor) else value for name, value in layout.items()
    }
    return answer_logps(model, on_device)


@torch.inference_mode()
def padded_row_logps(model: PreTrainedModel, rows: Sequence[Sequence[int]], starts: Sequence[int]) -> torch.Tensor:
    """Log-probability (nats) of each row's answer, summed over the answer's tokens, computed on padded rows.

    The model's own forward pass is used. Rows are padded on the left, so that all answers end at the same position.
    Logits are kept only at the end of the rows, where the answers are.

    Args:
        model: any causal language model of transformers.
        rows: for each row, the token ids of the prompt and its answer.
        starts: number of tokens of each row's prompt.

    Returns:
        A tensor of shape (rows,).
    """
    answers = torch.tensor([len(row) - start for row, start in zip(rows, starts, strict=True)])
    ids = pad_sequence([torch.tensor(row[::-1]) for row in rows], batch_first=True).flip(1).to(model.device)
    width = ids.shape[1]
    real = (torch.arange(width) >= width - torch.tensor([len(row) for row in rows])[:, None]).long().to(model.device)
    kept = int(answers.max())
    options = {"position_ids": (real.cumsum(1) - 1).clamp(min=0), "logits_to_keep": kept + 1, "use_cache": False}
    # Models with ALiBi and state-space models do not take position_ids.
    known = inspect.signature(type(model).forward).parameters
    options = {name: value for name, value in options.items() if name in known}
    logits = model(input_ids=ids, attention_mask=real, **options).logits[:, -kept - 1 : -1]
    logps = picked_logps(logits, ids[:, width - kept :])
    scored = torch.arange(kept) >= kept - answers[:, None]
    return (logps * scored.to(model.device)).sum(1)
