"""What a job takes: memory and minutes, estimated from its model, its task and its length; and what it asks Slurm for.

Estimates, not promises: a job that fails is asked for again with twice as much, up to the configured maximum, and a
training job goes on from its last checkpoint.
"""

from collections.abc import Mapping
from typing import Any

MB = 1e6
PROCESS_MB = 8000  # Python, PyTorch and the CUDA libraries, measured at 4 to 6 GB, and room
REFERENCE_PARAMETERS = 8e9  # of the models the published minutes were spent on
REFERENCE_BATCH = 4  # rows a step, as the model cards of that study say
# Minutes per 1,000 steps on one A100 (Savage et al. 2025, Results, Training Dynamics): classification, summarization.
PUBLISHED_MINUTES = {("sft", "label"): 20, ("sft", "text"): 50, ("dpo", "label"): 50, ("dpo", "text"): 160}
START_MINUTES = 30  # reading weights from a shared file system, imports, evaluations
MARGIN = 2  # of what is asked for over what is expected: another card, a busy file system
REFERENCE_SHARE = 0.3  # of a DPO step that is the reference's forward pass, measured
TOKEN_SECONDS = 0.05  # to generate one token for a batch of answers at 8B; an A100 takes about two thirds of it
BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
FOUR_BITS = {
    True: 4.127,
    False: 4.5,
}  # bits a weight with its block's scale, scales quantized too or not (QLoRA, sec. 3)
TRAINED_BYTES = 16  # AdamW in float32: weight, gradient, two moments
LORA_SHARE, LORA_RANK = 0.021, 64  # of the weights, a LoRA of that rank on all linear layers at 8B (168 million)
TOKEN_BYTES = 6e6  # activations and logits that one token keeps at 8B until the backward pass
CHECKPOINTED = 0.15  # of them with gradient checkpointing


def parameter_count(model: Mapping[str, Any]) -> float:
    """Weights of a base model: as its file says, or counted from the sizes of one that is pre-trained here.

    Args:
        model: a model file's settings.
    """
    if "parameters" in model:
        return model["parameters"]
    sizes = model["pretraining"]
    hidden, key_values = sizes["hidden_size"], sizes["hidden_size"] * sizes["kv_heads"] / sizes["heads"]
    layer = 2 * hidden * (hidden + key_values) + 3 * hidden * sizes["intermediate_size"] + 2 * hidden
    return sizes["vocab_size"] * hidden + sizes["layers"] * layer + hidden  # embeddings serve as head


def compute_memory_mb(model: Mapping[str, Any], training: Mapping[str, Any] | None = None, branches: int = 1) -> float:
    """Memory of the device a model is computed on, in MB.

    Args:
        model: the model file's settings.
        training: a stage's settings; None for answers and scores.
        branches: answers a row trains on, 1 in SFT and 2 in DPO.
    """
    parameters = parameter_count(model)
    four_bit = model.get("quantization")
    held = parameters * (FOUR_BITS[four_bit["double"]] / 8 if four_bit else BYTES[model["dtype"]])
    if training is None:
        return (held * 1.25 + 2e9 * _share(parameters)) / MB  # a quarter more for keys, values and logits
    trained = parameters * TRAINED_BYTES if training["adapter"] == "full" else parameters * LORA_SHARE * TRAINED_BYTES
    tokens = training["micro_batch_size"] * training["max_length"] * branches
    kept = tokens * TOKEN_BYTES * _share(parameters) ** (2 / 3)  # width times depth of a model grows like that
    kept *= CHECKPOINTED if training["gradient_checkpointing"] else 1
    return ((0 if training["adapter"] == "full" else held) + trained + kept) / MB


def host_memory_mb(model: Mapping[str, Any], training: Mapping[str, Any] | None = None, branches: int = 1) -> int:
    """Memory of the node in MB: the file of the weights read twice over, and all of the job where it has no GPU.

    Args:
        model, training, branches: as in `compute_memory_mb`.
    """
    kind = "float32" if training and training["adapter"] == "full" else model["dtype"]
    read = 2 * parameter_count(model) * BYTES[kind] / MB
    return round(PROCESS_MB + read + (0 if model["gpu"] else compute_memory_mb(model, training, branches)))


def lora_parameters(model: Mapping[str, Any], rank: int) -> float:
    """Weights of a LoRA on all linear layers: a share of the model's, or counted where its sizes are given.

    Args:
        model: a model file's settings.
        rank: of every layer's two factors.
    """
    if "parameters" in model:
        return model["parameters"] * LORA_SHARE * rank / LORA_RANK
    sizes = model["pretraining"]
    hidden, key_values = sizes["hidden_size"], sizes["hidden_size"] * sizes["kv_heads"] / sizes["heads"]
    widths = 2 * (hidden + hidden) + 2 * (hidden + key_values) + 3 * (hidden + sizes["intermediate_size"])
    return rank * sizes["layers"] * widths


def training_minutes(model: Mapping[str, Any], answer_type: str, stage: str, batch_size: int, steps: float) -> float:
    """Minutes that a training run takes on one A100, without reading the model's weights.

    Args:
        model: the model file's settings.
        answer_type: the task's; all but labels are taken to be as long as summaries.
        stage: sft or dpo.
        batch_size: rows a step.
        steps: optimizer steps.
    """
    published = PUBLISHED_MINUTES[stage, "label" if answer_type == "label" else "text"]
    rows = steps * batch_size / REFERENCE_BATCH
    return published * rows / 1000 * _share(parameter_count(model))


def scoring_minutes(model: Mapping[str, Any], answer_type: str, pairs: int) -> float:
    """Minutes of one forward pass over preference pairs."""
    return REFERENCE_SHARE * training_minutes(model, answer_type, "dpo", REFERENCE_BATCH, pairs / REFERENCE_BATCH)


def generation_minutes(model: Mapping[str, Any], answers: int, max_new_tokens: int, batch_size: int) -> float:
    """Minutes of writing so many answers, each as long as it may be."""
    batches = -(-answers // batch_size)
    return batches * max_new_tokens * TOKEN_SECONDS / 60 * _share(parameter_count(model))


def asked_minutes(expected: float) -> float:
    """What a job that is expected to take so long asks for at its first attempt."""
    return START_MINUTES + MARGIN * expected


def scaled_request(estimate: float, attempt: int, most: int) -> int:
    """What to ask for at an attempt (1, 2, ...): twice as much as before it, never more than `most`."""
    return min(round(estimate * 2 ** (attempt - 1)), most)


def _share(parameters: float) -> float:
    return parameters / REFERENCE_PARAMETERS
