"""Rows of a data set on the Hugging Face hub, pinned to one commit."""

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from clinical_dpo.data.sources.parquet_files import plain_value
from clinical_dpo.data.sources.text_faults import check_texts
from clinical_dpo.data.tally import Tally
from clinical_dpo.errors import UserError
from clinical_dpo.hub import digests, fetch, listed, page
from clinical_dpo.io import Row

_CARD = "README.md"  # its metadata says which files a configuration has


def retrieve_hub(
    data_id: str,
    revision: str,
    splits: Sequence[str],
    config: str | None = None,
    draw: Callable[[int], Sequence[int]] = range,
) -> tuple[list[Row], dict[str, Any]]:
    """Rows of the publisher's `splits`, in their order, and where they came from.

    The commit's files are fetched into the hub's cache and read from there: `datasets` itself, out of the hub's reach,
    takes whatever commit it cached last. Only the rows drawn become objects; the others stay on disk.

    Args:
        data_id: owner/name of the data set.
        revision: full commit hash; a branch or tag can move, and the same study would then read other rows.
        splits: the publisher's splits.
        config: the data set's configuration, where it has several.
        draw: number of rows -> places of those wanted, in ascending order; all by default.

    Returns:
        The rows drawn, dates as ISO 8601 text, and a dict of kind, data, id, config, revision, splits, `rows` (all of
        the splits), `sha256` (of each data file, by its path), `repairs` and `warnings` where there are any.

    Raises:
        UserError: no commit hash; the data set is gated, unknown or out of reach, with the page to visit and the
            variable to set; an unknown configuration or split; files that are damaged or no data.
    """
    where = page(data_id, "dataset")
    if not re.fullmatch(r"[0-9a-f]{40}", revision):
        raise UserError(
            f"{data_id}: revision '{revision}' is not a full commit hash (40 hex digits); a branch or tag can move and "
            f"give other rows later. Copy the hash of a commit from {where}/commits/main."
        )
    patterns = _patterns(fetch(data_id, revision, [_CARD], kind="dataset") / _CARD, config, data_id)
    folder = fetch(data_id, revision, patterns, kind="dataset")
    checksums = digests(folder, listed(data_id, revision, patterns, kind="dataset"))
    tables = [_load(folder, config, split, data_id) for split in splits]
    total = sum(map(len, tables))
    places, rows, start = draw(total), [], 0
    for table in tables:
        here = [place - start for place in places if start <= place < start + len(table)]
        rows += (table if len(here) == len(table) else table.select(here)).to_list()
        start += len(table)
    repairs = Tally()
    rows = [
        {name: plain_value(value, f"row {place + 1}, column '{name}'", data_id, repairs) for name, value in row.items()}
        for place, row in zip(places, rows, strict=True)
    ]
    warnings = check_texts(rows, data_id, [place + 1 for place in places])
    found = {"repairs": repairs.record(), "warnings": warnings.record()}
    provenance: dict[str, Any] = {"kind": "hub", "data": "real", "id": data_id, "config": config, "revision": revision}
    provenance |= {"splits": list(splits), "rows": total, "sha256": checksums}
    return rows, provenance | {name: value for name, value in found.items() if value}


def _load(folder: Path, config: str | None, split: str, data_id: str) -> Any:
    """One split, mapped from disk."""
    # Imported late: seconds of start-up that only this kind of source needs.
    from datasets import load_dataset
    from datasets.exceptions import DatasetsError

    try:
        return load_dataset(str(folder), config, split=split, trust_remote_code=False)
    except ValueError as error:  # an unknown configuration or split; the message lists the known ones
        raise UserError(f"{data_id}, config {config}, split '{split}': {error}") from None
    except DatasetsError as error:
        raise UserError(
            f"{data_id}, config {config}, split '{split}': its files cannot be read as a table "
            f"({type(error).__name__}: {error.__cause__ or error}). Check `config` and `revision`."
        ) from None


def _patterns(card: Path, config: str | None, data_id: str) -> list[str] | None:
    """Which files a configuration needs, as its card says; None for all.

    Those of the first configuration are needed too: `datasets` looks at them to tell the format.
    """
    from huggingface_hub import DatasetCard

    stated = DatasetCard.load(card).data.to_dict().get("configs") if card.is_file() else None
    if config is None or not stated:
        return None
    known = {entry["config_name"]: entry for entry in stated}
    if config not in known:
        raise UserError(f"{data_id}: there is no config '{config}'. Its configs: {', '.join(known)}. Correct `config`.")
    first, wanted = list(_paths(stated[0])), list(_paths(known[config]))
    return [_CARD, *first, *wanted] if first and wanted else None


def _paths(entry: Any) -> Iterator[str]:
    """The patterns of files that an entry of a card's `configs` names, in any of the forms that the hub allows."""
    if isinstance(entry, str):
        path = entry.removeprefix("./")
        yield from {path, path.replace("**/", "")}
    elif isinstance(entry, list):
        for part in entry:
            yield from _paths(part)
    elif "data_files" in entry or "path" in entry:
        yield from _paths(entry.get("data_files", entry.get("path")))
    elif "data_dir" in entry:
        yield f"{entry['data_dir']}/*"
