"""A language model that takes batches in the flat layout."""

from collections.abc import Callable, Mapping
from types import MethodType
from typing import Any

import torch
from transformers import PreTrainedModel
from transformers.models.llama.modeling_llama import LlamaDecoderLayer
from transformers.models.mistral.modeling_mistral import MistralDecoderLayer

import clinical_dpo.training.flat.attention  # noqa: F401  # registers `flat`
from clinical_dpo.errors import PublicError
from clinical_dpo.training.flat.layout import Layout, hidden_inputs, spread

CAPS_AND_SCALES = ("attn_logit_softcapping", "final_logit_softcapping", "logit_scale", "logits_scaling")


def without_adapter(model: Any) -> PreTrainedModel:
    """The causal language model inside a PEFT model (its layers still hold the adapter), or the model itself."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def use_flat_layout(model: PreTrainedModel, attention: str = "flat") -> None:
    """Let a causal language model compute flat rows; from here on it takes no other input.

    Args:
        model: of transformers, with or without an adapter in its layers.
        attention: `flat`, or `flex` of clinical_dpo.training.flat.flex_attention.

    Its last hidden states are those that predict, (1, predictions, width), and nothing else is computed after the last
    attention of the models known here.

    Raises:
        UserError: a model that does more with attention or the head's output than is computed here.
    """
    refuse_other_heads(model)
    if attention == "flex":
        import clinical_dpo.training.flat.flex_attention  # noqa: F401  # registers it; late, since it loads the compiler
    model.set_attn_implementation(attention)
    decoder: Any = model.base_model
    last: Any = decoder.layers[-1]
    known = isinstance(last, LlamaDecoderLayer | MistralDecoderLayer)
    if known:
        last.forward = MethodType(_last_block, last)
    else:
        decoder.register_forward_hook(_keep_predicting, with_kwargs=True)
    for layer in model.modules():
        if getattr(layer, "lora_A", None):
            layer.forward = MethodType(_lora, layer)


def refuse_other_heads(model: PreTrainedModel) -> None:
    """Stop at a model that caps or scales logits or attends to sinks (Gemma 2, Cohere, Granite, gpt-oss).

    Raises:
        UserError: what it does.
    """
    found = [key for key in CAPS_AND_SCALES if getattr(model.config, key, None) not in (None, 1)]
    found += sorted({name.rsplit(".", 1)[1] for name, _ in model.named_parameters() if name.endswith(".sinks")})
    if found:
        raise PublicError(
            f"{model.config.model_type}: its {' and '.join(found)} are not computed here, so that reference and policy "
            "would differ. Take a model without, such as those of config/models."
        )


def _lora(self: Any, states: torch.Tensor) -> torch.Tensor:
    """PEFT's plain LoRA layer, scaled at the rank's width and added within the last product.

    PEFT scales and adds tables of the output's size; in a small model they cost as much as the adapter itself.
    """
    rows = states.flatten(0, -2)
    result = self.base_layer(rows)
    for name in self.active_adapters:
        low, high = self.lora_A[name], self.lora_B[name].weight.to(result.dtype)
        narrow = low(self.lora_dropout[name](rows.to(low.weight.dtype))) * self.scaling[name]
        result.addmm_(narrow.to(result.dtype), high.T)
    return result.unflatten(0, states.shape[:-1])


def _last_block(self: Any, hidden_states: torch.Tensor, *, predicts: torch.Tensor, **options: Any) -> torch.Tensor:
    """Llama's and Mistral's block, its second half only where a token is predicted."""
    attended, _ = self.self_attn(hidden_states=self.input_layernorm(hidden_states), **options)
    hidden_states = (hidden_states + attended)[:, predicts]
    return hidden_states + self.mlp(self.post_attention_layernorm(hidden_states))


def _keep_predicting(module: torch.nn.Module, args: Any, kwargs: Mapping[str, Any], output: Any) -> Any:
    output.last_hidden_state = output.last_hidden_state[:, kwargs["predicts"]]
    return output


@torch.inference_mode()
def answer_logps(model: PreTrainedModel, layout: Layout) -> torch.Tensor:
    """Summed log-probabilities (nats) of each row's answer, shape (rows,), by a model prepared by `use_flat_layout`."""
    hidden = model.base_model(**hidden_inputs(layout), use_cache=False).last_hidden_state
    logits = model.get_output_embeddings()(hidden).float()
    logps = logits.log_softmax(-1).gather(-1, layout["shift_labels"][..., None])
    return spread(logps, layout["predicted"]).sum(1)


def flatten_fused_head(model: Any, attention: str = "flat") -> None:
    """Let a model with TRL's fused head take `layout`, and answer in the shape of the padded batch.

    Its log-probabilities, entropies and so on are then (rows, width - 1), zero where nothing is predicted: TRL's
    losses and metrics work as they do on padded batches.
    """
    use_flat_layout(model, attention)
    fused: Callable[..., Any] = model.forward

    def forward(self: Any, input_ids: Any, attention_mask: Any, labels: Any, layout: Layout, **options: Any) -> Any:
        output = fused(**hidden_inputs(layout), shift_labels=layout["shift_labels"], **options)
        per_token = {name: value for name, value in output.items() if value.shape == layout["shift_labels"].shape}
        for name, value in per_token.items():
            output[name] = spread(value, layout["predicted"])
        return output

    model.forward = MethodType(forward, model)
