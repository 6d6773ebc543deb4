"""TRL's SFTTrainer, whose evaluation gives every row the same weight."""

from typing import Any

from trl import SFTTrainer


class RowMeanSFTTrainer(SFTTrainer):
    """SFTTrainer whose eval loss and metrics are means over rows of each row's mean over its answer's tokens.

    TRL takes the mean over the tokens of a batch, and then over batches: with answers of different lengths another
    eval_batch_size gives another loss. Here it gives the same one, which is TRL's with one row at once.
    """

    model: Any

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """TRL's loss in training; in evaluation the mean over the batch's rows."""
        seen: list[Any] = []

        def policy(**batch: Any) -> Any:
            seen.append(model(**batch))
            return seen[-1]

        computed = super().compute_loss(policy, inputs, return_outputs, num_items_in_batch)
        if self.model.training:
            return computed
        (output,) = seen
        tokens = output.label_mask.sum(1).clamp(min=1)
        of_row = {"entropy": output.entropy, "mean_token_accuracy": output.is_top1.float()}
        for name, values in of_row.items():
            self._metrics["eval"][name][-1:] = (values.sum(1) / tokens).tolist()
        loss = (-output.log_probs.sum(1) / tokens).mean()
        return (loss, computed[1]) if return_outputs else loss
