"""Base models from the hub: a pinned snapshot made into a folder of safetensors with a chat template."""

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
from clinical_dpo.models.load import BASE_RECORD, MADE_RECORD
from clinical_dpo.tokenization.tokenizer import load_tokenizer

_LINKED = ("*.json", "*.safetensors", "*.model", "*.txt", "*.jinja")
_ADAPTER = "adapter_*"  # its settings name a base model, which would be loaded from wherever that is
_PICKLED = "pytorch_model*.bin"  # not *.bin: training_args.bin and the like are no weights
_SHARD = re.compile(r"(?!\.|adapter_)[\w.-]+")  # the plain name of a file of weights
_SAFE_WEIGHTS = ("model.safetensors", "model.safetensors.index.json")
_PICKLED_WEIGHTS = ("pytorch_model.bin", "pytorch_model.bin.index.json")


def retrieve_snapshot(model_id: str, revision: str, out: str | Path, chat_template: str | None = None) -> None:
    """Fetch a pinned revision into the hub's cache and make of it a folder that loads like any local model.

    Files are links into the cache. Weights that the revision holds only as pickles are read without running what
    they contain, and written as safetensors. base.json says so, and holds the SHA-256 of the weights as they came.

    Args:
        model_id: owner/name on the hub.
        revision: full commit hash.
        out: folder to make, or to replace.
        chat_template: Jinja template of conversations, used where the tokenizer has none.

    Raises:
        UserError: the model is gated, unknown or out of reach (with the page to visit and the variable to set); it
            holds no weights of a known kind, names some outside of the commit, or has pickles that are more than
            weights; no chat template, or a bad one.
    """
    snapshot = fetch(model_id, revision, _LINKED, ignored=[_ADAPTER])
    _check_config(snapshot, model_id, revision)
    record: dict[str, Any] = {"source": "hub", "id": model_id, "revision": revision}
    asked = {"id": model_id, "revision": revision} | ({"chat_template": chat_template} if chat_template else {})
    with replacing(out) as part:
        part.mkdir()
        _link(snapshot, part)
        if name := _present(part, _SAFE_WEIGHTS):
            _shards(snapshot, name, model_id, revision)
            weights = sorted(file.name for file in snapshot.glob("*.safetensors") if not file.match(_ADAPTER))
            record["sha256"] = digests(snapshot, weights)
        else:
            fetch(model_id, revision, (*_LINKED, _PICKLED), ignored=[_ADAPTER])
            record |= _convert(snapshot, part, model_id, revision)
        if not load_tokenizer(part).chat_template:
            _add_chat_template(part, chat_template, model_id)
            record["chat_template"] = "model file"
        write_json(part / BASE_RECORD, record)
        write_json(part / MADE_RECORD, {"made_with": {"model": asked}})
        write_checksums(part, record["sha256"] if "converted" not in record else None, without=[MADE_RECORD])


def _present(folder: Path, names: tuple[str, ...]) -> str | None:
    """The first of the files that a folder holds."""
    return next((name for name in names if (folder / name).is_file()), None)


def _check_config(snapshot: Path, model_id: str, revision: str) -> None:
    """Refuse a snapshot without a model's own configuration, or with one that names other weights than are checked."""
    if not (snapshot / "config.json").is_file():
        raise PublicError(
            f"{model_id}: revision {revision} has no config.json, so that it is no whole model; an adapter alone is "
            "none. Set `id` to the model that it was made from."
        )
    config = read_json(snapshot / "config.json")
    if not isinstance(config, dict) or "transformers_weights" in config:
        raise PublicError(
            f"{model_id}: config.json names its weights itself (`transformers_weights`) or is no object. Set "
            f"`revision` to a commit on {page(model_id)}/commits/main whose weights have their usual names."
        )


def _shards(snapshot: Path, name: str, model_id: str, revision: str) -> list[str]:
    """The files of weights that an index names, each of which lies beside it; the file itself where it is no index."""
    if not name.endswith(".json"):
        return [name]
    index = read_json(snapshot / name)
    shards = index.get("weight_map") if isinstance(index, dict) else None
    named = shards.values() if isinstance(shards, dict) else ()
    suffix = ".safetensors" if name in _SAFE_WEIGHTS else ".bin"
    if not named or not all(
        isinstance(each, str) and _SHARD.fullmatch(each) and each.endswith(suffix) for each in named
    ):
        raise PublicError(
            f"{model_id}: {name} names no weights, or some that are no `{suffix}` files of the pinned commit. Set "
            f"`revision` to a commit on {page(model_id)}/commits/main whose index names files beside it."
        )
    files = sorted(set(named))
    absent = [shard for shard in files if not (snapshot / shard).is_file()]
    if absent:
        raise PublicError(
            f"{model_id}: revision {revision} is in the local cache without {absent[0]}, which {name} names. "
            f"Run this rule where {page(model_id)} can be reached."
        )
    return files


def _link(snapshot: Path, out: Path) -> None:
    """Link a snapshot's files, save pickles and what belongs to them, adapters, and the record of another run."""
    for file in sorted(snapshot.rglob("*")):
        known = any(file.match(pattern) for pattern in _LINKED) and not file.match(_ADAPTER)
        if file.is_file() and known and file.name not in (*_PICKLED_WEIGHTS, BASE_RECORD, MADE_RECORD):
            link = out / file.relative_to(snapshot)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(file.resolve())


def _convert(snapshot: Path, out: Path, model_id: str, revision: str) -> dict[str, Any]:
    """Write a snapshot's pickled weights into `out` as safetensors; what base.json is to say of it."""
    from huggingface_hub import save_torch_state_dict

    name = _present(snapshot, _PICKLED_WEIGHTS)
    if name is None:
        raise PublicError(
            f"{model_id}: revision {revision} holds neither model.safetensors nor pytorch_model.bin, whole or in "
            f"shards with an index. Set `revision` to a commit on {page(model_id)}/commits/main that does."
        )
    shards = _shards(snapshot, name, model_id, revision)
    weights: dict[str, torch.Tensor] = {}
    for shard in shards:
        weights |= _read_pickled(snapshot / shard, model_id)
    save_torch_state_dict(_unshared(weights), out)
    return {"converted": name, "sha256": digests(snapshot, shards)}


def _read_pickled(file: Path, model_id: str) -> dict[str, torch.Tensor]:
    """Tensors of a PyTorch file by name, mapped from disk, so that they take no memory before they are used.

    PyTorch's restricted unpickler makes tensors and plain containers, and refuses to call anything else.
    """
    try:
        # Files from before PyTorch 1.6 are no zip archives and cannot be mapped.
        weights = torch.load(file, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(file))
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        reason = str(error).partition("\n")[0]
    else:
        if isinstance(weights, dict) and all(isinstance(value, torch.Tensor) for value in weights.values()):
            return weights
        reason = "it holds something else than named tensors"
    raise PublicError(
        f"{model_id}: {file.name} cannot be read as weights alone and was not run ({reason}). "
        f"Set `revision` to a commit on {page(model_id)}/commits/main with safetensors, or fetch the file anew."
    )


def _unshared(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The same tensors, each with memory of its own, as safetensors requires.

    To leave out all but one name would do for a model that ties them when loaded, and lose weights of another.
    """
    held: set[int] = set()
    own = {}
    for name, tensor in weights.items():
        place = tensor.untyped_storage().data_ptr()
        own[name] = tensor.clone() if place in held else tensor
        held.add(place)
    return own


def _add_chat_template(folder: Path, template: str | None, model_id: str) -> None:
    """Put a template where transformers looks for it, once it has rendered a question."""
    if not template:
        raise PublicError(
            f"{model_id}: its tokenizer has no chat template. Give one as `chat_template` in the model file: Jinja, "
            f"in the format that the model was trained on (see {page(model_id)})."
        )
    (folder / "chat_template.jinja").write_text(template, encoding="utf-8")
    try:
        load_tokenizer(folder).apply_chat_template([{"role": "user", "content": "?"}], add_generation_prompt=True)
    except TemplateError as error:
        raise UserError(f"{model_id}: key 'chat_template' of the model file cannot be used: {error}.") from None
