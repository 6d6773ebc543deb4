"""Write the folder of a base model from a pinned revision on the hub, or from a folder of the user."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from clinical_dpo.hub import digests, fetch, page
from clinical_dpo.io import replacing, sha256
from clinical_dpo.model_files import IGNORED, LINKED, PICKLED, SAFE_WEIGHTS, first_file, model_folder
from clinical_dpo.models.base_folder import Origin, check_config, write_base_folder
from clinical_dpo.models.chat_template import ChatFormat

_OWN = ChatFormat()  # the tokenizer's own template


def retrieve_snapshot(
    model_id: str,
    revision: str,
    out: str | Path,
    chat: ChatFormat = _OWN,
    made_with: Mapping[str, Any] = MappingProxyType({}),
) -> None:
    """Fetch a pinned revision into the hub's cache, and write a folder from which jobs load the model.

    Args:
        model_id: owner/name on the hub.
        revision: full commit hash.
        out: folder to write or replace.
        chat: the chat template, the values of its variables, and the date that it takes as today.
        made_with: the settings from which the folder is made. They are written to its run.json.

    Raises:
        UserError: `fetch` cannot get the files, or `check_config` or `write_base_folder` refuses them. The message says
            what to do.
    """
    snapshot = fetch(model_id, revision, LINKED, ignored=IGNORED)
    origin = Origin(
        folder=snapshot,
        name=model_id,
        version=f"revision {revision}",
        key="id",
        mend=f"Set `revision` to a commit on {page(model_id)}/commits/main",
        missing=f"Run the same command on a computer that can reach {page(model_id)}.",
        digests=lambda files: digests(snapshot, files),
    )
    check_config(origin)
    if first_file(snapshot, SAFE_WEIGHTS) is None:
        fetch(model_id, revision, (*LINKED, PICKLED), ignored=IGNORED)
    with replacing(out) as part:
        part.mkdir()
        record = {"source": "hub", "id": model_id, "revision": revision}
        write_base_folder(origin, part, record, made_with, chat)


def link_folder(
    path: str,
    out: str | Path,
    known: Mapping[str, str] = MappingProxyType({}),
    chat: ChatFormat = _OWN,
    made_with: Mapping[str, Any] = MappingProxyType({}),
) -> None:
    """Write a folder from which jobs load a model, with links to the files of a user's folder.

    In base.json, `id` is the path, and `revision` is a digest of the weights' checksums.

    Args:
        path: the user's folder. `$NAME` in the path is an environment variable.
        out: folder to write or replace.
        known: path of a file in the user's folder -> SHA-256. All other files are read to compute their SHA-256.
        chat: the chat template, the values of its variables, and the date that it takes as today.
        made_with: the settings from which the folder is made. They are written to its run.json.

    Raises:
        UserError: there is no such folder, or `write_base_folder` refuses the files.
    """
    folder = model_folder(path, "model file")
    origin = Origin(
        folder=folder.resolve(),
        name=path,
        version="the folder",
        key="path",
        mend="Set `path` to a folder",
        missing="Copy the file into the folder.",
        digests=lambda files: {name: known.get(str(folder / name)) or sha256(folder / name) for name in files},
    )
    check_config(origin)
    with replacing(out) as part:
        part.mkdir()
        write_base_folder(origin, part, {"source": "folder", "id": path}, made_with, chat)
