"""Direct preference optimization (DPO, Rafailov et al. 2023) with TRL's DPOTrainer.

The SFT model is both the initial policy and the reference model. With LoRA, the policy holds the SFT model as frozen
ranks (`sft_ranks`). The reference model's log-probabilities come from a file that all trials of a sweep share, so
training loads and runs no reference model.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from clinical_dpo.errors import PublicError
from clinical_dpo.models.load import is_adapter
from clinical_dpo.records import Pair
from clinical_dpo.training.run import is_probe_again, prepare, train_and_save, trainer_arguments
from clinical_dpo.training.settings import Run
from clinical_dpo.training.sft_ranks import policy_from_sft, refuse_eight_bit_optimizer

if TYPE_CHECKING:  # the functions below import these modules after the data checks
    from datasets import Dataset


def train(run: Run, files: Mapping[str, str]) -> None:
    """Train on a job's input files: pairs, log-probabilities, and `sft`, a file in the folder of the SFT model."""
    pairs, logps = (files["train"], files["eval"]), (files["train_reference"], files["eval_reference"])
    train_dpo(run, *pairs, *logps, sft=str(Path(files["sft"]).parent))


def train_dpo(run: Run, train_pairs: str, eval_pairs: str, train_logps: str, eval_logps: str, sft: str) -> None:
    """Train one trial on JSON Lines of prompt / chosen / rejected messages.

    Args:
        run: the run; its `settings` include beta, loss and label_smoothing, and for the arm dpo_sft also `sft_weight`,
            the weight of the SFT loss on the chosen answer.
        train_pairs, eval_pairs: JSON Lines of preference pairs.
        train_logps, eval_logps: Parquet with the SFT model's log-probabilities (nats) of both answers.
        sft: folder of the chosen SFT model.

    Raises:
        UserError: a prompt fills max_length, an answer is empty, the log-probabilities belong to other pairs, or the
            optimizer would change the frozen SFT ranks.
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
        split: with_reference_logps(prepared.rows[split], logps)
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
            # Without an adapter, TRL loads a second model as reference unless this is set.
            precompute_ref_log_probs=not is_adapter(sft),
            **trainer_arguments(run, prepared.checkpoints),
        ),
        train_dataset=data["train"],
        eval_dataset=data["eval"],
        processing_class=prepared.tokenizer,
    )
    train_and_save(run, prepared, trainer, branches=2)


def with_reference_logps(pairs: list[Pair], logps: str) -> "Dataset":
    """Make a dataset of pairs. Two columns hold the reference model's log-probabilities (nats) of the two answers.

    Args:
        pairs: the pairs.
        logps: Parquet file that `compute_reference_logps` wrote.

    Raises:
        UserError: the file does not hold exactly these pairs, in this order.
    """
    import pandas as pd
    from datasets import Dataset

    stored = pd.read_parquet(logps)
    if stored["id"].tolist() != [pair["id"] for pair in pairs]:
        raise PublicError(f"{logps}: its ids do not match those of the preference file. Delete {logps} and run again.")
    return Dataset.from_list(
        [
            {
                "prompt": pair["prompt"],
                "chosen": pair["chosen"],
                "rejected": pair["rejected"],
                "ref_chosen_logps": chosen,
                "ref_rejected_logps": rejected,
            }
            for pair, chosen, rejected in zip(pairs, stored["chosen"], stored["rejected"], strict=True)
        ]
    )
