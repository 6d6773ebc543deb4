"""TRL's DPOTrainer, but with the reference model's log-probabilities read from columns of the rows, not computed."""

from typing import Any

import torch
from datasets import Dataset
from peft import PeftModel
from trl import DPOConfig, DPOTrainer

from clinical_dpo.models.load import restore_trainable_weights
from clinical_dpo.training.evaluation import SeparateEvaluation
from clinical_dpo.training.flat.model import fused_outputs
from clinical_dpo.training.micro_batches import StepInParts

TIE_TOLERANCE = 1e-6  # relative error of eight float32 roundings


def tied(margins: torch.Tensor, logps: torch.Tensor, beta: float) -> torch.Tensor:
    """Whether the two rewards of each pair are equal up to rounding, a boolean tensor of shape (pairs,).

    Policy and reference model compute log-probabilities in different batches, so even equal models differ by rounding.
    The rounding error grows with the size of a log-probability. Before the first step, every pair is tied.

    Args:
        margins: reward of the chosen answer minus reward of the rejected answer, shape (pairs,).
        logps: log-probabilities (nats) of the answers, all chosen answers first, shape (2 x pairs,).
        beta: DPO's beta.
    """
    return margins.abs() <= TIE_TOLERANCE * (1 + beta * logps.abs().view(2, -1).sum(0))


def chosen_loss(log_probs: torch.Tensor, label_mask: torch.Tensor) -> torch.Tensor:
    """The SFT loss (nats) on the chosen answers: the mean over an answer's tokens, averaged over the pairs.

    Args:
        log_probs: log-probabilities of tokens, zero outside of the answers, shape (2 x pairs, tokens). All chosen
            answers come first.
        label_mask: whether a token belongs to an answer, shape (2 x pairs, tokens).
    """
    pairs = len(log_probs) // 2
    tokens = label_mask[:pairs].sum(1).clamp(min=1)
    return (-log_probs[:pairs].sum(1) / tokens).mean()


class StoredReferenceDPOTrainer(SeparateEvaluation, StepInParts, DPOTrainer):
    """DPOTrainer that reads the reference model's log-probabilities from the rows instead of computing them.

    The rows have the columns `ref_chosen_logps` and `ref_rejected_logps`. The trainer logs the share of pairs with
    equal rewards (ties) beside the share in which the chosen answer has the higher reward. It can add the SFT loss on
    the chosen answers to the DPO loss. This SFT loss (`chosen_loss`) is the mean over an answer's tokens, averaged over
    the pairs. TRL's loss type `sft` is instead the mean over all tokens of a micro-batch's chosen answers, so it
    depends on the size of the micro-batches. With one pair per micro-batch, the two losses are equal.
    """

    last_logps: torch.Tensor  # (2 x pairs,) log-probabilities (nats) of the last batch, all chosen answers first

    def __init__(self, model: Any, args: DPOConfig, sft_weight: float = 0.0, **kwargs: Any) -> None:
        """Construct the trainer as DPOTrainer does, and delete the copy of the policy that TRL makes as a reference.

        Args:
            model: the policy.
            args: TRL's arguments.
            sft_weight: weight of the SFT loss on the chosen answers; 0 adds no SFT loss.
            kwargs: further arguments of DPOTrainer.
        """
        self.sft_weight = sft_weight
        with restore_trainable_weights(model):
            super().__init__(model=model, args=args, **kwargs)
        if isinstance(model, PeftModel):
            model.delete_adapter("ref")  # TRL's copy of the policy
        self.precompute_ref_logps = True  # TRL then reads the columns of log-probabilities

    def starting_difference(self) -> tuple[float, int]:
        """Compare the log-probabilities of policy and reference model on the shortest training pair.

        The policy's log-probabilities are computed by the forward pass of training. Those of the reference model are
        read from the pair's row.

        Returns:
            The larger of the absolute differences (nats) on the chosen and on the rejected answer, and the number of
            tokens of the longer answer.
        """
        columns = ("prompt_ids", "chosen_ids", "rejected_ids")
        rows: Any = self.train_dataset
        row = min(rows, key=lambda row: sum(len(row[column]) for column in columns))
        inputs = self._prepare_inputs(self.data_collator([row]))
        model: Any = self.model
        was_training = model.training
        model.eval()
        with torch.no_grad(), self.compute_loss_context_manager():
            self.compute_loss(model, inputs)
        model.train(was_training)
        self._metrics["eval"].clear()
        stored = torch.cat([inputs["ref_chosen_logps"], inputs["ref_rejected_logps"]])
        difference = (self.last_logps - stored).abs().max().item()
        return difference, max(len(row["chosen_ids"]), len(row["rejected_ids"]))

    def _prepare_dataset(self, dataset: Dataset, *arguments: Any) -> Dataset:
        """Return the dataset unchanged, because its rows are already tokenized.

        If a message contains the characters of a special token, such as `</s>`, TRL's own tokenization would encode
        them as this token. The rows have them as plain text.
        """
        return dataset

    def _precompute_ref_logps(self, dataset: Dataset, name: str, batch_size: int) -> Dataset:
        return dataset

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Compute TRL's loss and metrics, and add the weighted SFT loss.

        `rewards/accuracies` counts no ties (pairs with equal rewards). `rewards/ties` is their share. In evaluation,
        the metrics are means over pairs. TRL itself averages over batches, so that a short last batch weighs as much as
        a full batch.
        """
        outputs: list[Any] = []

        def policy(**batch: Any) -> Any:
            outputs.append(fused_outputs(model, **batch))
            return outputs[-1]

        loss = super().compute_loss(policy, inputs, return_outputs, num_items_in_batch)
        (output,) = outputs
        if self.sft_weight:
            loss = loss + self.sft_weight * chosen_loss(output.log_probs, output.label_mask)
        self.last_logps = logps = output.log_probs.detach().sum(1)
        chosen, rejected = logps.chunk(2)
        margins = self.beta * ((chosen - inputs["ref_chosen_logps"]) - (rejected - inputs["ref_rejected_logps"]))
        ties = tied(margins, logps, self.beta)
        metrics = self._metrics["train" if model.training else "eval"]
        metrics["rewards/accuracies"][-1] = ((margins > 0) & ~ties).float().mean().item()
        metrics["rewards/ties"].append(ties.float().mean().item())
        if not model.training:
            for name in metrics.keys() - {"num_tokens"}:
                # TRL averages this list, so the value is repeated for each pair of the batch.
                metrics[name] += metrics[name][-1:] * (len(margins) - 1)
        return loss
