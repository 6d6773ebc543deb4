"""TRL's DPOTrainer with the reference's log-probabilities read from the rows: no reference model, no reference pass."""

from typing import Any

import torch
from datasets import Dataset
from peft import PeftModel
from trl import DPOConfig, DPOTrainer

from clinical_dpo.models.load import restore_trainable_weights

TIE = 1e-6  # eight float32 roundings


def tied(margins: torch.Tensor, logps: torch.Tensor, beta: float) -> torch.Tensor:
    """Which pairs' rewards are equal but for rounding, (pairs,) bool.

    Args:
        margins: (pairs,) rewards of chosen less those of rejected answers.
        logps: (2 x pairs,) log-probabilities (nats) of the answers, chosen ones first.
        beta: DPO's beta.

    A reference computed in batches of other make-up differs from the policy's own log-probabilities by roundings, which
    grow with a log-probability's size. Before the first step every pair is tied, whatever sign a rounding has.
    """
    return margins.abs() <= TIE * (1 + beta * logps.abs().view(2, -1).sum(0))


class StoredReferenceDPOTrainer(DPOTrainer):
    """DPOTrainer whose rows carry `ref_chosen_logps` and `ref_rejected_logps`; logs ties, which are not wins."""

    def __init__(self, model: Any, args: DPOConfig, **kwargs: Any) -> None:
        """As DPOTrainer, less the reference it would make for itself."""
        with restore_trainable_weights(model):
            super().__init__(model=model, args=args, **kwargs)
        if isinstance(model, PeftModel):
            model.delete_adapter("ref")  # TRL's copy of the policy
        self.precompute_ref_logps = True  # read the columns, in training and in evaluation

    def _precompute_ref_logps(self, dataset: Dataset, name: str, batch_size: int) -> Dataset:
        return dataset

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """TRL's loss and metrics; `rewards/accuracies` counts no tie as a win, `rewards/ties` is their share.

        In evaluation every batch counts by its pairs, where TRL's mean over batches counts a short last one in full:
        rewards, their shares and log-probabilities are means over pairs.
        """
        seen = []

        def policy(**batch: Any) -> Any:
            output = model(**batch)
            seen.append(output.log_probs.detach().sum(1))
            return output

        loss = super().compute_loss(policy, inputs, return_outputs, num_items_in_batch)
        (logps,) = seen
        chosen, rejected = logps.chunk(2)
        margins = self.beta * ((chosen - inputs["ref_chosen_logps"]) - (rejected - inputs["ref_rejected_logps"]))
        ties = tied(margins, logps, self.beta)
        metrics = self._metrics["train" if model.training else "eval"]
        metrics["rewards/accuracies"][-1] = ((margins > 0) & ~ties).float().mean().item()
        metrics["rewards/ties"].append(ties.float().mean().item())
        if not model.training:
            for name in metrics.keys() - {"num_tokens"}:
                metrics[name] += metrics[name][-1:] * (len(margins) - 1)  # TRL takes the mean of the list
        return loss
