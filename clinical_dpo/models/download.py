"""Download a pinned revision of a base model. Its folder holds safetensors and a tokenizer with a chat template."""

import pickle
import re
import zipfile
from pathlib import Path
from typing import Any

import torch
from jinja2 import TemplateError

from clinical_dpo.checksums import write_checksums
from clinical_dpo.errors import PublicError, UserError
from clinical_dpo.hub import digests, fetch, page
from clinical_dpo.io import read_json, replacing, write_json
from clinical_dpo.models.load import BASE_RECORD, RUN_RECORD
from clinical_dpo.tokenization.tokenizer import load_tokenizer

_LINKED = ("*.json", "*.safetensors", "*.model", "*.txt", "*.jinja")
_ADAPTER = "adapter_*"  # adapter settings name a base model; transformers would load that model from any address
_PICKLED = "pytorch_model*.bin"  # not *.bin: training_args.bin and similar files hold no weights
_SHARD = re.compile(r"(?!\.|adapter_)[\w.-]+")  # file name of weights, without a folder
_SAFE_WEIGHTS = ("model.safetensors", "model.safetensors.index.json")
_PICKLED_WEIGHTS = ("pytorch_model.bin", "pytorch_model.bin.index.json")


def retrieve_snapshot(model_id: str, revision: str, out: str | Path, chat_template: str | None = None) -> None:
    """Fetch a pinned revision into the hub's cache and write a folder that loads as a local model does.

    The folder's files are links into the cache. If the revision holds only pickled weights, the weights are read
    without running code from the pickles and written as safetensors. base.json then names the converted file. base.json
    always holds the SHA-256 of the downloaded weights.

    Args:
        model_id: owner/name on the hub.
        revision: full commit hash.
        out: folder to write or replace.
        chat_template: Jinja template of conversations, used if the tokenizer has none.

    Raises:
        UserError: the model is gated, unknown or cannot be reached. The message then names the page to visit and the
            variable to set. Further causes: the revision holds no supported weights, the index of the weights names
            files outside the commit, a pickle holds more than weights, or the chat template is missing or invalid.
    """
    snapshot = fetch(model_id, revision, _LINKED, ignored=[_ADAPTER])
    _check_config(snapshot, model_id, revision)
    record: dict[str, Any] = {"source": "hub", "id": model_id, "revision": revision}
    requested = {"id": model_id, "revision": revision} | ({"chat_template": chat_template} if chat_template else {})
    with replacing(out) as part:
        part.mkdir()
        _link(snapshot, part)
        if name := _first_file(part, _SAFE_WEIGHTS):
            _weight_files(snapshot, name, model_id, revision)
            weights = sorted(file.name for file in snapshot.glob("*.safetensors") if not file.match(_ADAPTER))
            record["sha256"] = digests(snapshot, weights)
        else:
            fetch(model_id, revision, (*_LINKED, _PICKLED), ignored=[_ADAPTER])
            record |= _convert(snapshot, part, model_id, revision)
        if not load_tokenizer(part).chat_template:
            _add_chat_template(part, chat_template, model_id)
            record["chat_template"] = "model file"
        write_json(part / BASE_RECORD, record)
        write_json(part / RUN_RECORD, {"made_with": {"model": requested}})
        write_checksums(part, record["sha256"] if "converted" not in record else None, without=[RUN_RECORD])


def _first_file(folder: Path, names: tuple[str, ...]) -> str | None:
    """Return the first of the names that is a file in the folder. Return None if no name is."""
    return next((name for name in names if (folder / name).is_file()), None)


def _check_config(snapshot: Path, model_id: str, revision: str) -> None:
    """Refuse a snapshot if config.json is missing, is not a JSON object, or names the files of the weights."""
    if not (snapshot / "config.json").is_file():
        raise PublicError(
            f"{model_id}: revision {revision} has no config.json. An adapter alone is not a base model. "
            "Set `id` to the model that the adapter was trained from."
        )
    config = read_json(snapshot / "config.json")
    if not isinstance(config, dict) or "transformers_weights" in config:
        raise PublicError(
            f"{model_id}: config.json is not a JSON object, or it names the files of the weights "
            f"(`transformers_weights`). Set `revision` to a commit on {page(model_id)}/commits/main "
            "that has a config.json without this key."
        )


def _weight_files(snapshot: Path, name: str, model_id: str, revision: str) -> list[str]:
    """Return the names of the files of weights: the files that `name` lists if `name` is an index, else `name` itself.

    Raises:
        UserError: the index names no weights, files outside the commit, or a file that the cache lacks.
    """
    if not name.endswith(".json"):
        return [name]
    index = read_json(snapshot / name)
    weight_map = index.get("weight_map") if isinstance(index, dict) else None
    shards = weight_map.values() if isinstance(weight_map, dict) else ()
    suffix = ".safetensors" if name in _SAFE_WEIGHTS else ".bin"
    if not shards or not all(
        isinstance(shard, str) and _SHARD.fullmatch(shard) and shard.endswith(suffix) for shard in shards
    ):
        raise PublicError(
            f"{model_id}: {name} names no weights, or it names files that are not `{suffix}` files in the same folder. "
            f"Set `revision` to a commit on {page(model_id)}/commits/main. "
            f"The index of that commit must name only `{suffix}` files in its own folder."
        )
    files = sorted(set(shards))
    missing = [file for file in files if not (snapshot / file).is_file()]
    if missing:
        raise PublicError(
            f"{model_id}: the local cache of revision {revision} lacks the file {missing[0]}, which {name} names. "
            f"Run this rule on a computer that can reach {page(model_id)}."
        )
    return files


def _link(snapshot: Path, out: Path) -> None:
    """Link the files of a snapshot. Leave out pickles, indexes of pickles, adapters, and records of an earlier run."""
    for file in sorted(snapshot.rglob("*")):
        needed = any(file.match(pattern) for pattern in _LINKED) and not file.match(_ADAPTER)
        if file.is_file() and needed and file.name not in (*_PICKLED_WEIGHTS, BASE_RECORD, RUN_RECORD):
            link = out / file.relative_to(snapshot)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(file.resolve())


def _convert(snapshot: Path, out: Path, model_id: str, revision: str) -> dict[str, Any]:
    """Write a snapshot's pickled weights into `out` as safetensors, and return the fields of base.json about them."""
    from huggingface_hub import save_torch_state_dict

    name = _first_file(snapshot, _PICKLED_WEIGHTS)
    if name is None:
        raise PublicError(
            f"{model_id}: revision {revision} holds neither model.safetensors nor pytorch_model.bin, nor an index of "
            f"their shards. Set `revision` to a commit on {page(model_id)}/commits/main that holds one of these."
        )
    files = _weight_files(snapshot, name, model_id, revision)
    weights: dict[str, torch.Tensor] = {}
    for file in files:
        weights |= _read_pickled(snapshot / file, model_id)
    save_torch_state_dict(_with_own_memory(weights), out)
    return {"converted": name, "sha256": digests(snapshot, files)}


def _read_pickled(file: Path, model_id: str) -> dict[str, torch.Tensor]:
    """Return the tensors of a PyTorch file by name. Tensors of a zip archive take no memory before they are used.

    PyTorch's restricted unpickler builds only tensors and plain containers. It refuses every other call.

    Raises:
        UserError: the file is damaged or holds anything but named tensors.
    """
    try:
        # Files of PyTorch versions before 1.6 are not zip archives and cannot be mapped.
        weights = torch.load(file, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(file))
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        reason = str(error).partition("\n")[0]
    else:
        if isinstance(weights, dict) and all(isinstance(value, torch.Tensor) for value in weights.values()):
            return weights
        reason = "it holds more than named tensors"
    raise PublicError(
        f"{model_id}: {file.name} could not be loaded as a file that holds only weights ({reason}). "
        f"No code in the file was run. Set `revision` to a commit on {page(model_id)}/commits/main that has "
        "safetensors files, or download the file again."
    )


def _with_own_memory(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Copy every tensor that shares memory with an earlier tensor, since safetensors refuses shared memory.

    Every name is saved. Some models do not tie these weights when they load, so they need the tensor of each name.
    """
    addresses: set[int] = set()
    separate = {}
    for name, tensor in weights.items():
        address = tensor.untyped_storage().data_ptr()
        separate[name] = tensor.clone() if address in addresses else tensor
        addresses.add(address)
    return separate


def _add_chat_template(folder: Path, template: str | None, model_id: str) -> None:
    """Write the chat template into a model's folder and check that it renders a question.

    Raises:
        UserError: there is no template, or Jinja refuses the template.
    """
    if not template:
        raise PublicError(
            f"{model_id}: the tokenizer has no chat template. Set `chat_template` in the model file to a Jinja "
            f"template of the format that the model was trained on (see {page(model_id)})."
        )
    (folder / "chat_template.jinja").write_text(template, encoding="utf-8")
    try:
        load_tokenizer(folder).apply_chat_template([{"role": "user", "content": "?"}], add_generation_prompt=True)
    except TemplateError as error:
        raise UserError(f"{model_id}: key 'chat_template': {error}. Correct the template in the model file.") from None
