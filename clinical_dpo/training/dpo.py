"""Direct preference optimization (Rafailov et al. 2023): TRL's DPOTrainer, the SFT model as start and as reference.

With LoRA the policy is one "wide" adapter of rank r_sft + r_dpo: its first ranks hold the SFT adapter and get no
gradient, the others start at zero and are trained. Saved, it is an ordinary LoRA over the base model. The reference's
log-probabilities come from a file that all trials of a sweep share, so no reference model is loaded or run.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import load_file

from clinical_dpo.errors import PublicError, UserError
from clinical_dpo.io import Row, read_json
from clinical_dpo.models.load import is_adapter
from clinical_dpo.training.run import Run, load_start, prepare, train_and_save, trainer_arguments

if TYPE_CHECKING:  # imported where they are used, after the data was checked
    from datasets import Dataset
    from peft import PeftModel


def policy_with_frozen_sft_ranks(
    base: torch.nn.Module, sft: str | Path, lora: Mapping[str, Any], targets: list[str]
) -> "PeftModel":
    """The SFT model with `lora["rank"]` untrained ranks beside its own; equal to the SFT model until trained.

    Args:
        base: the base model.
        sft: folder of the SFT adapter (a plain LoRA on linear layers).
        lora: rank, alpha and dropout of the DPO part.
        targets: the linear layers DPO trains.

    Both parts share one scale, the DPO part's alpha / rank; what the SFT part's scale differs is folded into its B.
    """
    from peft import LoraConfig, get_peft_model
    from peft.tuners.lora import LoraLayer

    own = read_json(Path(sft) / "adapter_config.json")
    frozen, scale = own["r"], lora["alpha"] / lora["rank"]
    rank = frozen + lora["rank"]
    policy = get_peft_model(
        base,
        LoraConfig(
            r=rank,
            lora_alpha=scale * rank,
            lora_dropout=lora["dropout"],
            target_modules=sorted({*targets, *own["target_modules"]}),
            task_type="CAUSAL_LM",
        ),
    )
    weights = load_file(Path(sft) / "adapter_model.safetensors")
    fold = own["lora_alpha"] / frozen / scale
    for name, layer in policy.named_modules():
        if isinstance(layer, LoraLayer):
            factors: Any = layer
            a, b = factors.lora_A["default"].weight, factors.lora_B["default"].weight
            trained = name.rsplit(".", 1)[-1] in targets
            with torch.no_grad():
                torch.nn.init.kaiming_uniform_(a[frozen:], a=5**0.5)  # as PEFT starts an adapter of this rank
                a[frozen:] *= trained
                a[:frozen] = weights.pop(f"{name}.lora_A.weight", torch.zeros(()))
                b[:, :frozen] = weights.pop(f"{name}.lora_B.weight", torch.zeros(())) * fold
            keep = torch.zeros(rank, device=a.device)
            keep[frozen:] = float(trained)
            a.register_hook(lambda grad, keep=keep: grad * keep[:, None])
            b.register_hook(lambda grad, keep=keep: grad * keep)
    if weights:
        raise UserError(f"{sft}: adapter weights without a place in the base model, such as {min(weights)}.")
    return policy


def train(run: Run, files: Mapping[str, str]) -> None:
    """Train on the pairs among a job's input files; `sft` is the one by which it depends on the SFT model."""
    pairs, reference = (files["train"], files["eval"]), (files["train_reference"], files["eval_reference"])
    train_dpo(run, *pairs, *reference, sft=str(Path(files["sft"]).parent))


def train_dpo(run: Run, train_rows: str, eval_rows: str, train_reference: str, eval_reference: str, sft: str) -> None:
    """Train one trial on JSON Lines of prompt / chosen / rejected messages.

    Args:
        run: the run; `settings` hold beta, loss and label_smoothing too.
        train_rows, eval_rows: the pairs.
        train_reference, eval_reference: Parquet with the SFT model's log-probabilities (nats) of both answers.
        sft: folder of the chosen SFT model.

    Raises:
        UserError: a pair whose prompt fills max_length or with an answer that would be cut to nothing, a reference
            of other pairs, or an optimizer that would move the frozen SFT ranks.
    """
    if is_adapter(sft) and "8bit" in run.settings["optimizer"]:
        raise PublicError(
            f"optimizer {run.settings['optimizer']}: its state in eight bits moves weights whose gradient is zero, and "
            "with them the frozen SFT ranks. With adapter lora, take adamw_torch for dpo."
        )
    prepared = prepare(
        run,
        {"train": train_rows, "eval": eval_rows},
        ["chosen", "rejected"],
        [train_reference, eval_reference, sft],
    )
    from trl import DPOConfig

    from clinical_dpo.training.dpo_trainer import StoredReferenceDPOTrainer

    settings = run.settings
    data = {
        split: with_reference(prepared.rows[split], reference)
        for split, reference in (("train", train_reference), ("eval", eval_reference))
    }
    torch.manual_seed(settings["seed"])
    policy = (
        policy_with_frozen_sft_ranks(load_start(run, run.base), sft, settings["lora"], list(run.model["lora_targets"]))
        if is_adapter(sft)
        else load_start(run, sft)
    )
    trainer = StoredReferenceDPOTrainer(
        model=policy,
        args=DPOConfig(
            beta=settings["beta"],
            loss_type=[settings["loss"]],
            label_smoothing=settings["label_smoothing"],
            disable_dropout=True,
            # Without an adapter TRL would load a second model as reference unless told that it is computed ahead.
            precompute_ref_log_probs=not is_adapter(sft),
            **trainer_arguments(run, prepared.checkpoints),
        ),
        train_dataset=data["train"],
        eval_dataset=data["eval"],
        processing_class=prepared.tokenizer,
    )
    train_and_save(run, prepared, trainer, branches=2)


def with_reference(rows: list[Row], reference: str) -> "Dataset":
    """Pairs with the reference's log-probabilities as columns.

    Raises:
        UserError: the reference file does not hold exactly these pairs, in this order.
    """
    import pandas as pd
    from datasets import Dataset

    stored = pd.read_parquet(reference)
    if stored["id"].tolist() != [row["id"] for row in rows]:
        raise PublicError(f"{reference}: holds other pairs than the preference file. Delete it and run again.")
    return Dataset.from_list(
        [
            {key: row[key] for key in ("prompt", "chosen", "rejected")}
            | {"ref_chosen_logps": chosen, "ref_rejected_logps": rejected}
            for row, chosen, rejected in zip(rows, stored["chosen"], stored["rejected"], strict=True)
        ]
    )
