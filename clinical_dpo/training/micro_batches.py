"""Micro-batches with a limited number of tokens.

The limit does not change the rows of a training step. It only divides them into parts, the micro-batches, which are
computed one after the other. A step has as few parts as the limit allows.
"""

from collections.abc import Sequence
from typing import Any

import torch

from clinical_dpo.training.flat.collator import Collator
from clinical_dpo.training.flat.layout import own_tokens


class TokenCollator:
    """Collate the rows of a whole training step, and split them into parts that are computed one after the other.

    The collated batch has TRL's tensors of all rows of the step, from which the trainer counts tokens. It also has
    `parts` and `shares`. `parts` are the micro-batches to compute. `shares` are the weights of the parts in a mean over
    the step. In SFT a part's weight is its share of the step's predicted tokens. In DPO it is the part's share of the
    step's pairs.

    Attributes:
        most_rows: the largest number of rows in a part so far.
    """

    def __init__(self, collator: Collator, tokens: int, branches: int) -> None:
        """Construct a collator that splits a step into parts of at most `tokens` tokens.

        A row with more tokens is a part of its own.

        Args:
            collator: collator of the rows of a part.
            tokens: largest number of tokens in a part. In the padded layout, padding counts, too.
            branches: answers per prompt: 1 in SFT, 2 in DPO.
        """
        self.collator, self.tokens, self.branches = collator, tokens, branches
        self.most_rows = 0

    def __call__(self, rows: list[Any]) -> dict[str, Any]:
        """Collate the rows of a step into one batch, with the additional keys `parts` and `shares`.

        `parts` has the micro-batches of the step. `shares` has the weight of each micro-batch in a mean over the step.
        """
        whole = self.collator.trl_collator(rows)
        parts, shares = [], []
        for start, end in split_rows(self._row_tokens(whole), self.tokens, self.collator.branches is None):
            self.most_rows = max(self.most_rows, end - start)
            part = self.collator(rows[start:end])
            parts.append(part)
            predicted = int((part["labels"][:, 1:] != -100).sum()) if self.branches == 1 else end - start
            shares.append(predicted)
        total = sum(shares)
        return {**whole, "parts": parts, "shares": [share / total for share in shares]}

    def _row_tokens(self, whole: dict[str, Any]) -> list[int]:
        """Number of tokens that are computed for each row, with all its answers.

        In the flat layout, the prompt of a pair counts once. In the padded layout, each answer of a pair counts with
        its prompt, and the shorter answer counts as many tokens as the longer one.

        Args:
            whole: the collated batch of all rows of the step.
        """
        mask = whole["attention_mask"]
        if self.collator.branches is None:
            longest = mask.sum(1).view(self.branches, -1).max(0).values
            return (self.branches * longest).tolist()
        _, own = own_tokens(whole["input_ids"], mask, self.branches)
        return own.view(self.branches, -1).sum(0).tolist()


def split_rows(lengths: Sequence[int], tokens: int, padded: bool) -> list[tuple[int, int]]:
    """Split rows into parts of consecutive rows with at most `tokens` tokens.

    A row with more tokens is a part of its own.

    Args:
        lengths: number of tokens of each row.
        tokens: largest number of tokens in a part.
        padded: whether every row of a part takes as many tokens as the longest row of the part.

    Returns:
        For each part, the index of its first row and the index after its last row.
    """
    parts: list[tuple[int, int]] = []
    begin = 0
    for end in range(1, len(lengths) + 1):
        part = lengths[begin:end]
        size = len(part) * max(part) if padded else sum(part)
        if size > tokens and len(part) > 1:
            parts.append((begin, end - 1))
            begin = end - 1
    return [*parts, (begin, len(lengths))]


class StepInParts:
    """Mixin for trainers: a training step computes its parts one after the other and adds up their gradients.

    Attributes:
        token_collator: collator that splits a step into parts. With None the trainer uses its own collator and computes
            whole batches.
    """

    token_collator: TokenCollator | None = None

    def get_train_dataloader(self: Any) -> Any:
        """Return the data loader of training, which uses `token_collator` if that is set.

        The data loader of evaluations uses the trainer's own collator.
        """
        own = self.data_collator
        self.data_collator = self.token_collator or own
        try:
            return super().get_train_dataloader()  # type: ignore[misc]
        finally:
            self.data_collator = own

    def training_step(self: Any, model: Any, inputs: Any, num_items_in_batch: Any = None) -> torch.Tensor:
        """Compute the loss and the gradients of a batch, part by part. Logged metrics are means over the step.

        The losses of the parts are added up. This gives the loss of the step:

        - SFT: the loss of a part is a sum over tokens, divided by `num_items_in_batch`, the number of tokens in the
          whole step.
        - DPO: TRL computes the loss of a part as a mean over the part's pairs. Before the losses are added up, this
          loss must be multiplied by the part's share of the step's pairs. The trainer divides the loss of a part by
          `current_gradient_accumulation_steps`, the number of accumulated batches. While a part is computed, this
          method divides that number by the part's share. This multiplies the loss by the share.

        A batch without the key `parts` is computed as a whole.
        """
        if "parts" not in inputs:
            return super().training_step(model, inputs, num_items_in_batch)  # type: ignore[misc]
        before = {name: len(values) for name, values in self._metrics["train"].items()}
        accumulated, losses = self.current_gradient_accumulation_steps, []
        for part, share in zip(inputs["parts"], inputs["shares"], strict=True):
            self.current_gradient_accumulation_steps = accumulated / share
            losses.append(super().training_step(model, part, num_items_in_batch))  # type: ignore[misc]
        self.current_gradient_accumulation_steps = accumulated
        for name, values in self._metrics["train"].items():
            own = values[before.get(name, 0) :]
            if len(own) == len(losses) > 1:
                mean = sum(value * share for value, share in zip(own, inputs["shares"], strict=True))
                values[len(values) - len(own) :] = [mean]
        return torch.stack(losses).sum()
