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
LORA_SHARE = 0.021  # weights of a LoRA of rank 64 on all linear layers, as a share of 8B: 168 million
TOKEN_BYTES = 6e6  # activations and logits of one token at 8B until the backward pass
CHECKPOINTED = 0.15  # share of TOKEN_BYTES with gradient checkpointing


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


def compute_memory_mb(model: Mapping[str, Any], training: Mapping[str, Any] | None = None, branches: int = 1) -> float:
    """Memory in MB that a model needs on the device that computes it.

    Args:
        model: the model file's settings.
        training: a stage's settings; None for prediction and scoring.
        branches: answers per row in training, 1 in SFT and 2 in DPO.
    """
    parameters = parameter_count(model)
    four_bit = model.get("quantization")
    weights = parameters * (FOUR_BITS[four_bit["double"]] / 8 if four_bit else BYTES[model["dtype"]])
    if training is None:
        return (weights * 1.25 + 2e9 * _share(parameters)) / MB  # a quarter more for keys, values and logits
    trained = parameters * TRAINED_BYTES if training["adapter"] == "full" else parameters * LORA_SHARE * TRAINED_BYTES
    longest = training["max_length"] * branches
    tokens = max(training["micro_batch_tokens"] or training["micro_batch_size"] * longest, longest)
    activations = tokens * TOKEN_BYTES * _share(parameters) ** (2 / 3)  # proportional to a model's width times depth
    activations *= CHECKPOINTED if training["gradient_checkpointing"] else 1
    return ((0 if training["adapter"] == "full" else weights) + trained + activations) / MB


def host_memory_mb(model: Mapping[str, Any], training: Mapping[str, Any] | None = None, branches: int = 1) -> int:
    """Memory in MB that a job needs on the node.

    It is the memory of the process, plus twice the size of the weights' file, plus `compute_memory_mb` for a model that
    uses no GPU.

    Args:
        model, training, branches: as in `compute_memory_mb`.
    """
    kind = "float32" if training and training["adapter"] == "full" else model["dtype"]
    read = 2 * parameter_count(model) * BYTES[kind] / MB
    return round(PROCESS_MB + read + (0 if model["gpu"] else compute_memory_mb(model, training, branches)))


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
