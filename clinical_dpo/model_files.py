"""Find the files of a base model that a job reads, count the model's weights, and read the sizes of its layers.

This module does not import PyTorch.
"""

import json
import math
from pathlib import Path
from typing import Any

from clinical_dpo.errors import PublicError, UserError
from clinical_dpo.io import read_json
from clinical_dpo.user_paths import unset_variables, user_path

LINKED = ("*.json", "*.safetensors", "*.model", "*.txt", "*.jinja")  # patterns of the files that jobs read
PICKLED = "pytorch_model*.bin"  # not *.bin: training_args.bin and similar files hold no weights
# Adapter settings name a base model, and transformers would load that model from any address. Vendors publish the same
# weights a second time in their own format, as `consolidated.safetensors` or in the folder `original`.
IGNORED = ("adapter_*", "consolidated*", "original/*")
SAFE_WEIGHTS = ("model.safetensors", "model.safetensors.index.json")
PICKLED_WEIGHTS = ("pytorch_model.bin", "pytorch_model.bin.index.json")
# `sizes` of a model file -> keys of config.json
SIZES = {
    **{key: key for key in ("vocab_size", "hidden_size", "intermediate_size")},
    **{"layers": "num_hidden_layers", "heads": "num_attention_heads", "kv_heads": "num_key_value_heads"},
}
BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}


def first_file(folder: Path, names: tuple[str, ...]) -> str | None:
    """Return the first of the names that is a file in the folder; None if there is no such file."""
    return next((name for name in names if (folder / name).is_file()), None)


def matches(path: Path, *patterns: str) -> bool:
    """Whether a path relative to a model's folder matches one of `patterns` and none of IGNORED."""
    return any(path.match(pattern) for pattern in patterns) and not any(path.match(each) for each in IGNORED)


def model_folder(path: str, where: str) -> Path:
    """Return the folder of a model, from the value of the model file's key `path`.

    In this value, `$NAME` stands for an environment variable and `~` for the home folder. If the unchanged
    value is an existing path, nothing is replaced.

    Args:
        path: value of the key.
        where: the model file, for messages.

    Raises:
        PublicError: a variable is not set, or there is no such folder.
    """
    if unset_variables(path):
        raise PublicError(f"{where}: key 'path': an environment variable in '{path}' is not set. Set and export it.")
    folder = user_path(path)
    if not folder.is_dir():
        raise PublicError(
            f"{where}: key 'path': {folder} is not a folder. Set `path` to a folder that holds config.json, the "
            "weights and the tokenizer, as `save_pretrained` of transformers writes them."
        )
    return folder


def folder_files(folder: Path) -> list[str]:
    """Relative paths of the files that jobs read in a model's folder.

    Pickled weights are in the list only if the folder has no safetensors.
    """
    patterns = LINKED if first_file(folder, SAFE_WEIGHTS) else (*LINKED, PICKLED)
    files = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(path.as_posix() for path in files if matches(path, *patterns))


def count_weights(folder: str | Path) -> int | None:
    """Number of weights (parameters) of the model in a folder.

    The number is read from the headers of the safetensors files. If the model has only pickled weights, the number is
    estimated: the size of the files divided by the bytes of one weight (`dtype` of config.json).

    Returns:
        The number; None if the folder has no weights or if a file is damaged.
    """
    path = Path(folder)
    name = first_file(path, SAFE_WEIGHTS)
    try:
        if name:
            return sum(_tensor_sizes(path / file) for file in _shards(path / name)) or None
        size = sum(file.stat().st_size for file in path.glob(PICKLED))
        return size // _bytes_per_weight(path / "config.json") if size else None
    except (OSError, UserError, ValueError, TypeError, KeyError, AttributeError):
        return None


def layer_sizes(folder: str | Path) -> dict[str, int] | None:
    """Read the sizes of a model's layers from its config.json, in the form of `sizes` in a model file.

    None if a size is missing or the file cannot be read.
    """
    try:
        config: Any = read_json(Path(folder) / "config.json")
        sizes = {key: config.get(name) for key, name in SIZES.items()}
    except (OSError, UserError, ValueError, AttributeError):
        return None
    sizes["kv_heads"] = sizes["kv_heads"] or sizes["heads"]  # the default of transformers
    if config.get("head_dim"):
        sizes["head_dim"] = config["head_dim"]
    return sizes if all(isinstance(size, int) and size > 0 for size in sizes.values()) else None


def _shards(file: Path) -> set[str]:
    """Names of the files that contain the weights.

    Args:
        file: a file of weights, or an index that lists such files.
    """
    return set(read_json(file)["weight_map"].values()) if file.suffix == ".json" else {file.name}


def _tensor_sizes(file: Path) -> int:
    """Number of elements of all tensors in a safetensors file, read from its header.

    The file begins with the size of the header (8 bytes, little-endian) and the header (JSON of at most 100 MB). The
    library safetensors is not used, because it would import NumPy at every start of the workflow.
    """
    with file.open("rb") as stream:
        size = int.from_bytes(stream.read(8), "little")
        header = json.loads(stream.read(size) if size <= 100_000_000 else b"")
    return sum(math.prod(tensor["shape"]) for name, tensor in header.items() if name != "__metadata__")


def _bytes_per_weight(config: Path) -> int:
    """Bytes of a weight, from `dtype` (`torch_dtype` in older files) of a config.json; 2 if the type is unknown."""
    settings: Any = read_json(config)
    return BYTES.get(str(settings.get("dtype", settings.get("torch_dtype"))), 2)
