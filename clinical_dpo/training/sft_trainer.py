"""An SFTTrainer of TRL whose evaluation gives every row the same weight."""

from typing import Any

from trl import SFTTrainer

from clinical_dpo.training.evaluation import SeparateEvaluation
from clinical_dpo.training.flat.model import fused_outputs
from clinical_dpo.training.micro_batches import StepInParts


class RowMeanSFTTrainer(SeparateEvaluation, StepInParts, SFTTrainer):
    """SFTTrainer that averages eval loss and metrics over rows. A row's value is the mean over the answer's tokens.

    TRL averages over the tokens of a batch and then over batches. If answers differ in length, TRL's eval loss
    therefore depends on eval_batch_size. The eval loss of this trainer always equals TRL's eval loss with an
    eval_batch_size of 1.
    """

    model: Any

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """In training, return TRL's loss. In evaluation, return the mean of the losses of the batch's rows.

        The loss of a row is the mean loss of its answer's tokens. An evaluation also records the metrics `entropy` and
        `mean_token_accuracy` for each row, in place of TRL's value for the batch.
        """
        outputs: list[Any] = []

        def policy(**batch: Any) -> Any:
            outputs.append(fused_outputs(model, **batch))
            return outputs[-1]

        computed = super().compute_loss(policy, inputs, return_outputs, num_items_in_batch)
        if self.model.training:
            return computed
        (output,) = outputs
        tokens = output.label_mask.sum(1).clamp(min=1)
        per_token = {"entropy": output.entropy, "mean_token_accuracy": output.is_top1.float()}
        for name, values in per_token.items():
            self._metrics["eval"][name][-1:] = (values.sum(1) / tokens).tolist()
        loss = (-output.log_probs.sum(1) / tokens).mean()
        return (loss, computed[1]) if return_outputs else loss
