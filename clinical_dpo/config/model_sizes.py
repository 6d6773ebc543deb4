"""Sizes of a base model's layers, from its model file, and the numbers of weights that follow from these sizes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from clinical_dpo.errors import UserError

KEYS = ("vocab_size", "hidden_size", "intermediate_size", "layers", "heads", "kv_heads")
ALL_LINEAR = "all-linear"  # `lora_targets` for all linear layers except the head
TOLERANCE = 0.02  # largest relative difference between the weights that follow from `sizes` and `parameters`


@dataclass(frozen=True)
class Sizes:
    """Sizes of a decoder like Llama: grouped-query attention and a gated feed-forward layer."""

    vocab_size: float
    hidden_size: float
    intermediate_size: float
    layers: float
    heads: float
    kv_heads: float
    head_dim: float | None = None  # width of a head; None for hidden_size / heads

    @property
    def query_width(self) -> float:
        """Width of a token's queries in one layer. In Gemma and some Qwen models it differs from the hidden size."""
        return self.hidden_size if self.head_dim is None else self.heads * self.head_dim

    @property
    def key_width(self) -> float:
        """Width of a token's attention keys in one layer. The attention values have the same width."""
        return self.query_width * self.kv_heads / self.heads

    @property
    def linear_layers(self) -> dict[str, tuple[float, float]]:
        """Map the name of each linear layer of a block to the widths of its input and output."""
        hidden, inner, queries, keys = self.hidden_size, self.intermediate_size, self.query_width, self.key_width
        attention = {"q_proj": (hidden, queries), "k_proj": (hidden, keys), "v_proj": (hidden, keys)}
        feed_forward = {"gate_proj": (hidden, inner), "up_proj": (hidden, inner), "down_proj": (inner, hidden)}
        return attention | {"o_proj": (queries, hidden)} | feed_forward

    @property
    def linear_weights(self) -> float:
        """Number of weights of the linear layers of all blocks."""
        return self.layers * sum(inputs * outputs for inputs, outputs in self.linear_layers.values())

    @property
    def head_weights(self) -> float:
        """Number of weights of the language-model head. The embeddings have the same number of weights."""
        return self.vocab_size * self.hidden_size

    @property
    def norm_weights(self) -> float:
        """Number of weights of the norms: two norms in each block, and one before the head."""
        return (2 * self.layers + 1) * self.hidden_size

    def lora_weights(self, rank: float, targets: str | Iterable[str] = ALL_LINEAR) -> float:
        """Number of weights of a LoRA.

        Args:
            rank: rank of the LoRA in every layer.
            targets: `lora_targets` of a model file. Names that are not in `linear_layers` add no weights.
        """
        names = self.linear_layers if targets == ALL_LINEAR else targets
        widths = (self.linear_layers[name] for name in names if name in self.linear_layers)
        return rank * self.layers * sum(inputs + outputs for inputs, outputs in widths)


LLAMA_3_8B = Sizes(128_256, 4096, 14_336, 32, 32, 8)
LLAMA_3_8B_PARAMETERS = 8_030_261_248


def model_sizes(model: Mapping[str, Any]) -> Sizes:
    """Sizes of a model: `sizes` of its model file, or `pretraining` for a model that is pre-trained here.

    Without these two keys, the sizes are those of Llama-3-8B, with width and depth scaled to `parameters`, the number
    of weights. If `parameters` is missing too, because the model is not downloaded yet, the sizes are not scaled.

    Args:
        model: a model file's settings.
    """
    stated = model.get("sizes") or model.get("pretraining")
    if stated:
        return Sizes(**{key: stated[key] for key in KEYS}, head_dim=stated.get("head_dim"))
    scale = (model.get("parameters", LLAMA_3_8B_PARAMETERS) / LLAMA_3_8B_PARAMETERS) ** (1 / 3)
    llama = LLAMA_3_8B
    heads, kv_heads, layers = llama.heads * scale, llama.kv_heads * scale, llama.layers * scale
    return Sizes(llama.vocab_size, llama.hidden_size * scale, llama.intermediate_size * scale, layers, heads, kv_heads)


def check_sizes(model: Mapping[str, Any], where: str) -> None:
    """Refuse `sizes` whose number of weights differs from `parameters`.

    Args:
        model: a model file's settings.
        where: the model file, with which the message begins.

    Raises:
        UserError: the numbers of weights differ by more than TOLERANCE.
    """
    if "sizes" not in model or "parameters" not in model or sizes_fit(model["sizes"], model["parameters"]):
        return
    shared, own = _weight_counts(model["sizes"])
    raise UserError(
        f"{where}: key 'sizes' gives {shared:,.0f} parameters if the output layer shares the weights of the "
        f"embeddings, and {own:,.0f} if it does not. But key 'parameters' is {model['parameters']:,}. Copy the sizes "
        "from the model's config.json: vocab_size, hidden_size, intermediate_size, num_hidden_layers, "
        "num_attention_heads, num_key_value_heads, and head_dim if it is there. If the sizes are right, correct "
        "`parameters`."
    )


def sizes_fit(sizes: Mapping[str, Any], parameters: int) -> bool:
    """Whether the number of weights of a model of these sizes is `parameters`, within TOLERANCE.

    The weights are counted in two ways: with a language-model head that shares the weights of the embeddings, and with
    a separate head. It is enough that one of the two numbers agrees.
    """
    return any(abs(count - parameters) <= TOLERANCE * parameters for count in _weight_counts(sizes))


def _weight_counts(sizes: Mapping[str, Any]) -> tuple[float, float]:
    """Number of weights of a model whose head shares the embeddings, and of a model with a separate head."""
    layers = model_sizes({"sizes": sizes})
    shared = layers.linear_weights + layers.norm_weights + layers.head_weights
    return shared, shared + layers.head_weights
