"""Write the folder from which jobs load a base model, from the model's files on disk.

The folder has links to these files, the chat template, records and checksums. Pickled weights are converted to
safetensors if the model has no other weights.
"""

import pickle
import re
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from clinical_dpo.checksums import BASE_RECORD, CHECKSUMS, write_checksums
from clinical_dpo.errors import PublicError
from clinical_dpo.io import json_sha256, read_json, write_json
from clinical_dpo.model_files import LINKED, PICKLED_WEIGHTS, SAFE_WEIGHTS, first_file, matches
from clinical_dpo.models.chat_template import ChatFormat, write_chat_template
from clinical_dpo.models.load import RUN_RECORD
from clinical_dpo.models.tokenizer_class import keep_tokenizer
from clinical_dpo.tokenization.chat import chat_tokens
from clinical_dpo.tokenization.tokenizer import embedding_rows, load_tokenizer

_SHARD = re.compile(r"(?!\.|adapter_)[\w.-]+")  # file name of weights, without a folder


@dataclass(frozen=True)
class Origin:
    """Where a base model's files come from: a commit in the hub's cache, or a user's folder.

    The fields include a function that returns checksums of the files, and texts for error messages about the files.
    """

    folder: Path  # a commit in the hub's cache, or a user's folder
    name: str  # owner/name, or the path of the folder
    version: str  # `revision ...`, or `the folder`
    key: str  # key of the model file that names the model: id or path
    mend: str  # what to do about wrong files; the start of a sentence that ends `with ...` or `that ...`
    missing: str  # what to do about a missing file
    digests: Callable[[Sequence[str]], dict[str, str]]  # file names -> SHA-256 by name


def write_base_folder(
    origin: Origin, part: Path, record: dict[str, Any], made_with: Mapping[str, Any], chat: ChatFormat
) -> None:
    """Write the folder from which jobs load a base model.

    The folder's files are links to the origin's files. If the origin has only pickled weights, they are read without
    running code from the pickles, and written as safetensors. base.json then names the pickle, or the index of pickles.
    base.json always has the SHA-256 of the origin's weights.

    Args:
        origin: where the files are.
        part: an empty folder, which is filled.
        record: the first fields of base.json. A missing `revision` is set to a digest of the weights' checksums.
        made_with: the settings from which the folder is made. They are written to its run.json.
        chat: the chat template, the values of its variables, and the date that it takes as today.

    Raises:
        UserError: there are no supported weights, the index of the weights is invalid (see `weight_files`), a pickle
            holds more than weights, the tokenizer is refused, or the chat template is missing or invalid.
    """
    link_files(origin, part)
    if name := first_file(part, SAFE_WEIGHTS):
        weight_files(origin, name)
        weights = sorted(file.name for file in origin.folder.glob("*.safetensors") if matches(Path(file.name), "*"))
        record["sha256"] = origin.digests(weights)
    else:
        record |= convert(origin, part)
    record.setdefault("revision", json_sha256(record["sha256"]))
    check_tokenizer_files(origin)
    record |= keep_tokenizer(part)
    record |= write_chat_template(part, chat, origin.name)
    check_token_ids(origin, part)
    write_json(part / BASE_RECORD, record)
    write_json(part / RUN_RECORD, {"made_with": dict(made_with)})
    write_checksums(part, record["sha256"] if "converted" not in record else None, without=[RUN_RECORD])


def check_config(origin: Origin) -> None:
    """Refuse a folder if config.json is missing, is not a JSON object, or has the key `transformers_weights`.

    This key names the files of the weights. transformers would load those files instead of the checked ones.
    """
    if not (origin.folder / "config.json").is_file():
        raise PublicError(
            f"{origin.name}: {origin.version} has no config.json. {origin.mend} that has this file. If the "
            f"model has only an adapter or GGUF files, set `{origin.key}` to the base model of these files."
        )
    config = read_json(origin.folder / "config.json")
    if not isinstance(config, dict) or "transformers_weights" in config:
        raise PublicError(
            f"{origin.name}: config.json is not a JSON object, or it has the key `transformers_weights`, which names "
            f"the files of the weights. {origin.mend} whose config.json is a JSON object without this key."
        )


def check_tokenizer_files(origin: Origin) -> None:
    """Refuse a folder with tokenizer.model but no tokenizer.json.

    Transformers needs further packages to read tokenizer.model.
    """
    if (origin.folder / "tokenizer.model").is_file() and not (origin.folder / "tokenizer.json").is_file():
        raise PublicError(
            f"{origin.name}: {origin.version} has tokenizer.model but no tokenizer.json. {origin.mend} that has "
            "tokenizer.json. If there is none, install sentencepiece and protobuf, and save the tokenizer with "
            "transformers beside the model's config.json and weights. Check that the saved tokenizer and "
            "tokenizer.model give the same token ids for some texts. Then use `source: folder`."
        )


def check_token_ids(origin: Origin, folder: Path) -> None:
    """Refuse a tokenizer if its chat template writes a token that has no row in the model's embedding."""
    tokenizer, rows = load_tokenizer(folder), embedding_rows(folder)
    messages = [{"role": "user", "content": "?"}]
    beyond = [i for i in chat_tokens(tokenizer, messages, True) if rows is not None and i >= rows]
    if beyond:
        raise PublicError(
            f"{origin.name}: the chat template writes {tokenizer.convert_ids_to_tokens(beyond[0])!r}, whose id is "
            f"{beyond[0]}, but the model knows only ids below {rows}. {origin.mend} whose tokenizer belongs to its "
            "weights, or set a `chat_template` without this token."
        )


def weight_files(origin: Origin, name: str) -> list[str]:
    """Return the names of the files that hold a model's weights.

    Args:
        origin: where the files are.
        name: a file of weights, or an index that lists the files of weights.

    Raises:
        UserError: the index names no files, or names a file that is missing, in another folder or of another type.
    """
    if not name.endswith(".json"):
        return [name]
    index = read_json(origin.folder / name)
    weight_map = index.get("weight_map") if isinstance(index, dict) else None
    shards = weight_map.values() if isinstance(weight_map, dict) else ()
    suffix = ".safetensors" if name in SAFE_WEIGHTS else ".bin"
    if not shards or not all(
        isinstance(shard, str) and _SHARD.fullmatch(shard) and shard.endswith(suffix) for shard in shards
    ):
        raise PublicError(
            f"{origin.name}: {name} names no files of weights, or it names a file that is not a `{suffix}` file in "
            f"the folder of the index. {origin.mend} with an index that names only `{suffix}` files in its own folder."
        )
    files = sorted(set(shards))
    missing = [file for file in files if not (origin.folder / file).is_file()]
    if missing:
        raise PublicError(
            f"{origin.name}: {name} names the file {missing[0]}, but {origin.folder} lacks it. {origin.missing}"
        )
    return files


def link_files(origin: Origin, out: Path) -> None:
    """Fill the folder `out` with links to a model's files.

    Pickles, indexes of pickles, adapters, and records of an earlier run are left out.
    """
    for file in sorted(origin.folder.rglob("*")):
        name = file.relative_to(origin.folder)
        needed = matches(name, *LINKED) and file.name not in (*PICKLED_WEIGHTS, BASE_RECORD, RUN_RECORD, CHECKSUMS)
        if file.is_file() and needed:
            link = out / name
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(file.resolve())


def convert(origin: Origin, out: Path) -> dict[str, Any]:
    """Write a model's pickled weights into the folder `out` as safetensors.

    Returns:
        Fields of base.json: `converted` (name of the pickle, or of the index of pickles) and `sha256` (pickle ->
        SHA-256).
    """
    from huggingface_hub import save_torch_state_dict

    name = first_file(origin.folder, PICKLED_WEIGHTS)
    if name is None:
        raise PublicError(
            f"{origin.name}: {origin.version} holds neither model.safetensors nor pytorch_model.bin, nor an index of "
            f"their shards. {origin.mend} that holds one of these."
        )
    files = weight_files(origin, name)
    weights: dict[str, torch.Tensor] = {}
    for file in files:
        weights |= _read_pickled(origin, file)
    save_torch_state_dict(_with_own_memory(weights), out)
    return {"converted": name, "sha256": origin.digests(files)}


def _read_pickled(origin: Origin, name: str) -> dict[str, torch.Tensor]:
    """Return name -> tensor for a pickled PyTorch file.

    If the file is a zip archive (the format since PyTorch 1.6), a tensor is read into memory only when it is used. An
    older file is read into memory as a whole.

    PyTorch's restricted unpickler builds only tensors and plain containers. It refuses to run any other code that the
    file names.

    Raises:
        UserError: the file is damaged or holds anything but named tensors.
    """
    file = origin.folder / name
    try:
        # Files of PyTorch versions before 1.6 are not zip archives and cannot be mapped.
        weights = torch.load(file, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(file))
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        reason = str(error).partition("\n")[0]
    else:
        if isinstance(weights, dict) and all(isinstance(value, torch.Tensor) for value in weights.values()):
            return weights
        reason = "it contains something else than named tensors"
    raise PublicError(
        f"{origin.name}: {name} cannot be loaded, because it is damaged or contains more than weights ({reason}). "
        f"No code in the file was run. {origin.mend} that has safetensors files. If the file is damaged, copy or "
        "download it again instead."
    )


def _with_own_memory(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return name -> tensor. A tensor that shares memory with an earlier tensor is copied.

    safetensors refuses shared memory. No name is dropped, because some models do not tie shared weights when they load,
    and need the tensor of each name.
    """
    addresses: set[int] = set()
    separate = {}
    for name, tensor in weights.items():
        address = tensor.untyped_storage().data_ptr()
        separate[name] = tensor.clone() if address in addresses else tensor
        addresses.add(address)
    return separate
