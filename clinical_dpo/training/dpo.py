"""Direct preference optimization (DPO, Rafailov et al. 2023) with TRL's DPOTrainer.

The SFT model is both the initial policy and the reference model. If it is a LoRA adapter, the policy's adapter holds
the SFT adapter in its first ranks. These ranks are frozen, and training changes only the further ranks (see the module
`sft_ranks`). The reference model's log-probabilities come from a file that all trials of a sweep share, so training
neither loads nor runs a reference model.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from clinical_dpo.errors import PublicError
from clinical_dpo.models.load import autocast, is_adapter, mixed_precision
from clinical_dpo.records import Pair
from clinical_dpo.tokenization.tokens import tokenize_pair
from clinical_dpo.training.run import is_probe_again, prepare, train_and_save
from clinical_dpo.training.settings import Run
from clinical_dpo.training.sft_ranks import policy_from_sft, refuse_eight_bit_optimizer
from clinical_dpo.training.trainer_arguments import trainer_arguments

if TYPE_CHECKING:  # slow to import, so the functions below import it after the data checks
    from datasets import Dataset


# Nats per token by which equal models may differ in float32 and in 16 bits, because they compute in different batches.
ROUNDING, HALF_ROUNDING = 1e-4, 0.05


def train(run: Run, files: Mapping[str, str]) -> None:
    """Train the DPO model of a job.

    Args:
        run: settings and output folder of the training.
        files: paths of the job's input files. `train` and `eval` have the preference pairs. `train_reference` and
            `eval_reference` have the reference model's log-probabilities of these pairs. `sft` is a file in the folder
            of the SFT model.
    """
    pairs, logps = (files["train"], files["eval"]), (files["train_reference"], files["eval_reference"])
    train_dpo(run, *pairs, *logps, sft=str(Path(files["sft"]).parent))


def train_dpo(run: Run, train_pairs: str, eval_pairs: str, train_logps: str, eval_logps: str, sft: str) -> None:
    """Train one DPO model on preference pairs, and write its files into `run.out`.

    Args:
        run: settings and output folder of the training. Its `settings` include beta, loss and label_smoothing. For the
            arm dpo_sft they also include `sft_weight`, the weight of the SFT loss on the chosen answers.
        train_pairs, eval_pairs: JSON Lines files of preference pairs (prompt, chosen, rejected).
        train_logps, eval_logps: Parquet files with the SFT model's log-probabilities (nats) of both answers.
        sft: folder of the chosen SFT model.

    Raises:
        UserError: a prompt leaves no room for an answer in `max_length`, an answer is empty, the log-probabilities
            belong to other pairs or to other weights, or the optimizer would change the SFT model's LoRA weights, which
            this training keeps frozen.
    """
    refuse_eight_bit_optimizer(run, sft)
    prepared = prepare(
        run,
        {"train": train_pairs, "eval": eval_pairs},
        ["chosen", "rejected"],
        [train_logps, eval_logps, sft],
    )
    if is_probe_again(run, prepared):
        return
    from trl import DPOConfig

    from clinical_dpo.training.dpo_trainer import StoredReferenceDPOTrainer

    settings = run.settings
    data = {
        split: with_reference_logps(prepared.rows[split], logps, prepared.tokenizer)
        for split, logps in (("train", train_logps), ("eval", eval_logps))
    }
    torch.manual_seed(settings["seed"])
    policy = policy_from_sft(run, sft, settings["lora"])
    trainer = StoredReferenceDPOTrainer(
        model=policy,
        sft_weight=settings.get("sft_weight", 0.0),
        args=DPOConfig(
            beta=settings["beta"],
            loss_type=[settings["loss"]],
            label_smoothing=settings["label_smoothing"],
            disable_dropout=True,
            # Without an adapter, TRL would load a second model as the reference model if this were False.
            precompute_ref_log_probs=not is_adapter(sft),
            **trainer_arguments(run, prepared.checkpoints),
        ),
        train_dataset=data["train"],
        eval_dataset=data["eval"],
        processing_class=prepared.tokenizer,
    )
    train_and_save(run, prepared, trainer, branches=2, check=lambda: _check_start(trainer, run))


def _check_start(trainer: Any, run: Run) -> None:
    """Check before the first step that the policy equals the reference model.

    Raises:
        PublicError: the two models' log-probabilities of the shortest pair are not finite, or differ by more than
            rounding.
    """
    with autocast(run.model):  # the stored log-probabilities were computed in the same types
        difference, tokens = trainer.starting_difference()
    if not math.isfinite(difference):
        raise PublicError(
            "The log-probabilities of the policy or of the reference model are not finite numbers. Lower the learning "
            "rate of sft. If the model file has dtype: float16, first set dtype: bfloat16 or dtype: float32."
        )
    exact = run.model["dtype"] == "float32" or run.settings["adapter"] == "full"
    if not difference <= (ROUNDING if exact and not mixed_precision(run.model) else HALF_ROUNDING) * tokens:
        raise PublicError(
            f"Policy and reference model differ before the first step, by {difference:.3g} nats in the log-probability "
            f"of an answer of {tokens} tokens or fewer. The two models must be equal. The stored log-probabilities of "
            "the reference model belong to other weights, another chat template or other code. Delete "
            "preferences/*.reference.parquet of this task and model, and run again."
        )


def with_reference_logps(pairs: list[Pair], logps: str, tokenizer: Any) -> "Dataset":
    """Make a dataset of tokenized pairs, with the reference model's log-probabilities (nats) of the two answers.

    Args:
        pairs: the preference pairs.
        logps: path of a Parquet file that `compute_reference_logps` wrote.
        tokenizer: the model's tokenizer.

    Raises:
        PublicError: the Parquet file does not hold exactly these pairs, in this order.
    """
    import pandas as pd
    from datasets import Dataset

    stored = pd.read_parquet(logps)
    if stored["id"].tolist() != [pair["id"] for pair in pairs]:
        raise PublicError(
            f"{logps}: the ids in this file differ from those of the preference pairs. Delete {logps} and run again."
        )
    columns = ("prompt_ids", "chosen_ids", "rejected_ids", "ref_chosen_logps", "ref_rejected_logps")
    return Dataset.from_list(
        [
            dict(zip(columns, (*tokenize_pair(pair, tokenizer), chosen, rejected), strict=True))
            for pair, chosen, rejected in zip(pairs, stored["chosen"], stored["rejected"], strict=True)
        ]
    )
