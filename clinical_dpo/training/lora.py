"""The linear layers of a model that get a LoRA."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import torch

from clinical_dpo.config.model_sizes import ALL_LINEAR
from clinical_dpo.errors import PublicError, did_you_mean


def lora_names(model: Any, targets: str | Sequence[str]) -> list[str]:
    """Names of the layers that get a LoRA, such as `q_proj`.

    Args:
        model: a causal language model without an adapter.
        targets: `lora_targets` of the model file: names, or `all-linear` for all linear layers except the head.

    Raises:
        UserError: a name is not the name of a linear layer of the model.
    """
    from transformers.pytorch_utils import Conv1D  # GPT-2's linear layer

    head = model.get_output_embeddings()
    linear = {
        name.rsplit(".", 1)[-1]
        for name, layer in model.named_modules()
        if isinstance(layer, torch.nn.Linear | Conv1D) and layer is not head
    }
    if targets == ALL_LINEAR:
        return sorted(linear)
    for name in targets:
        if name not in linear:
            raise PublicError(
                f"model file: key 'lora_targets': the model has no linear layer '{name}'."
                f"{did_you_mean(name, sorted(linear))} Use {ALL_LINEAR} for all linear layers."
            )
    return list(targets)


def lora_layers(model: Any) -> dict[str, int]:
    """Name of a layer with a LoRA -> number of such layers in a model. Empty for a model without an adapter."""
    names = (name.rsplit(".", 1)[-1] for name, layer in model.named_modules() if getattr(layer, "lora_A", None))
    return dict(sorted(Counter(names).items()))
