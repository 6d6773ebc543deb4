"""Flat layout: a batch as one row of tokens without padding, every prompt once with its answers behind it.

Of the two answers of a preference pair each sees the prompt and itself, at the positions it would have alone, so the
log-probabilities are those of two separate rows at nearly the price of one. Attention runs answer by answer, without a
dense mask; what follows the last attention, the language-model head above all, runs only where a token of an answer is
predicted.
"""

from collections.abc import Callable, Mapping
from types import MethodType
from typing import Any, TypedDict

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, PreTrainedModel
from transformers.models.llama.modeling_llama import LlamaDecoderLayer
from transformers.models.mistral.modeling_mistral import MistralDecoderLayer

from clinical_dpo.errors import UserError

CAPS_AND_SCALES = ("attn_logit_softcapping", "final_logit_softcapping", "logit_scale", "logits_scaling")
Segments = tuple[tuple[int, int, int, int], ...]  # per answer: first and end of its own tokens, of those it shares


class Layout(TypedDict):
    """Where every token of a padded batch of shape (rows, width) is in its flat form."""

    input_ids: torch.Tensor  # (1, tokens)
    position_ids: torch.Tensor  # (1, tokens), as in the padded rows
    segments: Segments
    predicts: torch.Tensor  # (predictions,) indices of tokens whose hidden state predicts a token of an answer
    shift_labels: torch.Tensor  # (1, predictions) the token predicted there
    predicted: torch.Tensor  # (rows, width - 1) bool, where the padded batch holds those predictions


def flat_layout(
    input_ids: torch.Tensor, attention_mask: torch.Tensor, completion: torch.Tensor, branches: int
) -> Layout:
    """The flat form of a right-padded batch.

    Args:
        input_ids, attention_mask, completion: (rows, width); `completion` marks the answers' tokens.
        branches: rows per prompt. 1 in SFT; 2 in DPO, all chosen rows before all rejected ones, as TRL stacks them.

    A row shares with the first of its prompt whatever both begin with: the prompt, and an answer's first tokens too.
    """
    rows, width = input_ids.shape
    groups = rows // branches
    real = attention_mask.bool()
    place = torch.arange(width).expand(rows, width)
    alike = (input_ids == input_ids[:groups].repeat(branches, 1)) & real & real[:groups].repeat(branches, 1)
    shared = alike.long().cumprod(1).sum(1)
    shared[:groups] = 0
    own = real.sum(1) - shared
    ends = own.view(branches, groups).T.reshape(-1).cumsum(0).view(groups, branches).T.reshape(-1)
    begins = ends - own
    trunks = begins[:groups].repeat(branches)
    index = torch.where(place < shared[:, None], trunks[:, None] + place, (begins - shared)[:, None] + place)
    flat_ids, positions = input_ids.new_zeros(2, int(own.sum()))
    flat_ids[index[real]], positions[index[real]] = input_ids[real], place[real]
    predicted = completion[:, 1:].bool()
    segments = torch.stack([begins, ends, trunks, trunks + shared], 1)
    return {
        "input_ids": flat_ids[None],
        "position_ids": positions[None],
        "segments": tuple((a, b, c, d) for a, b, c, d in sorted(segments.tolist()) if b > a),
        "predicts": index[:, :-1][predicted],
        "shift_labels": input_ids[:, 1:][predicted][None],
        "predicted": predicted,
    }


def flat_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: None,
    scaling: float | None = None,
    dropout: float = 0.0,
    sliding_window: int | None = None,
    *,
    segments: Segments,
    **options: Any,
) -> tuple[torch.Tensor, None]:
    """Causal attention of a flat row, segment by segment (an attention function of transformers).

    Args:
        module, attention_mask, options: not used.
        query: (1, heads, tokens, width); key, value: (1, key heads, tokens, width).
        scaling, dropout, sliding_window: as the model's layer gives them; a token sees itself and the
            sliding_window - 1 tokens before it.
        segments: see Layout.

    Returns:
        (1, tokens, heads, width), and None for the weights.
    """
    sizes = [end - begin for begin, end, _, _ in segments]
    # Split once: the backward pass of as many slices would write as many whole rows of zeros.
    queries, keys, values = (states.split(sizes, 2) for states in (query, key, value))
    number = {segment[0]: i for i, segment in enumerate(segments)}
    parts = []
    for i, (_, _, shared_begin, shared_end) in enumerate(segments):
        new, shared = sizes[i], shared_end - shared_begin
        own_keys, own_values = keys[i], values[i]
        if shared:
            first = number[shared_begin]
            own_keys = torch.cat([keys[first][:, :, :shared], own_keys], 2)
            own_values = torch.cat([values[first][:, :, :shared], own_values], 2)
        plain = not shared and (sliding_window is None or new <= sliding_window)
        part = scaled_dot_product_attention(
            queries[i],
            own_keys,
            own_values,
            attn_mask=None if plain else _visible(new, shared + new, sliding_window, query.device),
            dropout_p=dropout,
            is_causal=plain,
            scale=scaling,
            enable_gqa=True,
        )
        parts.append(part.transpose(1, 2))
    return torch.cat(parts, 1), None


def _visible(new: int, seen: int, window: int | None, device: torch.device) -> torch.Tensor:
    """(new, seen) bool: which of the `seen` tokens each of the last `new` attends to."""
    distance = torch.arange(seen - new, seen, device=device)[:, None] - torch.arange(seen, device=device)
    return distance >= 0 if window is None else (distance >= 0) & (distance < window)


AttentionInterface.register("flat", flat_attention)


def without_adapter(model: Any) -> PreTrainedModel:
    """The causal language model inside a PEFT model (its layers still hold the adapter), or the model itself."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def use_flat_layout(model: PreTrainedModel, attention: str = "flat") -> None:
    """Let a causal language model compute flat rows; from here on it takes no other input.

    Args:
        model: of transformers, with or without an adapter in its layers.
        attention: `flat`, or `flex` of clinical_dpo.flex.

    Its last hidden states are those that predict, (1, predictions, width), and nothing else is computed after the last
    attention of the models known here.

    Raises:
        UserError: a model that does more with attention or the head's output than is computed here.
    """
    refuse_other_heads(model)
    if attention == "flex":
        import clinical_dpo.flex  # noqa: F401  # registers it; late, since it loads the compiler
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
        raise UserError(
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


def hidden_inputs(layout: Layout) -> dict[str, Any]:
    """What the model below the head is called with."""
    return {key: value for key, value in layout.items() if key not in ("shift_labels", "predicted")}


def spread(values: torch.Tensor, predicted: torch.Tensor) -> torch.Tensor:
    """Values of every prediction, at their places in the padded batch of shape (rows, width - 1), zeros elsewhere."""
    return values.new_zeros(predicted.shape).masked_scatter(predicted, values)


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
