"""Build a model that continues training from the SFT model, with one adapter whose first ranks hold the SFT adapter.

The adapter has rank r_sft + r. Its first r_sft ranks hold the SFT adapter and get no gradient. The other r ranks are
trained. At the start of training they have no effect. The saved adapter is an ordinary LoRA of the base model.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import load_file

from clinical_dpo.errors import PublicError, UserError
from clinical_dpo.io import read_json
from clinical_dpo.models.load import is_adapter
from clinical_dpo.training.lora import lora_names, without_lora
from clinical_dpo.training.run import load_initial_model
from clinical_dpo.training.settings import Run

if TYPE_CHECKING:  # slow to import, so the function below imports it after the data checks
    from peft import PeftModel


def refuse_eight_bit_optimizer(run: Run, sft: str | Path) -> None:
    """Refuse an optimizer that would change the SFT adapter's LoRA weights, which this training keeps frozen.

    An optimizer with an eight-bit state also changes weights whose gradient is zero.

    Args:
        run: settings of the training, with the optimizer.
        sft: folder of the SFT model.

    Raises:
        PublicError: the optimizer has an eight-bit state and the SFT model is an adapter.
    """
    if is_adapter(sft) and "8bit" in run.settings["optimizer"]:
        raise PublicError(
            f"key 'optimizer': the optimizer '{run.settings['optimizer']}' has an eight-bit state, so it also changes "
            "weights whose gradient is zero. It would change the LoRA weights of the SFT model, which this training "
            "must keep frozen. Set optimizer: adamw_torch."
        )


def policy_from_sft(run: Run, sft: str, lora: Mapping[str, Any]) -> Any:
    """Load the SFT model, ready to be trained further.

    If the SFT model is a LoRA adapter, its LoRA weights are frozen, and training changes only additional LoRA weights.
    One adapter holds the frozen and the additional weights (see `policy_with_frozen_sft_ranks`). If the SFT model is
    not an adapter, training changes all its weights.

    Args:
        run: settings of the training. `lora_targets` of its model names the layers that get the additional weights.
        sft: folder of the chosen SFT model.
        lora: rank, alpha and dropout of the additional LoRA weights.
    """
    if not is_adapter(sft):
        return load_initial_model(run, sft)
    base = load_initial_model(run, run.base)
    return policy_with_frozen_sft_ranks(base, sft, lora, lora_names(base, run.model["lora_targets"]))


def policy_with_frozen_sft_ranks(
    base: torch.nn.Module, sft: str | Path, lora: Mapping[str, Any], targets: list[str]
) -> "PeftModel":
    """Add one LoRA adapter to the base model. It holds the frozen SFT ranks and `lora["rank"]` trainable ranks.

    Before training, the result equals the SFT model. An adapter has one scale for all its ranks. Here the scale is
    `lora["alpha"] / lora["rank"]`, and the SFT adapter's own scale may differ. Matrix B of the SFT ranks is therefore
    multiplied by the ratio (SFT adapter's scale) / (new scale).

    Args:
        base: the base model.
        sft: folder of the SFT adapter (a plain LoRA on linear layers).
        lora: rank, alpha and dropout of the trained ranks.
        targets: names of the linear layers that are trained.

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
            exclude_modules=without_lora(base),
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
            # Two adapters, one of them frozen, would need no hooks. But with them a step at width 4096 on an H100
            # takes 10 to 19% longer.
            a.register_hook(lambda grad, mask=mask: grad * mask[:, None])
            b.register_hook(lambda grad, mask=mask: grad * mask)
    if weights:
        raise UserError(
            f"{sft}: the base model has no layer for adapter weight '{min(weights)}'. "
            "Use the base model that the adapter was trained from."
        )
    return policy
