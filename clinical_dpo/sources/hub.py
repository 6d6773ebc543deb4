"""Rows of a data set on the Hugging Face hub, pinned to one commit."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from clinical_dpo.errors import UserError
from clinical_dpo.records import Row


def retrieve_hub(
    data_id: str, revision: str, splits: Sequence[str], config: str | None = None
) -> tuple[list[Row], dict[str, Any]]:
    """Rows of the publisher's `splits`, in their order, and their provenance (id, config, revision, splits).

    Args:
        data_id: owner/name of the data set, or a local folder of data files in the hub's layout.
        revision: full commit hash; a branch or tag can move, and the same study would then read other rows.
        splits: the publisher's splits.
        config: the data set's configuration, where it has several.

    Raises:
        UserError: no commit hash, or the data set is gated, unknown or out of reach; with the page to visit.
    """
    page = f"https://huggingface.co/datasets/{data_id}"
    if not re.fullmatch(r"[0-9a-f]{40}", revision):
        raise UserError(
            f"{data_id}: revision '{revision}' is not a full commit hash (40 hex digits); a branch or tag can move and "
            f"give other rows later. Copy the hash of a commit from {page}/commits/main."
        )
    # Imported late: seconds of start-up that only this kind of source needs.
    from datasets import load_dataset
    from datasets.exceptions import DatasetNotFoundError

    rows: list[Row] = []
    for split in splits:
        try:
            loaded = load_dataset(data_id, config, split=split, revision=revision)
        except DatasetNotFoundError as error:
            if "gated" in str(error):
                raise UserError(f"{data_id}: access is gated. Accept its terms on {page}, then set HF_TOKEN.") from None
            raise UserError(
                f"{data_id}: revision {revision} is not found on the hub. Check `id` and `revision` against {page}; "
                "for a private data set set HF_TOKEN."
            ) from None
        except ValueError as error:  # an unknown configuration or split; the message lists the known ones
            raise UserError(f"{data_id}, config {config}, split '{split}': {error}") from None
        except OSError as error:
            raise UserError(
                f"{data_id}: could not be fetched ({type(error).__name__}) and revision {revision} is not in the local "
                f"cache. Run this rule where {page} can be reached, without HF_HUB_OFFLINE=1 and with HF_HOME on a "
                "file system that all nodes see."
            ) from None
        _check_cached_revision(data_id, revision, loaded.cache_files, page)
        rows += loaded.to_list()
    provenance = {"kind": "hub", "data": "real", "id": data_id, "config": config, "revision": revision}
    return rows, provenance | {"splits": list(splits)}


def _check_cached_revision(data_id: str, revision: str, files: Sequence[dict[str, Any]], page: str) -> None:
    # Out of the hub's reach `datasets` takes whatever commit it cached last, whichever one was asked for.
    if Path(data_id).is_dir():
        return
    for file in files:
        if revision not in Path(file["filename"]).parts:
            raise UserError(
                f"{data_id}: the hub is out of reach and the local cache gives another revision than {revision}. Run "
                f"this rule once where {page} can be reached, without HF_HUB_OFFLINE=1."
            )
