"""The linear layers of a model that get a LoRA (a low-rank adapter)."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import torch
from torch.nn.modules.conv import _ConvNd

from clinical_dpo.config.model_sizes import ALL_LINEAR
from clinical_dpo.errors import PublicError, did_you_mean
from clinical_dpo.progress import say


def lora_names(model: Any, targets: str | Sequence[str]) -> list[str]:
    """Names of the layers that get a LoRA, such as `q_proj`.

    Args:
        model: a causal language model without an adapter.
        targets: `lora_targets` of the model file: names of layers, or `all-linear` for all linear layers except the
            head. If experts of the model get no LoRA with `all-linear`, the log says so.

    Raises:
        PublicError: a name is not the name of a linear layer of the model.
    """
    from transformers.pytorch_utils import Conv1D  # GPT-2's linear layer

    head, language = model.get_output_embeddings(), model.get_decoder() if reads_images(model) else model
    linear = {
        name.rsplit(".", 1)[-1]
        for name, layer in language.named_modules()
        if isinstance(layer, torch.nn.Linear | Conv1D) and layer is not head
    }
    if targets == ALL_LINEAR:
        if weights := expert_weights(language):
            say(f"The experts ({weights:,} weights) get no LoRA, because they are not linear layers.")
        return sorted(linear)
    for name in targets:
        if name not in linear:
            raise PublicError(
                f"model file: key 'lora_targets': the model has no linear layer '{name}'."
                f"{did_you_mean(name, sorted(linear))} Use '{ALL_LINEAR}' for all linear layers."
            )
    return list(targets)


def expert_weights(model: torch.nn.Module) -> int:
    """Number of weights in the experts of a model. Transformers keeps the weights of all experts in one 3-D tensor.

    Args:
        model: a model without an adapter.
    """
    parts = (part for part in model.modules() if not isinstance(part, _ConvNd))  # a convolution has 3-D weights too
    return sum(weight.numel() for part in parts for weight in part.parameters(recurse=False) if weight.ndim == 3)


def reads_images(model: Any) -> bool:
    """Whether a model has other parts besides its language model, such as a part that reads images."""
    return model.config.get_text_config() is not model.config


def without_lora(model: Any) -> str | None:
    """Pattern for PEFT's `exclude_modules`, which names layers that get no LoRA: all layers outside the language model.

    Args:
        model: a causal language model without an adapter.

    Returns:
        The pattern; None if the model has no layers outside the language model.
    """
    if not reads_images(model):
        return None
    language = next(name for name, part in model.named_modules() if part is model.get_decoder())
    return rf"(?!{re.escape(language)}\.).*"


def lora_layers(model: Any) -> dict[str, int]:
    """Map the name of each kind of layer with a LoRA, such as `q_proj`, to the number of such layers in the model.

    For a model without an adapter the mapping is empty.
    """
    names = (name.rsplit(".", 1)[-1] for name, layer in model.named_modules() if getattr(layer, "lora_A", None))
    return dict(sorted(Counter(names).items()))
