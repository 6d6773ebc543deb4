"""Rows of a data set on the Hugging Face hub, pinned to one commit."""

import contextlib
import csv
import glob
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from clinical_dpo.data.sources.bounded_parquet import check_parquet
from clinical_dpo.data.sources.bounded_text import BoundedReader, check_json
from clinical_dpo.data.sources.decoding import read_text
from clinical_dpo.data.sources.hub_files import split_files
from clinical_dpo.data.sources.parquet_files import plain_value
from clinical_dpo.data.sources.text_faults import check_text_faults
from clinical_dpo.data.tally import Tally
from clinical_dpo.errors import UserError
from clinical_dpo.hub import digests, fetch, listed, page
from clinical_dpo.io import Row
from clinical_dpo.limits import check_limit

_CARD = "README.md"  # its metadata says which files a configuration has
_CARD_BYTES = 5_000_000
_DELIMITERS = {".csv": ",", ".tsv": "\t"}


def retrieve_hub(
    data_id: str,
    revision: str,
    splits: Sequence[str],
    config: str | None = None,
    draw: Callable[[int], Sequence[int]] = range,
) -> tuple[list[Row], dict[str, Any]]:
    """Rows of the publisher's `splits`, in their order, and where they came from.

    The files are chosen here, from the hub's listing of the commit, and fetched into the hub's cache. `datasets` reads
    these files alone, as tables in a folder that is closed to others and deleted afterwards: nothing that the
    repository says can name another file, and no code of it runs. Only the rows drawn become objects.

    Args:
        data_id: owner/name of the data set.
        revision: full commit hash; a branch or tag can move, and the same study would then read other rows.
        splits: the publisher's splits.
        config: the data set's configuration, where it has several.
        draw: number of rows -> places of those wanted, in ascending order; all by default.

    Returns:
        The rows drawn, dates as ISO 8601 text, and a dict of kind, data, id, config, revision, splits, `rows` (all of
        the splits), `sha256` (of the card and each data file, by its path), `repairs` and `warnings` where there are
        any.

    Raises:
        UserError: no commit hash; the data set is gated, unknown or out of reach, with the page to visit and the
            variable to set; an unknown configuration or split; a card that names files outside of the repository;
            files that are damaged, no data, or more than the run's limits.
    """
    if not re.fullmatch(r"[0-9a-f]{40}", revision):
        raise UserError(
            f"{data_id}: revision '{revision}' is not a full commit hash (40 hex digits); a branch or tag can move and "
            f"give other rows later. Copy the hash of a commit from {page(data_id, 'dataset')}/commits/main."
        )
    files = _chosen(data_id, revision, splits, config)
    read = list(dict.fromkeys(name for names in files for name in names))
    folder = fetch(data_id, revision, [_CARD, *map(glob.escape, read)], kind="dataset")
    checksums = digests(folder, [name for name in (_CARD, *read) if name != _CARD or (folder / name).is_file()])
    where = f"{data_id}, config {config}"
    with _work_folder() as work:
        tables = _tables(folder, files, work, where)
        total = sum(map(len, tables))
        check_limit(where, "rows", total, "rows")
        places, rows, start = draw(total), [], 0
        for table in tables:
            here = [place - start for place in places if start <= place < start + len(table)]
            rows += (table if len(here) == len(table) else table.select(here)).to_list()
            start += len(table)
        del tables, table  # they hold files of the folder open
    repairs = Tally()
    rows = [
        {name: plain_value(value, f"row {place + 1}, column '{name}'", data_id, repairs) for name, value in row.items()}
        for place, row in zip(places, rows, strict=True)
    ]
    warnings = check_text_faults(rows, data_id, [place + 1 for place in places])
    found = {"repairs": repairs.record(), "warnings": warnings.record()}
    provenance: dict[str, Any] = {"kind": "hub", "data": "real", "id": data_id, "config": config, "revision": revision}
    provenance |= {"splits": list(splits), "rows": total, "sha256": checksums}
    return rows, provenance | {name: value for name, value in found.items() if value}


def _chosen(data_id: str, revision: str, splits: Sequence[str], config: str | None) -> list[list[str]]:
    """The files of each split, none of which is fetched yet."""
    fetch(data_id, revision, [], kind="dataset")  # the list alone
    sizes = listed(data_id, revision, kind="dataset")
    if sizes.get(_CARD, 0) > _CARD_BYTES:
        raise UserError(f"{data_id}: its README.md has more than {_CARD_BYTES:,} bytes. Take another data set.")
    text = read_text(fetch(data_id, revision, [_CARD], kind="dataset") / _CARD)[0] if _CARD in sizes else ""
    files = split_files(text, list(sizes), config, data_id)
    for split in splits:
        if split not in files:
            raise UserError(
                f"{data_id}, config {config}, split '{split}': there is no such split, but {list(files)[:50]}. Correct "
                "`splits`."
            )
    chosen = [files[split] for split in splits]
    names = {name for each in chosen for name in each}
    check_limit(f"{data_id}, config {config}", "bytes", sum(sizes[name] for name in names), "bytes")
    if len({Path(name).suffix.lower() for name in names}) > 1:
        raise UserError(
            f"{data_id}, config {config}: files of several formats ({', '.join(sorted(names)[:5])}). Download those of "
            "one, and read them with `kind: file`."
        )
    return chosen


@contextlib.contextmanager
def _work_folder() -> Iterator[Path]:
    """A folder beside the hub's own caches that no other user can enter, deleted when the block ends."""
    from datasets import config

    Path(config.HF_DATASETS_CACHE).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        dir=config.HF_DATASETS_CACHE, prefix="clinical-dpo-", ignore_cleanup_errors=True
    ) as folder:
        yield Path(folder)


def _tables(folder: Path, files: Sequence[Sequence[str]], work: Path, where: str) -> list[Any]:
    """A table of each split, mapped from the work folder.

    Args:
        folder: of the commit in the hub's cache.
        files: names of each split's files.
        work: where the tables are made.
        where: data set and configuration, for messages.
    """
    # Imported late: seconds of start-up that only this kind of source needs.
    from datasets.data_files import DataFilesDict, DataFilesList
    from datasets.download import DownloadManager
    from datasets.exceptions import DatasetsError
    from datasets.packaged_modules.csv.csv import Csv
    from datasets.packaged_modules.json.json import Json
    from datasets.packaged_modules.parquet.parquet import Parquet

    class GivenFiles(DownloadManager):
        """It fetches and unpacks nothing: a file is what its name says, or it is refused."""

        def download(self, url_or_urls: Any) -> Any:
            return url_or_urls

        def extract(self, path_or_paths: Any) -> Any:
            return path_or_paths

    suffix = Path(files[0][0]).suffix.lower()
    _check_limits(folder, files, suffix, where)
    given = DataFilesDict()
    for number, names in enumerate(files):
        # Under names of our own: one of the repository could stand for a pattern or an address.
        links = [work / f"{number}-{place:06}{suffix}" for place in range(len(names))]
        for link, name in zip(links, names, strict=True):
            link.symlink_to((folder / name).resolve())
        given[f"s{number}"] = DataFilesList([str(link) for link in links], [])
    cache = str(work / "tables")
    try:
        if suffix == ".parquet":
            builder: Any = Parquet(cache_dir=cache, data_files=given)
        elif suffix in _DELIMITERS:
            builder = Csv(cache_dir=cache, data_files=given, sep=_DELIMITERS[suffix])
        else:
            builder = Json(cache_dir=cache, data_files=given, parse_agent_traces=False)
        builder.download_and_prepare(dl_manager=GivenFiles())
        return [builder.as_dataset(split=split) for split in given]
    except (DatasetsError, ValueError) as error:
        raise UserError(
            f"{where}: its files cannot be read as a table ({type(error).__name__}: {error.__cause__ or error}). Check "
            "`config` and `revision`."
        ) from None


def _check_limits(folder: Path, files: Sequence[Sequence[str]], suffix: str, where: str) -> None:
    """Refuse files that would unpack to more than the run's limits, each alone and all together."""
    import pyarrow

    size = cells = 0
    for name in dict.fromkeys(name for names in files for name in names):
        path = folder / name
        if suffix == ".parquet":
            try:
                more = check_parquet(path)
            except (pyarrow.ArrowException, OSError) as error:
                raise UserError(f"{where}, {name}: not a valid Parquet file ({error}). Check `revision`.") from None
        else:
            text = read_text(path)[0]
            more = (
                len(text),
                _delimited_cells(text, _DELIMITERS[suffix], path) if suffix in _DELIMITERS else check_json(text, path),
            )
        size, cells = size + more[0], cells + more[1]
        check_limit(where, "bytes", size, "bytes when unpacked")
        check_limit(where, "cells", cells, "cells")


def _delimited_cells(text: str, delimiter: str, path: Path) -> int:
    """The cells of CSV or TSV text."""
    reader = BoundedReader(text, delimiter, path)
    try:
        for _ in reader:
            pass
    except csv.Error as error:
        raise UserError(f"{path}, line {reader.line_num}: not valid CSV ({error}). Check `revision`.") from None
    return reader.cells
