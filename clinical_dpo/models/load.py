"""Base models: loading of a base with or without an adapter, tokenizers, saving of what was trained."""

import contextlib
import json
import os
import platform
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import torch
from transformers import AutoModelForCausalLM, BitsAndBytesConfig, PreTrainedModel

from clinical_dpo.errors import PublicError
from clinical_dpo.io import read_json
from clinical_dpo.tokenization.tokenizer import (
    load_tokenizer as load_tokenizer,  # with the model, for whoever loads both
)

MADE_RECORD = "run.json"  # beside it: the settings it was made with
BASE_RECORD = "base.json"  # in every results/models/{model}: id, revision and how the weights came here


def device() -> torch.device:
    """The device jobs compute on: the GPU where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def device_name() -> str:
    """The name of that device: the GPU's, or the processor's architecture."""
    return torch.cuda.get_device_name() if torch.cuda.is_available() else f"cpu ({platform.machine()})"


def base_record(base: str | Path) -> dict[str, Any]:
    """Id and revision of a base model's folder."""
    return read_json(Path(base) / BASE_RECORD)


def autocast(model: Mapping[str, Any]) -> torch.autocast:
    """Mixed precision on a GPU for a model in bfloat16, as the trainer computes; nothing elsewhere."""
    return torch.autocast(device().type, torch.bfloat16, enabled=mixed_precision(model))


def mixed_precision(model: Mapping[str, Any]) -> bool:
    """Whether a model is computed in bfloat16 beside float32."""
    return device().type == "cuda" and model["dtype"] == "bfloat16"


def load_base(folder: str | Path, model: Mapping[str, Any]) -> PreTrainedModel:
    """A causal language model on the job's device, its linear layers in four bits where the model file says so.

    Training, reference and prediction all load here, so they compute with the same weights.

    Args:
        folder: a base model's folder, or a checkpoint of all weights.
        model: the model file's settings (dtype, attention, quantization).
    """
    loaded: Any = AutoModelForCausalLM.from_pretrained(
        folder,
        dtype=getattr(torch, model["dtype"]),
        attn_implementation=model["attention"],
        device_map=device(),
        quantization_config=four_bit(model),
        local_files_only=True,
        trust_remote_code=False,
        use_safetensors=True,
    )
    keep_differentiable(loaded)
    return loaded


def four_bit(model: Mapping[str, Any]) -> BitsAndBytesConfig | None:
    """How bitsandbytes is to hold the weights (QLoRA, Dettmers et al. 2023, arXiv:2305.14314); None for as they are.

    Embeddings, norms and the head keep the model's dtype, LoRA weights are float32 (PEFT's default), as without
    quantization. Of PEFT's `prepare_model_for_kbit_training` nothing is needed: PEFT freezes the base model, Llama's
    and Mistral's norms compute in float32 whatever their weights' type, a head in float32 would cost 2 GB at 8B, and
    checkpointing without re-entry needs no gradients of the inputs.
    """
    settings = model.get("quantization")
    if not settings:
        return None
    need_bitsandbytes()
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type=settings["type"],
        bnb_4bit_use_double_quant=settings["double"],
        bnb_4bit_compute_dtype=getattr(torch, settings["compute_dtype"]),
    )


def keep_differentiable(model: PreTrainedModel) -> None:
    """Keep bitsandbytes from repacking four-bit weights on CPUs with AVX512-BF16.

    bitsandbytes 0.50 repacks them in the first evaluation; layers so packed pass no gradient back, without a word,
    and round every scale to bfloat16.
    """
    if getattr(model, "is_loaded_in_4bit", False):
        from bitsandbytes.nn import Linear4bit  # seconds to import; other models do not need it

        for layer in model.modules():
            if isinstance(layer, Linear4bit):
                layer.support_avx512bf16_for_cpu = False


@contextlib.contextmanager
def trainable_weights_kept(model: torch.nn.Module) -> Iterator[None]:
    """Give trainable weights back as they were, whatever is done to them within.

    TRL 1.16 rounds the adapters of a four-bit model to bfloat16 when a trainer is made. The policy of DPO would start
    beside its reference, and at a learning rate of 1e-6 most steps would be lost in the rounding.
    """
    weights = [(weight, weight.data) for weight in model.parameters() if weight.requires_grad]
    yield
    for weight, data in weights:
        weight.data = data


def for_all_weights(model: Mapping[str, Any]) -> dict[str, Any]:
    """A model file's settings where all weights are trained: float32.

    In bfloat16 a step of learning rate 1e-6 is below the rounding of most weights and would be lost.

    Raises:
        UserError: weights held in four bits.
    """
    if model.get("quantization"):
        raise PublicError(
            f"config/models/{model['name']}.yaml: four-bit weights cannot be trained themselves. "
            "Set quantization: null, or adapter: lora."
        )
    return {**model, "dtype": "float32"}


def is_adapter(folder: str | Path) -> bool:
    """Whether a trained folder holds a LoRA (else it holds all weights)."""
    return (Path(folder) / "adapter_config.json").is_file()


def load_variant(base: str | Path, trained: str | Path | None, model: Mapping[str, Any]) -> torch.nn.Module:
    """The base model (`trained` is None), or what training made of it, ready for inference."""
    if trained is None:
        loaded: torch.nn.Module = load_base(base, model)
    elif is_adapter(trained):
        from peft import PeftModel  # 3 s to import; the base alone does not need it

        loaded = PeftModel.from_pretrained(load_base(base, model), str(trained))
    else:
        loaded = load_base(trained, model)
    return loaded.eval()


def save_trained(model: Any, tokenizer: Any, out: str | Path) -> None:
    """Save an adapter, or all weights with the tokenizer, as safetensors, in the same bytes for the same weights."""
    model.save_pretrained(out, safe_serialization=True)
    config = Path(out) / "adapter_config.json"
    if not config.exists():
        tokenizer.save_pretrained(out)
        return
    (Path(out) / "README.md").unlink(missing_ok=True)  # PEFT's blank model card
    settings = json.loads(config.read_text())
    settings["target_modules"] = sorted(settings["target_modules"])  # a set; its order differs between processes
    config.write_text(json.dumps(settings, indent=2, sort_keys=True) + "\n")


def prepare_process(threads: int) -> None:
    """Compute with this many CPU threads and without the network: all a job loads was fetched before."""
    torch.set_num_threads(threads)
    huggingface_hub.constants.HF_HUB_OFFLINE = True
    os.environ["TOKENIZERS_PARALLELISM"] = "false" if threads == 1 else "true"
    # PEFT imports bitsandbytes wherever it is installed, and with it PyTorch's compiler: a second and more.
    sys.modules.setdefault("bitsandbytes", None)  # type: ignore[arg-type]


def need_bitsandbytes() -> None:
    """Let it be imported after all; to be called before PEFT is."""
    if sys.modules.get("bitsandbytes", ...) is None:
        del sys.modules["bitsandbytes"]
