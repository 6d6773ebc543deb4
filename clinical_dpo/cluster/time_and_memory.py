"""Estimate the memory that a job needs, from its model, task and length, and what it requests from Slurm.

The numbers are estimates. A job that fails is submitted again with twice the request, up to the configured maximum. A
training job then resumes from its last checkpoint.
"""

from collections.abc import Mapping
from typing import Any

from clinical_dpo.cluster.flops import FOUR_BITS
from clinical_dpo.config.model_sizes import ALL_LINEAR, model_sizes
from clinical_dpo.model_files import BYTES

MB = 1e6
PROCESS_MB = 8000  # Python, PyTorch and the CUDA libraries: measured at 4 to 6 GB, with a reserve
REFERENCE_PARAMETERS = 8e9  # weights of the models in the published minutes
# Minutes per 1,000 steps of 4 rows on one A100 (Savage et al. 2025, Results, Training Dynamics): classification,
# summarization. The plan prints them beside its own estimate.
PUBLISHED_MINUTES = {("sft", "label"): 20, ("sft", "text"): 50, ("dpo", "label"): 50, ("dpo", "text"): 160}
START_MINUTES = 30  # reading weights from a shared file system that other jobs use
MARGIN = 2  # request divided by estimate, for other GPUs and busy file systems
TRAINED_BYTES = 16  # per trained weight, AdamW in float32: weight, gradient, two moments
MASK_BYTES = 1  # per element of a dropout mask
FLOAT32 = BYTES["float32"]


def parameter_count(model: Mapping[str, Any]) -> float:
    """Number of weights of a base model: counted, as in the model file, or computed from its sizes.

    Without `parameters` and `sizes`, a model that is not fetched yet counts as REFERENCE_PARAMETERS.

    Args:
        model: a model file's settings.
    """
    if "parameters" in model:
        return model["parameters"]
    if "pretraining" not in model and "sizes" not in model:
        return REFERENCE_PARAMETERS
    sizes = model_sizes(model)  # the head of a model pre-trained here shares the embeddings
    heads = 1 if "pretraining" in model else 2
    return sizes.linear_weights + sizes.norm_weights + heads * sizes.head_weights


def compute_memory_mb(
    model: Mapping[str, Any], training: Mapping[str, Any] | None = None, branches: int = 1, rank: int = 0
) -> float:
    """Memory in MB that a model needs on the device that computes it.

    Args:
        model: the model file's settings.
        training: a stage's settings; None for prediction and scoring.
        branches: answers per row in training, 1 in SFT and 2 in DPO.
        rank: rank of the adapter in training (`Study.adapter_rank`).
    """
    parameters = parameter_count(model)
    four_bit = model.get("quantization")
    weights = parameters * (FOUR_BITS[four_bit["double"]] / 8 if four_bit else BYTES[model["dtype"]])
    if training is None:
        return (weights * 1.25 + 2e9 * _share(parameters)) / MB  # a quarter more for keys, values and logits
    if training["adapter"] == "full":
        copies = model_sizes(model).linear_weights * BYTES[model["dtype"]] if model["dtype"] != "float32" else 0
        fixed = parameters * TRAINED_BYTES + copies  # weights in float32, and their copies that compute a step
    else:
        fixed = weights + lora_parameters(model, rank) * TRAINED_BYTES
    longest = training["max_length"] * branches
    tokens = max(training["micro_batch_tokens"] or training["micro_batch_size"] * longest, longest)
    return (fixed + tokens * token_bytes(model, training, branches, rank)) / MB


def token_bytes(model: Mapping[str, Any], training: Mapping[str, Any], branches: int = 1, rank: int = 0) -> float:
    """Bytes of activations that the forward pass of a token keeps for the backward pass.

    A layer keeps the inputs of its norms in float32, queries, keys, values and the result of attention, the gate before
    and after its activation function, what the gate is multiplied with, and the input of each trained linear layer. The
    log-probabilities keep next to nothing, because TRL's head computes them in parts.

    Args:
        model, training, branches, rank: as in `compute_memory_mb`. TRL's DPO, with 2 branches, has no dropout.
    """
    sizes, lora, size = model_sizes(model), training["adapter"] == "lora", BYTES[model["dtype"]]
    targets = model.get("lora_targets", ALL_LINEAR)
    trained = {name for name in sizes.linear_layers if not lora or targets == ALL_LINEAR or name in targets}
    inputs = sum(sizes.linear_layers[name][0] for name in trained)
    layer = (2 if lora else 4) * sizes.hidden_size * FLOAT32
    layer += (2 * sizes.query_width + 2 * sizes.key_width + 3 * sizes.intermediate_size + inputs) * size
    if lora:
        masked = branches == 1 and training["lora"]["dropout"] > 0
        layer += inputs * MASK_BYTES * masked + rank * len(trained) * size
    if training["gradient_checkpointing"]:  # the input of each layer, and all of the layer that is computed again
        return sizes.layers * sizes.hidden_size * (size if lora else FLOAT32) + layer
    return sizes.layers * layer


def host_memory_mb(
    model: Mapping[str, Any], training: Mapping[str, Any] | None = None, branches: int = 1, rank: int = 0
) -> int:
    """Memory in MB that a job needs on the node.

    It is the memory of the process, plus twice the size of the weights' file, plus `compute_memory_mb` for a model that
    uses no GPU.

    Args:
        model, training, branches, rank: as in `compute_memory_mb`.
    """
    kind = "float32" if training and training["adapter"] == "full" else model["dtype"]
    read = 2 * parameter_count(model) * BYTES[kind] / MB
    return round(PROCESS_MB + read + (0 if model["gpu"] else compute_memory_mb(model, training, branches, rank)))


def lora_parameters(model: Mapping[str, Any], rank: int) -> float:
    """Number of weights of a LoRA on the linear layers that a model file names, by default on all.

    Args:
        model: a model file's settings.
        rank: rank of the update of every layer.
    """
    return model_sizes(model).lora_weights(rank, model.get("lora_targets", ALL_LINEAR))


def requested_minutes(expected: float) -> float:
    """Minutes that a job requests at its first attempt, from its estimated minutes."""
    return START_MINUTES + MARGIN * expected


def scaled_request(estimate: float, attempt: int, maximum: int) -> int:
    """Request at an attempt (1, 2, ...): it doubles with each attempt, up to `maximum`."""
    return min(round(estimate * 2 ** (attempt - 1)), maximum)


def _share(parameters: float) -> float:
    """Number of weights, divided by the number of weights of the models in the published minutes."""
    return parameters / REFERENCE_PARAMETERS
