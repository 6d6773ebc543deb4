"""Base models: a pinned snapshot of the hub, loading of a base with or without an adapter, tokenizers."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel

from clinical_dpo.errors import UserError
from clinical_dpo.records import read_json, replacing, write_json

BASE_RECORD = "base.json"  # in every results/models/{model}: id, revision and how the weights came here
_SNAPSHOT_FILES = ["*.json", "*.safetensors", "*.model", "*.txt", "*.jinja"]


def device() -> torch.device:
    """The device jobs compute on: the GPU where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def retrieve_snapshot(model_id: str, revision: str, out: str | Path) -> None:
    """Fetch a pinned revision into the hub's cache and give it a folder of links that loads like any local model.

    Raises:
        UserError: the model is gated, unknown or out of reach; with the page to visit and the variable to set.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, LocalEntryNotFoundError, RepositoryNotFoundError

    page = f"https://huggingface.co/{model_id}"
    try:
        snapshot = Path(snapshot_download(model_id, revision=revision, allow_patterns=_SNAPSHOT_FILES))
    except GatedRepoError:
        raise UserError(f"{model_id}: access is gated. Accept the licence on {page}, then set HF_TOKEN.") from None
    except RepositoryNotFoundError:
        raise UserError(f"{model_id}: not found on the hub. Check `id` against {page}, or set HF_TOKEN.") from None
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
        raise UserError(
            f"{model_id}: revision {revision} could not be fetched ({type(error).__name__}) and is not in the local "
            f"cache. Run this rule where {page} can be reached, with HF_HOME on a file system that all nodes see."
        ) from None
    with replacing(out) as part:
        part.mkdir()
        for file in sorted(snapshot.rglob("*")):
            if file.is_file():
                link = part / file.relative_to(snapshot)
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(file.resolve())
        write_json(part / BASE_RECORD, {"source": "hub", "id": model_id, "revision": revision})


def base_record(base: str | Path) -> dict[str, Any]:
    """Id and revision of a base model's folder."""
    return read_json(Path(base) / BASE_RECORD)


def autocast(model: Mapping[str, Any]) -> torch.autocast:
    """Mixed precision on a GPU for a model in bfloat16, as the trainer computes; nothing elsewhere."""
    return torch.autocast(device().type, torch.bfloat16, enabled=mixed_precision(model))


def mixed_precision(model: Mapping[str, Any]) -> bool:
    """Whether a model is computed in bfloat16 beside float32."""
    return device().type == "cuda" and model["dtype"] == "bfloat16"


def load_tokenizer(base: str | Path) -> Any:
    """The base model's tokenizer, padding on the left; one without a pad token pads with its end-of-text token."""
    tokenizer = AutoTokenizer.from_pretrained(base, padding_side="left", local_files_only=True)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def load_base(folder: str | Path, model: Mapping[str, Any]) -> PreTrainedModel:
    """A causal language model on the job's device.

    Args:
        folder: a base model's folder, or a checkpoint of all weights.
        model: the model file's settings (dtype, attention).
    """
    loaded: Any = AutoModelForCausalLM.from_pretrained(
        folder,
        dtype=getattr(torch, model["dtype"]),
        attn_implementation=model["attention"],
        local_files_only=True,
        use_safetensors=True,
    )
    return loaded.to(device())


def for_all_weights(model: Mapping[str, Any]) -> dict[str, Any]:
    """A model file's settings where all weights are trained: float32.

    In bfloat16 a step of learning rate 1e-6 is below the rounding of most weights and would be lost.
    """
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
