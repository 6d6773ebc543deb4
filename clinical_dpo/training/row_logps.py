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
    """Summed log-probability (nats) of each row's answer, (rows,).

    Args:
        model: a causal language model. If `flat` is true, `use_flat_layout` has prepared the model.
        rows: token ids of prompt and answer of each row.
        starts: number of tokens of each row's prompt.
        branches: rows per prompt.
        flat: whether the model computes flat rows.
    """
    return flat_row_logps(model, rows, starts, branches) if flat else padded_row_logps(model, rows, starts)


def rows_layout(rows: Sequence[Sequence[int]], starts: Sequence[int], branches: int) -> Layout:
    """Convert rows of token ids to the flat layout.

    Args:
        rows: token ids of prompt and answer of each row. Rows of one prompt are stacked as in `flat_layout`.
        starts: number of tokens of each row's prompt.
        branches: rows per prompt.
    """
    ids = pad_sequence([torch.tensor(row) for row in rows], batch_first=True)
    position = torch.arange(ids.shape[1])
    real = position < torch.tensor([len(row) for row in rows])[:, None]
    return flat_layout(ids, real, real & (position >= torch.tensor(starts)[:, None]), branches)


def flat_row_logps(
    model: PreTrainedModel, rows: Sequence[Sequence[int]], starts: Sequence[int], branches: int
) -> torch.Tensor:
    """Summed log-probability (nats) of each row's answer, (rows,), computed in the flat layout.

    Args:
        model: a model that `use_flat_layout` prepared.
        rows: token ids of prompt and answer of each row.
        starts: number of tokens of each row's prompt.
        branches: rows per prompt.
    """
    layout: Any = rows_layout(rows, starts, branches)
    on_device: Any = {
        name: value.to(model.device) if isinstance(value, torch.Tensor) else value for name, value in layout.items()
    }
    return answer_logps(model, on_device)


@torch.inference_mode()
def padded_row_logps(model: PreTrainedModel, rows: Sequence[Sequence[int]], starts: Sequence[int]) -> torch.Tensor:
    """Summed log-probability (nats) of each row's answer, (rows,), computed on padded rows.

    The model's own forward pass is used. Rows are padded on the left, so that the answers end together and only their
    logits need to be kept.

    Args:
        model: any causal language model of transformers.
        rows: token ids of prompt and answer of each row.
        starts: number of tokens of each row's prompt.
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
