"""Batches of a trainer: laid out flat where asked, and how much of what is computed is padding."""

from collections.abc import Callable
from typing import Any

from clinical_dpo.training.flat.layout import flat_layout


class Collator:
    """TRL's collator, with each batch's flat layout beside it where `branches` is given.

    Attributes:
        padding_share: padded tokens / all tokens computed, over the batches made so far.
    """

    def __init__(self, stock: Callable[[list[Any]], Any], branches: int | None) -> None:
        """Args: stock: TRL's collator; branches: rows per prompt (see `flat_layout`), None for padded batches."""
        self.stock, self.branches = stock, branches
        self.computed = self.padded = 0

    def __call__(self, rows: list[Any]) -> dict[str, Any]:
        """One batch of prepared rows."""
        batch = self.stock(rows)
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
        """Padded tokens / all tokens computed."""
        return self.padded / self.computed if self.computed else 0.0
