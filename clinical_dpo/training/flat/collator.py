"""Collation of training batches: add the flat layout (one long row without padding), and count padding."""

from collections.abc import Callable
from typing import Any

from clinical_dpo.training.flat.layout import flat_layout


class Collator:
    """Collator that calls TRL's collator, and can add the flat layout (one long row without padding) to each batch.

    The flat layout is added unless the constructor's argument `branches` (rows per prompt) is None.

    Attributes:
        padding_share: number of padding tokens divided by the number of all computed tokens, over the batches so far.
    """

    def __init__(self, trl_collator: Callable[[list[Any]], Any], branches: int | None) -> None:
        """Wrap TRL's collator.

        Args:
            trl_collator: TRL's collator.
            branches: rows per prompt (1 in SFT, 2 in DPO). None gives padded batches without the flat layout.
        """
        self.trl_collator, self.branches = trl_collator, branches
        self.computed = self.padded = 0

    def __call__(self, rows: list[Any]) -> dict[str, Any]:
        """Collate tokenized rows into a batch.

        If the collator's `branches` is not None, the batch also has the flat layout (one long row without padding)
        under the key `layout`.
        """
        batch = self.trl_collator(rows)
        if self.branches is None:
            self.computed += batch["attention_mask"].numel()
            self.padded += int((batch["attention_mask"] == 0).sum())
            return batch
        completion = batch["completion_mask"] if "completion_mask" in batch else batch["labels"] != -100
        batch["layout"] = flat_layout(batch["input_ids"], batch["attention_mask"], completion, self.branches)
        self.computed += batch["layout"]["input_ids"].numel()
        return batch

    @property
    def padding_share(self) -> float:
        """Number of padding tokens divided by the number of all computed tokens, over the batches so far."""
        return self.padded / self.computed if self.computed else 0.0
