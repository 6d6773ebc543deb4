"""Estimate the memory and the minutes of a job from its model, task and length, and the job's request to Slurm.

The numbers are estimates. A job that fails is submitted again with twice the request, up to the configured maximum. A
training job then resumes from its last checkpoint.
"""

from collections.abc import Mapping
from typing import Any

from clinical_dpo.model_files import BYTES

MB = 1e6
PROCESS_MB = 8000  # Python, PyTorch and the CUDA libraries: measured at 4 to 6 GB, with a reserve
REFERENCE_PARAMETERS = 8e9  # weights of the models in the published minutes
REFERENCE_BATCH = 4  # rows per step in the model cards of that study
# Minutes per 1,000 steps on one A100 (Savage et al. 2025, Results, Training Dynamics): classification, summarization.
PUBLISHED_MINUTES = {("sft", "label"): 20, ("sft", "text"): 50, ("dpo", "label"): 50, ("dpo", "text"): 160}
START_MINUTES = 30  # reading weights from a shared file system, imports, evaluations
MARGIN = 2  # request divided by estimate, for other GPUs and busy file systems
REFERENCE_SHARE = 0.3  # share of the reference model's forward pass in a DPO step, measured
TOKEN_SECONDS = 0.05  # per token of a batch of answers at 8B weights; an A100 takes about two thirds of this time
# Bits per weight, including its share of the block's scale, with and without double quantization (QLoRA, sec. 3).
FOUR_BITS = {True: 4.127, False: 4.5}
TRAINED_BYTES = 16  # per trained weight, AdamW in float32: weight, gradient, two moments
LORA_SHARE, LORA_RANK = 0.021, 64  # weights of a LoRA of this rank on all linear layers, as a share of 8B: 168 million
TOKEN_BYTES = 6e6  # activations and logits of one token at 8B until the backward pass
CHECKPOINTED = 0.15  # share of TOKEN_BYTES with gradient checkpointing


def parameter_count(model: Mapping[str, Any]) -> float:
    """Number of weights of a base model: counted, as in the model file, or computed from the sizes of pre-training.

    A model that is not fetched yet and whose file has no `parameters` counts as REFERENCE_PARAMETERS.

    Args:
        model: a model file's settings.
    """
    if "parameters" in model:
        return model["parameters"]
    if "pretraining" not in model:
        return REFERENCE_PARAMETERS
    sizes = model["pretraining"]
    hidden, key_values = sizes["hidden_size"], sizes["hidden_size"] * sizes["kv_heads"] / sizes["heads"]
    layer = 2 * hidden * (hidden + key_values) + 3 * hidden * sizes["intermediate_size"] + 2 * hidden
    return sizes["vocab_size"] * hidden + sizes["layers"] * layer + hidden  # the head shares the embeddings


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
    tokens = training["micro_batch_size"] * training["max_length"] * branches
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
    """Number of weights of a LoRA on all linear layers: a share of the model's weights, or computed from its sizes.

    Args:
        model: a model file's settings.
        rank: rank of the update of every layer.
    """
    if "pretraining" not in model:
        return parameter_count(model) * LORA_SHARE * rank / LORA_RANK
    sizes = model["pretraining"]
    hidden, key_values = sizes["hidden_size"], sizes["hidden_size"] * sizes["kv_heads"] / sizes["heads"]
    widths = 2 * (hidden + hidden) + 2 * (hidden + key_values) + 3 * (hidden + sizes["intermediate_size"])
    return rank * sizes["layers"] * widths


def training_minutes(model: Mapping[str, Any], answer_type: str, stage: str, batch_size: int, steps: float) -> float:
    """Estimated minutes of a training run on one A100, without reading the model's weights.

    Args:
        model: the model file's settings.
        answer_type: of the task. Answers other than labels count as summaries.
        stage: sft or dpo.
        batch_size: rows per step.
        steps: optimizer steps.
    """
    published = PUBLISHED_MINUTES[stage, "label" if answer_type == "label" else "text"]
    rows = steps * batch_size / REFERENCE_BATCH
    return published * rows / 1000 * _share(parameter_count(model))


def scoring_minutes(model: Mapping[str, Any], answer_type: str, pairs: int) -> float:
    """Estimated minutes of one forward pass over preference pairs."""
    return REFERENCE_SHARE * training_minutes(model, answer_type, "dpo", REFERENCE_BATCH, pairs / REFERENCE_BATCH)


def generation_minutes(model: Mapping[str, Any], answers: int, max_new_tokens: int, batch_size: int) -> float:
    """Estimated minutes of generating answers, each with `max_new_tokens` tokens."""
    batches = -(-answers // batch_size)
    return batches * max_new_tokens * TOKEN_SECONDS / 60 * _share(parameter_count(model))


def requested_minutes(expected: float) -> float:
    """Minutes that a job requests at its first attempt, from its estimated minutes."""
    return START_MINUTES + MARGIN * expected


def scaled_request(estimate: float, attempt: int, maximum: int) -> int:
    """Request at an attempt (1, 2, ...): it doubles with each attempt, up to `maximum`."""
    return min(round(estimate * 2 ** (attempt - 1)), maximum)


def _share(parameters: float) -> float:
    """Number of weights, divided by the number of weights of the models in the published minutes."""
    return parameters / REFERENCE_PARAMETERS
