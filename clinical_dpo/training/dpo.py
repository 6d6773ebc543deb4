"""Direct preference optimization (DPO, Rafailov et al. 2023) with TRL's DPOTrainer.

The SFT model is both the initial policy and the reference model. With LoRA, the policy is one adapter of rank
r_sft + r_dpo. Its first r_sft ranks hold the SFT adapter and get no gradient; the other ranks start at zero and are
trained. The saved adapter is an ordinary LoRA over the base model. The reference model's log-probabilities come from a
file that all trials of a sweep share, so training loads and runs no reference model.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import load_file

from clinical_dpo.errors import PublicError, UserError
from clinical_dpo.io import read_json
from clinical_dpo.models.load import autocast, is_adapter, mixed_precision
from clinical_dpo.records import Pair
from clinical_dpo.tokenization.tokens import tokenize_pair
from clinical_dpo.training.lora import lora_names
from clinical_dpo.training.run import is_probe_again, load_initial_model, prepare, train_and_save, trainer_arguments
from clinical_dpo.training.settings import Run

if TYPE_CHECKING:  # the functions below import these modules after the data checks
    from datasets import Dataset
    from peft import PeftModel


# Nats per token by which equal models may differ, since they compute in other batches: in float32, and in 16 bits.
ROUNDING, HALF_ROUNDING = 1e-4, 0.05


def policy_with_frozen_sft_ranks(
    base: torch.nn.Module, sft: str | Path, lora: Mapping[str, Any], targets: list[str]
) -> "PeftModel":
    """Add the SFT adapter and `lora["rank"]` trainable ranks to the base model, as one LoRA adapter.

    Before training, the result equals the SFT model. An adapter has only one scale; here it is the DPO part's
    alpha / rank. Matrix B of the SFT part is therefore multiplied by (SFT scale / DPO scale).

    Args:
        base: the base model.
        sft: folder of the SFT adapter (a plain LoRA on linear layers).
        lora: rank, alpha and dropout of the DPO part.
        targets: names of the linear layers that DPO trains.

    Raises:
        UserError: the SFT adapter has weights for a layer that the base model lacks.
    """
    from peft import LoraConfig, get_peft_model
    from peft.tuners.lora import LoraLayer

    sft_config = read_json(Path(sft) / "adapter_config.json")
    sft_rank, scale = sft_config["r"], lora["alpha"] / lora["rank"]
    rank = sft_rank + lora["rank"]
    policy = get_peft_model(
        base,
        LoraConfig(
            r=rank,
            lora_alpha=scale * rank,
            lora_dropout=lora["dropout"],
            target_modules=sorted({*targets, *sft_config["target_modules"]}),
            task_type="CAUSAL_LM",
        ),
    )
    weights = load_file(Path(sft) / "adapter_model.safetensors")
    scale_ratio = sft_config["lora_alpha"] / sft_rank / scale
    for name, layer in policy.named_modules():
        if isinstance(layer, LoraLayer):
            factors: Any = layer
            a, b = factors.lora_A["default"].weight, factors.lora_B["default"].weight
            trained = name.rsplit(".", 1)[-1] in targets
            with torch.no_grad():
                torch.nn.init.kaiming_uniform_(a[sft_rank:], a=5**0.5)  # as PEFT initializes an adapter of this rank
                a[sft_rank:] *= trained
                a[:sft_rank] = weights.pop(f"{name}.lora_A.weight", torch.zeros(()))
                b[:, :sft_rank] = weights.pop(f"{name}.lora_B.weight", torch.zeros(())) * scale_ratio
            mask = torch.zeros(rank, device=a.device)
            mask[sft_rank:] = float(trained)
            # A second, frozen adapter needs no hooks, but a step at width 4096 on an H100 takes 10 to 19% longer.
            a.register_hook(lambda grad, mask=mask: grad * mask[:, None])
            b.register_hook(lambda grad, mask=mask: grad * mask)
    if weights:
        raise UserError(
            f"{sft}: the base model has no layer for adapter weight '{min(weights)}'. "
            "Use the base model that the adapter was trained from."
        )
    return policy


def train(run: Run, files: Mapping[str, str]) -> None:
    """Train on a job's input files: pairs, log-probabilities, and `sft`, a file in the folder of the SFT model."""
    pairs, logps = (files["train"], files["eval"]), (files["train_reference"], files["eval_reference"])
    train_dpo(run, *pairs, *logps, sft=str(Path(files["sft"]).parent))


def train_dpo(run: Run, train_pairs: str, eval_pairs: str, train_logps: str, eval_logps: str, sft: str) -> None:
    """Train one trial on JSON Lines of prompt / chosen / rejected messages.

    Args:
        run: the run; its `settings` include beta, loss and label_smoothing.
        train_pairs, eval_pairs: JSON Lines of preference pairs.
        train_logps, eval_logps: Parquet with the SFT model's log-probabilities (nats) of both answers.
        sft: folder of the chosen SFT model.

    Raises:
        UserError: a prompt fills max_length, an answer is empty, the log-probabilities belong to other pairs, or the
            optimizer would change the frozen SFT ranks.
    """
    if is_adapter(sft) and "8bit" in run.settings["optimizer"]:
        raise PublicError(
            f"dpo: key 'optimizer': {run.settings['optimizer']} would change the frozen SFT ranks. An optimizer with "
            "an eight-bit state changes even weights with zero gradient. Set optimizer: adamw_torch."
        )
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
    policy = load_initial_model(run, run.base if is_adapter(sft) else sft)
    if is_adapter(sft):
        targets = lora_names(policy, run.model["lora_targets"])
        policy = policy_with_frozen_sft_ranks(policy, sft, settings["lora"], targets)
    trainer = StoredReferenceDPOTrainer(
        model=policy,
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
    train_and_save(run, prepared, trainer, branches=2, check=lambda: _check_start(trainer, run))


def _check_start(trainer: Any, run: Run) -> None:
    """Refuse a policy that differs from the reference model before the first step.

    Raises:
        UserError: the log-probabilities of the shortest pair differ by more than rounding.
    """
    with autocast(run.model):  # as for the stored log-probabilities
        difference, tokens = trainer.starting_difference()
    exact = run.model["dtype"] == "float32" or run.settings["adapter"] == "full"
    if not difference <= (ROUNDING if exact and not mixed_precision(run.model) else HALF_ROUNDING) * tokens:
        raise PublicError(
            f"Policy and reference model differ before the first step, by {difference:.3g} nats for an answer of at "
            f"most {tokens} tokens. The stored log-probabilities belong to other weights, another chat template or "
            "other code. Delete preferences/*.reference.parquet of this task and model, and run again."
        )


def with_reference_logps(pairs: list[Pair], logps: str, tokenizer: Any) -> "Dataset":
    """Make a dataset of tokenized pairs, with the reference model's log-probabilities (nats) of the two answers.

    Args:
        pairs: the pairs.
        logps: Parquet file that `compute_reference_logps` wrote.
        tokenizer: the model's tokenizer.

    Raises:
        UserError: the file does not hold exactly these pairs, in this order.
    """
    import pandas as pd
    from datasets import Dataset

    stored = pd.read_parquet(logps)
    if stored["id"].tolist() != [pair["id"] for pair in pairs]:
        raise PublicError(f"{logps}: its ids do not match those of the preference file. Delete {logps} and run again.")
    columns = ("prompt_ids", "chosen_ids", "rejected_ids", "ref_chosen_logps", "ref_rejected_logps")
    return Dataset.from_list(
        [
            dict(zip(columns, (*tokenize_pair(pair, tokenizer), chosen, rejected), strict=True))
            for pair, chosen, rejected in zip(pairs, stored["chosen"], stored["rejected"], strict=True)
        ]
    )
