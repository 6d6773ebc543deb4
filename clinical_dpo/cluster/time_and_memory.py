"""Estimate the memory that a job needs, and what the job requests from Slurm.

A job that fails is submitted again with twice the request, up to the configured maximum. A training job then resumes
from its last checkpoint.
"""

from collections.abc import Mapping
from typing import Any

from clinical_dpo.cluster.flops import FOUR_BITS
from clinical_dpo.config.model_sizes import ALL_LINEAR, model_sizes
from clinical_dpo.model_files import BYTES

MB = 1e6
PROCESS_MB = 8000  # of Python, PyTorch and the CUDA libraries: measured at 4 to 6 GB, plus a reserve
REFERENCE_PARAMETERS = 8e9  # number of weights of the models in the published minutes
# Published minutes per 1,000 steps of 4 rows on one A100 (Savage et al. 2025, Results, Training Dynamics), for
# classification and summarization. The plan prints them beside its own estimate.
PUBLISHED_MINUTES = {("sft", "label"): 20, ("sft", "text"): 50, ("dpo", "label"): 50, ("dpo", "text"): 160}
START_MINUTES = 30  # allowed for reading weights from a shared file system that other jobs use
MARGIN = 2  # requested time divided by estimated time, for slower GPUs and busy file systems
TRAINED_BYTES = 16  # of a trained weight with AdamW in float32: weight, gradient, two moments
MASK_BYTES = 1  # of an element of a dropout mask
FLOAT32 = BYTES["float32"]


def parameter_count(model: Mapping[str, Any]) -> float:
    """Number of weights of a base model: counted in its files, stated in the model file, or computed from its sizes.

    REFERENCE_PARAMETERS is assumed for a model that is not downloaded yet and has neither `parameters` nor `sizes`.

    Args:
        model: a model file's settings.
    """
    if "parameters" in model:
        return model["parameters"]
    if "pretraining" not in model and "sizes" not in model:
        return REFERENCE_PARAMETERS
    sizes = model_sizes(model)  # a model that is pre-trained here shares its embeddings with its head
    heads = 1 if "pretraining" in model else 2
    return sizes.linear_weights + sizes.norm_weights + heads * sizes.head_weights


def compute_memory_mb(
    model: Mapping[str, Any], training: Mapping[str, Any] | None = None, branches: int = 1, rank: int = 0
) -> float:
    """Memory in MB that a model needs on the device on which it runs (GPU or CPU).

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
        return (weights * 1.25 + 2e9 * _share(parameters)) / MB  # 25% more for keys, values and logits
    if training["adapter"] == "full":
        copies = model_sizes(model).linear_weights * BYTES[model["dtype"]] if model["dtype"] != "float32" else 0
        fixed = parameters * TRAINED_BYTES + copies  # float32 weights, and copies in the compute type
    else:
        fixed = weights + lora_parameters(model, rank) * TRAINED_BYTES
    longest = training["max_length"] * branches
    tokens = max(training["micro_batch_tokens"] or training["micro_batch_size"] * longest, longest)
    return (fixed + tokens * token_bytes(model, training, branches, rank)) / MB


def token_bytes(model: Mapping[str, Any], training: Mapping[str, Any], branches: int = 1, rank: int = 0) -> float:
    """Bytes of activations per token that the forward pass keeps for the backward pass.

    A layer keeps the inputs of its norms in float32. It also keeps queries, keys, values and the result of attention,
    the gate before and after its activation function, the output of the up projection, and the input of each trained
    linear layer. The language-model head is left out: TRL computes the log-probabilities in parts and keeps almost
    nothing of them.

    Args:
        model, training, branches, rank: as in `compute_memory_mb`. With 2 branches (DPO) dropout masks are left out,
            because TRL trains DPO without dropout.
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
    if training["gradient_checkpointing"]:  # each layer's input, and one whole layer
        return sizes.layers * sizes.hidden_size * (size if lora else FLOAT32) + layer
    return sizes.layers * layer


def host_memory_mb(
    model: Mapping[str, Any], training: Mapping[str, Any] | None = None, branches: int = 1, rank: int = 0
) -> int:
    """Memory in MB that a job needs on the node.

    This is the memory of the process, plus twice the size of the weights' file, plus `compute_memory_mb` if the model
    uses no GPU.

    Args:
        model, training, branches, rank: as in `compute_memory_mb`.
    """
    kind = "float32" if training and training["adapter"] == "full" else model["dtype"]
    read = 2 * parameter_count(model) * BYTES[kind] / MB
    return round(PROCESS_MB + read + (0 if model["gpu"] else compute_memory_mb(model, training, branches, rank)))


def lora_parameters(model: Mapping[str, Any], rank: int) -> float:
    """Number of weights of a LoRA of a model.

    The LoRA is on the linear layers that `lora_targets` of the model file names. If the key is missing, the LoRA is on
    all linear layers except the head.

    Args:
        model: a model file's settings.
        rank: rank of the LoRA in every layer.
    """
    return model_sizes(model).lora_weights(rank, model.get("lora_targets", ALL_LINEAR))


def requested_minutes(expected: float) -> float:
    """Minutes that a job requests from Slurm at its first attempt.

    Args:
        expected: estimated minutes of the job.
    """
    return START_MINUTES + MARGIN * expected


def scaled_request(estimate: float, attempt: int, maximum: int) -> int:
    """The memory or time that a job requests from Slurm at an attempt, at most `maximum`.

    The first attempt requests `estimate`. Each further attempt requests twice as much as the attempt before.

    Args:
        estimate: request at the first attempt, in MB or minutes.
        attempt: number of the attempt, from 1.
        maximum: largest request, in the unit of `estimate`.
    """
    return min(round(estimate * 2 ** (attempt - 1)), maximum)


def _share(parameters: float) -> float:
    """The number of weights divided by REFERENCE_PARAMETERS."""
    return parameters / REFERENCE_PARAMETERS
