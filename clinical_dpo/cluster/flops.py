"""Floating-point operations and memory traffic of training, evaluation, the reference pass and generation.

A multiplication with an addition counts as two operations. In causal attention a token attends to itself and to the
tokens before it. Norms, activations and the softmax are left out: they are below one percent at a width of 4096.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from clinical_dpo.cluster.cards import Card
from clinical_dpo.config.model_sizes import Sizes, model_sizes
from clinical_dpo.model_files import BYTES

# Double quantization -> bits per weight, including the weight's share of its block's scale (QLoRA, sec. 3).
FOUR_BITS = {True: 4.127, False: 4.5}
# Bytes that AdamW in float32 moves per trained weight and step: it reads weight, gradient and two moments, writes
# weight and moments, and reads the gradient once more for its norm.
OPTIMIZER_BYTES = 32


@dataclass(frozen=True)
class Tokens:
    """Numbers of tokens of one row, or their means over rows."""

    total: float  # tokens that the blocks compute
    predicted: float  # tokens that the language-model head computes
    pairs: float  # pairs of a token and a token that it attends to


@dataclass(frozen=True)
class Part:
    """One kind of work within a job, such as its training steps: floating-point operations and bytes."""

    name: str
    flops: float
    read_bytes: float  # of weights and of stored keys and values; reading overlaps with computation
    moved_bytes: float = 0.0  # moved without computing: unpacked four-bit weights, the optimizer's state

    def times(self, count: float) -> "Part":
        """Return the same kind of work, done `count` times."""
        return replace(
            self,
            flops=self.flops * count,
            read_bytes=self.read_bytes * count,
            moved_bytes=self.moved_bytes * count,
        )

    def peak_seconds(self, card: Card, dtype: str) -> float:
        """Least seconds of this work on a card (roofline model).

        Computation and reading overlap, so only the slower of the two counts. Bytes that are moved without computation
        take additional time.

        Args:
            card: the card.
            dtype: floating-point type of the matrix products.
        """
        return max(self.flops / card.flops(dtype), self.read_bytes / card.bandwidth) + self.moved_bytes / card.bandwidth


def triangle(tokens: float) -> float:
    """Number of pairs in causal attention over `tokens` tokens: each token with itself and the tokens before it."""
    return tokens * (tokens + 1) / 2


def answer_tokens(prompt: float, answer: float) -> Tokens:
    """Tokens of a prompt with one answer, as in SFT."""
    return Tokens(prompt + answer, answer, triangle(prompt + answer))


def branch_tokens(prompt: float, *answers: float, shared: bool = True) -> Tokens:
    """Tokens of a prompt with several answers, as in DPO.

    Args:
        prompt, answers: numbers of tokens.
        shared: True if the prompt is computed once for all answers (`layout: flat` and `flex`), False if it is computed
            for each answer (`padded`).
    """
    if not shared:
        rows = [answer_tokens(prompt, answer) for answer in answers]
        return Tokens(*(sum(getattr(row, key) for row in rows) for key in ("total", "predicted", "pairs")))
    pairs = triangle(prompt) + sum(answer * prompt + triangle(answer) for answer in answers)
    return Tokens(prompt + sum(answers), sum(answers), pairs)


def forward_flops(sizes: Sizes, tokens: Tokens, lora_weights: float) -> float:
    """Operations of one forward pass over a row, with a LoRA that is not merged into the weights."""
    return _blocks_flops(sizes, tokens, lora_weights) + 2 * sizes.head_weights * tokens.predicted


def attention_flops(sizes: Sizes, pairs: float) -> float:
    """Operations of attention in all layers in a forward pass: the attention scores and the weighted sums of values.

    Args:
        sizes: the model's sizes.
        pairs: number of pairs (query token, key token), such as 6 for causal attention over 3 tokens.
    """
    return 4 * sizes.layers * sizes.query_width * pairs


def _blocks_flops(sizes: Sizes, tokens: Tokens, lora_weights: float) -> float:
    return 2 * (sizes.linear_weights + lora_weights) * tokens.total + attention_flops(sizes, tokens.pairs)


def training_flops(sizes: Sizes, tokens: Tokens, lora_weights: float | None, checkpointed: bool) -> float:
    """Operations of the forward and backward pass over a row.

    In a linear layer, the gradient of the input takes as many operations as the forward pass. If the layer's weights
    are trained, their gradient takes the same number once more. The backward pass of attention takes twice as many
    operations as its forward pass.

    Args:
        sizes: the model's sizes.
        tokens: tokens of the row.
        lora_weights: number of weights of the LoRA; None if all weights are trained.
        checkpointed: whether the backward pass computes the blocks' activations again (Chen et al. 2016).
    """
    lora = lora_weights or 0.0
    forward = forward_flops(sizes, tokens, lora)
    frozen = 2 * (sizes.linear_weights * tokens.total + sizes.head_weights * tokens.predicted)
    gradients = frozen * (2 if lora_weights is None else 1) + 4 * lora * tokens.total
    backward = gradients + 2 * attention_flops(sizes, tokens.pairs)
    return forward + backward + (_blocks_flops(sizes, tokens, lora) if checkpointed else 0)


def compute_type(model: Mapping[str, Any]) -> str:
    """Floating-point type of a model's matrix products.

    Mixed precision computes in this type too, although the weights themselves are float32.

    Args:
        model: the model file's settings.
    """
    return model["quantization"]["compute_dtype"] if model.get("quantization") else model["dtype"]


def pass_traffic(model: Mapping[str, Any], full: bool = False) -> tuple[float, float]:
    """Return the memory traffic of a model's weights in one pass, as two numbers of bytes.

    Args:
        model: the model file's settings.
        full: whether all weights are trained. If so, they are float32.

    Returns:
        The first number is the bytes of weights that the pass reads. The second is the bytes that are read and written
        to unpack four-bit weights before the pass. It is 0 if the weights are not four-bit.
    """
    sizes = model_sizes(model)
    four_bit = model.get("quantization")
    if four_bit and not full:
        unpacked = BYTES[four_bit["compute_dtype"]]
        read = sizes.linear_weights * unpacked + sizes.head_weights * BYTES[model["dtype"]]
        return read, sizes.linear_weights * (FOUR_BITS[four_bit["double"]] / 8 + unpacked)
    kind = "float32" if full else model["dtype"]
    return (sizes.linear_weights + sizes.head_weights) * BYTES[kind], 0.0


def key_value_bytes(model: Mapping[str, Any]) -> float:
    """Bytes of the stored keys and values of one token in all layers."""
    sizes = model_sizes(model)
    return 2 * sizes.layers * sizes.key_width * BYTES[compute_type(model)]
