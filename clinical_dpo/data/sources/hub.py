"""Read rows of a data set on the Hugging Face hub, pinned to one commit."""

import contextlib
import csv
import errno
import glob
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from clinical_dpo.data.sources.bounded_parquet import check_parquet
from clinical_dpo.data.sources.bounded_text import BoundedReader, check_json
from clinical_dpo.data.sources.decoding import read_text
from clinical_dpo.data.sources.delimiters import DELIMITERS
from clinical_dpo.data.sources.hub_files import FORMATS, split_files, with_config
from clinical_dpo.data.sources.parquet_files import plain_rows
from clinical_dpo.data.sources.text_faults import checked_texts, text_facts
from clinical_dpo.data.tally import Tally
from clinical_dpo.errors import UserError
from clinical_dpo.hub import digests, fetch, file_sizes, page
from clinical_dpo.io import Row
from clinical_dpo.limits import check_limit

_CARD = "README.md"  # its metadata lists the files of each configuration
_CARD_BYTES = 5_000_000
_OTHER_COPY = "Set `revision` to another commit, or read a repaired copy of the file with `kind: file`."
_UNCHANGEABLE = f" Files of the hub cannot be changed. Do not edit their cached copies. {_OTHER_COPY}"


def retrieve_hub(
    data_id: str,
    revision: str,
    splits: Sequence[str],
    config: str | None = None,
    draw: Callable[[int], Sequence[int]] = range,
    repair: Sequence[str] = (),
) -> tuple[list[Row], dict[str, Any]]:
    """Return the rows of the publisher's `splits`, in the order of `splits`, and the provenance of the rows.

    This module selects the files from the hub's listing of the commit and fetches them into the hub's cache. `datasets`
    then reads only these files and writes tables into a temporary folder that other users cannot enter. Nothing in the
    repository can make `datasets` read another file, and no code from the repository runs. Only the drawn rows become
    Python objects.

    Args:
        data_id: owner/name of the data set.
        revision: full commit hash. A branch or tag can move, and the same study would then read other rows.
        splits: the publisher's splits.
        config: the data set's configuration, if it has several.
        draw: a function of the number of rows. It returns the positions of the rows to draw, in ascending order. By
            default, all rows are drawn.
        repair: which repairs to apply to texts, by their names in `text_repairs.REPAIRS`.

    Returns:
        The drawn rows, with dates as ISO 8601 text; and their provenance: kind, data, id, config, revision, splits,
        `rows` (number of rows of the splits) and `sha256` (path -> digest of the card and each data file). If there are
        repairs or warnings, the provenance also has the entries of `text_facts`.

    Raises:
        UserError: `revision` is not a commit hash; the data set is gated, unknown or not reachable (the message names
            the page to visit and the variable to set); the configuration or split is unknown; the card names files
            outside of the repository; files are damaged, are not data, or exceed the run's limits.
    """
    if not re.fullmatch(r"[0-9a-f]{40}", revision):
        raise UserError(
            f"{data_id}: revision '{revision}' is not a full commit hash (40 hex digits). A branch or tag can later "
            f"point to other rows. Copy the hash of a commit from {page(data_id, 'dataset')}/commits/main."
        )
    files = _selected_files(data_id, revision, splits, config)
    names = list(dict.fromkeys(name for names_of_split in files for name in names_of_split))
    folder = fetch(data_id, revision, [_CARD, *map(glob.escape, names)], kind="dataset")
    checksums = digests(folder, [name for name in (_CARD, *names) if name != _CARD or (folder / name).is_file()])
    where = with_config(data_id, config)
    with _work_folder() as work:
        tables = _tables(folder, files, work, where)
        total, schema = sum(map(len, tables)), tables[0].features.arrow_schema
        check_limit(where, "rows", total, "rows")
        positions, rows, start = draw(total), [], 0
        for table in tables:
            selected = [position - start for position in positions if start <= position < start + len(table)]
            rows += (table if len(selected) == len(table) else table.select(selected)).to_list()
            start += len(table)
        del tables, table  # tables hold files of the folder open
    repairs, unread = Tally(), dict[str, str]()
    numbers = [position + 1 for position in positions]
    with unchangeable():
        rows = plain_rows(rows, numbers, schema, data_id, repairs, unread)
        rows, report = checked_texts(rows, data_id, repair, numbers, unread)
    provenance: dict[str, Any] = {"kind": "hub", "data": "real", "id": data_id, "config": config, "revision": revision}
    provenance |= {"splits": list(splits), "rows": total, "sha256": checksums}
    return rows, provenance | text_facts(repairs, report, unread)


def _selected_files(data_id: str, revision: str, splits: Sequence[str], config: str | None) -> list[list[str]]:
    """Return the names of the data files of each split, in the order of `splits`. The data files are not fetched.

    Raises:
        UserError: a split is unknown, the files are too large, or they have several formats.
    """
    fetch(data_id, revision, [], kind="dataset")  # only the listing
    sizes = file_sizes(data_id, revision, kind="dataset")
    if sizes.get(_CARD, 0) > _CARD_BYTES:
        raise UserError(
            f"{data_id}: the README.md has more than {_CARD_BYTES:,} bytes. Download the data "
            "files, join them into one file, and read this file with `kind: file`."
        )
    text = ""
    if _CARD in sizes:
        card = fetch(data_id, revision, [_CARD], kind="dataset") / _CARD
        with unchangeable():
            text = read_text(card)[0]
    files, where = split_files(text, list(sizes), config, data_id), with_config(data_id, config)
    for split in splits:
        if split not in files:
            raise UserError(
                f"{where}: there is no split '{split}' with files in a supported format ({', '.join(FORMATS)}). Set "
                f"`splits` to one or more of {', '.join(list(files)[:50])}."
            )
    selected = [files[split] for split in splits]
    names = {name for names_of_split in selected for name in names_of_split}
    check_limit(where, "bytes", sum(sizes[name] for name in names), "bytes")
    if len(formats := sorted({Path(name).suffix.lower() for name in names})) > 1:
        raise UserError(
            f"{where}: the files have several formats ({', '.join(formats[:5])}). Download them, convert them "
            "to one format, join them into one file, and read it with `kind: file`."
        )
    return selected


@contextlib.contextmanager
def unchangeable() -> Iterator[None]:
    """Add the mend for a faulty file of the hub (_UNCHANGEABLE) to the message of a UserError from the block."""
    try:
        yield
    except UserError as error:
        raise error.within("", suffix=_UNCHANGEABLE) from None


@contextlib.contextmanager
def _work_folder() -> Iterator[Path]:
    """Yield a new folder in the cache of `datasets`, and delete the folder when the block ends.

    No other user can enter the folder.
    """
    from datasets import config

    Path(config.HF_DATASETS_CACHE).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        dir=config.HF_DATASETS_CACHE, prefix="clinical-dpo-", ignore_cleanup_errors=True
    ) as folder:
        yield Path(folder)


def _tables(folder: Path, files: Sequence[Sequence[str]], work: Path, where: str) -> list[Any]:
    """Return a table of each split, memory-mapped from the work folder.

    Args:
        folder: the commit's folder in the hub's cache.
        files: names of each split's files.
        work: folder in which the tables are written.
        where: data set and configuration, for messages.

    Raises:
        UserError: the files exceed the run's limits, or cannot be read as a table.
    """
    # Imported late: it takes seconds, and only this kind of source needs it.
    from datasets.data_files import DataFilesDict, DataFilesList
    from datasets.download import DownloadManager
    from datasets.exceptions import DatasetsError
    from datasets.packaged_modules.csv.csv import Csv
    from datasets.packaged_modules.json.json import Json
    from datasets.packaged_modules.parquet.parquet import Parquet

    class LocalFiles(DownloadManager):
        """A download manager of `datasets` that neither fetches nor unpacks files."""

        def download(self, url_or_urls: Any) -> Any:
            return url_or_urls

        def extract(self, path_or_paths: Any) -> Any:
            return path_or_paths

    suffix = Path(files[0][0]).suffix.lower()
    _check_limits(folder, files, suffix, where)
    data_files = DataFilesDict()
    for number, names in enumerate(files):
        # The links have new names: `datasets` could take a file name of the repository for a pattern or an address.
        links = [work / f"{number}-{position:06}{suffix}" for position in range(len(names))]
        for link, name in zip(links, names, strict=True):
            link.symlink_to((folder / name).resolve())
        data_files[f"s{number}"] = DataFilesList([str(link) for link in links], [])
    cache = str(work / "tables")
    try:
        if suffix == ".parquet":
            builder: Any = Parquet(cache_dir=cache, data_files=data_files)
        elif suffix in DELIMITERS:
            builder = Csv(cache_dir=cache, data_files=data_files, sep=DELIMITERS[suffix])
        else:
            builder = Json(cache_dir=cache, data_files=data_files, parse_agent_traces=False)
        builder.download_and_prepare(dl_manager=LocalFiles())
        return [builder.as_dataset(split=split) for split in data_files]
    except (DatasetsError, ValueError) as error:
        if isinstance(error.__cause__, OSError) and error.__cause__.errno == errno.ENOSPC:
            raise UserError(f"{where}: no space is left for the tables in {work.parent}. Make space there.") from None
        raise UserError(
            f"{where}: the files cannot be read as a table ({type(error).__name__}: {error.__cause__ or error}). "
            "All files need the same columns, with the same types. Correct `splits`, `config` or `revision`. Or "
            "download the files, repair them, join them into one file, and read it with `kind: file`."
        ) from None


def _check_limits(folder: Path, files: Sequence[Sequence[str]], suffix: str, where: str) -> None:
    """Refuse files that together unpack to more than the run's limits.

    The limits are checked after each file. Thus no file is unpacked after they are exceeded.
    """
    import pyarrow

    size = cells = 0
    for name in dict.fromkeys(name for names in files for name in names):
        path = folder / name
        if suffix == ".parquet":
            try:
                file_size, file_cells = check_parquet(path)
            except (pyarrow.ArrowException, OSError) as error:
                raise UserError(f"{where}, {name}: not a valid Parquet file ({error}). {_OTHER_COPY}") from None
        else:
            with unchangeable():
                text = read_text(path)[0]
                file_size = len(text)
                if suffix in DELIMITERS:
                    file_cells = _delimited_cells(text, DELIMITERS[suffix], path)
                else:
                    file_cells = check_json(text, path)
        size, cells = size + file_size, cells + file_cells
        check_limit(where, "bytes", size, "bytes when unpacked")
        check_limit(where, "cells", cells, "cells")


def _delimited_cells(text: str, delimiter: str, path: Path) -> int:
    """Return the number of cells in CSV or TSV text.

    Args:
        text: content of the file.
        delimiter: the character between two cells.
        path: the file, for messages.

    Raises:
        UserError: the text is not valid CSV or TSV, or the table exceeds the run's limits.
    """
    reader = BoundedReader(text, delimiter, path)
    try:
        for _ in reader:
            pass
    except csv.Error as error:
        raise UserError(f"{path}, line {reader.line_num}: not valid CSV or TSV ({error}).") from None
    return reader.cells
