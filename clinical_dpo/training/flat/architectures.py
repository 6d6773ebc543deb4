"""Decide which models compute batches in the flat layout (one long row without padding).

All other models compute padded rows.
"""

from typing import Any

from transformers import PreTrainedModel

from clinical_dpo.progress import say

# Values of `model_type` in config.json. Tests compare the flat and the padded rows of each (docs/architectures.md).
# `gemma3` also reads images; its language model is gemma3_text.
FLAT_ARCHITECTURES = ("gemma3", "gemma3_text", "llama", "mistral", "qwen2", "qwen3")
ATTENTION_KINDS = {"full_attention", "sliding_attention"}
CAPS_AND_SCALES = ("attn_logit_softcapping", "final_logit_softcapping", "logit_scale", "logits_scaling")


def padding_reason(model: PreTrainedModel) -> str | None:
    """Return the reason why a causal language model cannot use the flat layout; None if the model can use it.

    In the flat layout, a batch is one long row without padding. A model that cannot use it computes padded rows.

    The reason is one of two. FLAT_ARCHITECTURES does not contain the model's architecture, or the flat layout does not
    support a setting of the model: capped or scaled logits, attention in both directions, or layers other than full or
    sliding-window attention.
    """
    config: Any = model.config.get_text_config()
    architecture = model.config.model_type
    if architecture not in FLAT_ARCHITECTURES:
        return f"the flat layout is not tested for the architecture {architecture}"
    settings = [key for key in CAPS_AND_SCALES if getattr(config, key, None) not in (None, 1)]
    settings += ["use_bidirectional_attention"] if getattr(config, "use_bidirectional_attention", None) else []
    settings += sorted(set(getattr(config, "layer_types", None) or ()) - ATTENTION_KINDS)
    return f"the flat layout does not support {' and '.join(settings)} of {architecture}" if settings else None


def computed_layout(model: PreTrainedModel, layout: str) -> tuple[str, str | None]:
    """Choose the layout of a model's batches: the configured layout if the model can use it, else `padded`.

    If the model cannot use the configured layout, the reason is logged.

    Args:
        model: a causal language model. If it has an adapter, this is the model inside PEFT's wrapper.
        layout: the configured layout: `flat` (one row without padding), `flex` (the same with FlexAttention) or
            `padded`.

    Returns:
        The configured layout and None, or `padded` and the reason why the model cannot use the configured layout.
    """
    reason = None if layout == "padded" else padding_reason(model)
    if reason:
        say(f"Rows are padded, because {reason}. Results are the same, but computing takes longer.")
        return "padded", reason
    return layout, None
