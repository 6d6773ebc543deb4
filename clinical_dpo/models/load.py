"""Load a base model with or without an adapter, and save trained weights."""

import contextlib
import json
import os
import platform
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import torch
from transformers import AutoConfig, AutoModelForCausalLM, BitsAndBytesConfig, PreTrainedModel

from clinical_dpo.checksums import BASE_RECORD
from clinical_dpo.errors import PublicError
from clinical_dpo.gpus import take_gpu
from clinical_dpo.io import read_json

_used_gpu: list[Any] = []  # the lock of the process's GPU, until the process ends
RUN_RECORD = "run.json"  # in results/models/{model}: the settings that made the model


def device() -> torch.device:
    """Return the device that jobs compute on: the GPU if there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def device_name() -> str:
    """Return the name of the device that jobs compute on: the GPU's name, or the processor's architecture."""
    return torch.cuda.get_device_name() if torch.cuda.is_available() else f"cpu ({platform.machine()})"


def base_record(base: str | Path) -> dict[str, Any]:
    """Return the content of base.json in a base model's folder: id, revision and origin of the weights."""
    return read_json(Path(base) / BASE_RECORD)


def autocast(model: Mapping[str, Any]) -> torch.autocast:
    """Return the context manager of the trainer's mixed precision. It affects only a bfloat16 model on a GPU."""
    return torch.autocast(device().type, torch.bfloat16, enabled=mixed_precision(model))


def mixed_precision(model: Mapping[str, Any]) -> bool:
    """Whether a model computes in mixed precision (bfloat16 and float32): only a bfloat16 model on a GPU does."""
    return device().type == "cuda" and model["dtype"] == "bfloat16"


def load_base(folder: str | Path, model: Mapping[str, Any]) -> PreTrainedModel:
    """Load a causal language model onto the job's device. The model file may set four-bit linear layers.

    Training, prediction and the reference pass of DPO all load models with this function, so that they compute with the
    same weights.

    Args:
        folder: folder of a base model, or of a model whose weights were all trained.
        model: the model file's settings (dtype, attention, quantization).

    Raises:
        UserError: transformers does not support the model file's `attention` for this architecture.
    """
    try:
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=getattr(torch, model["dtype"]),
            attn_implementation=model["attention"],
            device_map=device(),
            quantization_config=quantization_config(model),
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
        )
    except ValueError as error:
        if model["attention"] == "eager" or "attention implementation" not in str(error):
            raise
        architecture = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False).model_type
        raise PublicError(
            f"config/models/{model['name']}.yaml: key 'attention': transformers has no attention implementation "
            f"'{model['attention']}' for the architecture '{architecture}'. Set `attention: eager`."
        ) from error
    keep_differentiable(loaded)
    return loaded


def quantization_config(model: Mapping[str, Any]) -> BitsAndBytesConfig | None:
    """Return the settings of four-bit weights (QLoRA, Dettmers et al. 2023, arXiv:2305.14314); None for other weights.

    Embeddings, norms and the head keep the model's dtype. LoRA weights are float32 (PEFT's default), as without
    quantization.

    PEFT's `prepare_model_for_kbit_training` is not used. Three of its steps are not needed: PEFT freezes the base model
    anyway, norms of Llama and Mistral compute in float32 whatever the dtype of their weights, and non-reentrant
    gradient checkpointing needs no gradients of the inputs. Its fourth step, a head in float32, would cost 2 GB in a
    model of 8 billion weights.
    """
    settings = model.get("quantization")
    if not settings:
        return None
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type=settings["type"],
        bnb_4bit_use_double_quant=settings["double"],
        bnb_4bit_compute_dtype=getattr(torch, settings["compute_dtype"]),
    )


def keep_differentiable(model: PreTrainedModel) -> None:
    """Keep bitsandbytes from repacking four-bit weights on CPUs with AVX512-BF16.

    bitsandbytes 0.50 repacks four-bit weights in the first evaluation. Repacked layers raise no error, but they pass no
    gradient back, and they round every quantization scale to bfloat16.
    """
    if getattr(model, "is_loaded_in_4bit", False):
        from bitsandbytes.nn import Linear4bit  # takes seconds to import; other models do not need it

        for layer in model.modules():
            if isinstance(layer, Linear4bit):
                layer.support_avx512bf16_for_cpu = False


@contextlib.contextmanager
def restore_trainable_weights(model: torch.nn.Module) -> Iterator[None]:
    """Context manager that restores the trainable weights after its block, if the block has replaced their tensors.

    A change of a tensor in place is not undone.

    TRL 1.16 rounds the adapters of a four-bit model to bfloat16 when it constructs a trainer. The policy of DPO would
    then differ from the reference model before the first step. At a learning rate of 1e-6, rounding would erase most
    steps.
    """
    weights = [(weight, weight.data) for weight in model.parameters() if weight.requires_grad]
    yield
    for weight, data in weights:
        weight.data = data


def full_training_settings(model: Mapping[str, Any]) -> dict[str, Any]:
    """Return a model file's settings with dtype float32, for training all weights.

    In bfloat16, a step at learning rate 1e-6 is smaller than the rounding of most weights, so the step is lost.

    Raises:
        UserError: the model file sets four-bit weights.
    """
    if model.get("quantization"):
        raise PublicError(
            f"config/models/{model['name']}.yaml: key 'quantization': four-bit weights can be trained only through an "
            "adapter. Set quantization: null, or set adapter: lora in the recipe."
        )
    return {**model, "dtype": "float32"}


def is_adapter(folder: str | Path) -> bool:
    """Whether a folder of trained weights holds a LoRA adapter. If not, the folder holds all weights."""
    return (Path(folder) / "adapter_config.json").is_file()


def load_variant(base: str | Path, trained: str | Path | None, model: Mapping[str, Any]) -> torch.nn.Module:
    """Load the base model, or a trained model, in evaluation mode.

    Args:
        base: folder of the base model.
        trained: folder of an adapter or of trained weights; None for the base model itself.
        model: the model file's settings.
    """
    if trained is None:
        loaded: torch.nn.Module = load_base(base, model)
    elif is_adapter(trained):
        from peft import PeftModel  # takes 3 s to import; a base model does not need it

        loaded = PeftModel.from_pretrained(load_base(base, model), str(trained))
    else:
        loaded = load_base(trained, model)
    return loaded.eval()


def save_trained(model: Any, tokenizer: Any, out: str | Path) -> None:
    """Save a trained model into the folder `out`, with its weights as safetensors.

    If the model has an adapter, only the adapter is saved. Otherwise, all weights and the tokenizer are saved. Equal
    weights give equal bytes.
    """
    model.save_pretrained(out, safe_serialization=True)
    config = Path(out) / "adapter_config.json"
    if not config.exists():
        tokenizer.save_pretrained(out)
        return
    (Path(out) / "README.md").unlink(missing_ok=True)  # PEFT's blank model card
    settings = json.loads(config.read_text())
    settings["target_modules"] = sorted(settings["target_modules"])  # a set in PEFT; the order of a set varies
    config.write_text(json.dumps(settings, indent=2, sort_keys=True) + "\n")


def prepare_process(threads: int, gpus: int | None = None) -> None:
    """Set the number of CPU threads, choose the GPU that the process sees, and switch off downloads.

    Downloads are not needed, because earlier jobs have fetched every file that a job loads.

    Args:
        threads: number of CPU threads.
        gpus: number of GPUs that the job requests. 0 hides all GPUs from the process. With any other number, the
            process sees at most one GPU. None (the job does not state a number) changes nothing.
    """
    _used_gpu.append(take_gpu(gpus))
    # cuDNN attention makes a plan for every new length, and lengths differ from step to step. On an H100 (PyTorch 2.11,
    # bf16, width 4096) plans took nine tenths of a step. PyTorch's own kernels need none.
    torch.backends.cuda.enable_cudnn_sdp(False)
    torch.set_num_threads(threads)
    huggingface_hub.constants.HF_HUB_OFFLINE = True
    os.environ["TOKENIZERS_PARALLELISM"] = "false" if threads == 1 else "true"
