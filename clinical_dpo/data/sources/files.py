"""Rows from a file: JSON Lines, JSON, CSV, TSV, Parquet or an Excel workbook."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from clinical_dpo.data.sources.decoding import read_text
from clinical_dpo.data.sources.json_files import json_line_rows, json_rows
from clinical_dpo.data.sources.parquet_files import parquet_rows
from clinical_dpo.data.sources.tables import check_ignored, delimited_rows
from clinical_dpo.data.sources.text_faults import check_text_faults
from clinical_dpo.data.sources.workbooks import workbook_rows
from clinical_dpo.data.tally import Tally
from clinical_dpo.errors import PublicError
from clinical_dpo.io import Row, sha256

OPTIONS = ("sheet", "encoding", "delimiter", "ignore")  # of a file source
DELIMITERS = {".csv": ",", ".tsv": "\t"}
TEXTS = (".jsonl", ".json", *DELIMITERS)
FORMATS = (*TEXTS, ".parquet", ".xlsx")


def read_rows(
    path: str | Path,
    sheet: str | None = None,
    encoding: str | None = None,
    delimiter: str | None = None,
    ignore: Sequence[str] = (),
) -> list[Row]:
    """Rows of a file, its format told by its extension, as `retrieve_file`."""
    return retrieve_file(str(path), sheet, encoding, delimiter, ignore)[0]


def retrieve_file(
    path: str,
    sheet: str | None = None,
    encoding: str | None = None,
    delimiter: str | None = None,
    ignore: Sequence[str] = (),
) -> tuple[list[Row], dict[str, Any]]:
    """Rows of a file and their provenance.

    Of a JSON object keyed by id, each key becomes its row's `id`; an object that holds nothing but one list of objects
    stands for that list. CSV, TSV and a workbook's sheet have the columns' names in their first row and give texts.

    Args:
        path: the file, in which $NAME is read from the environment; its extension tells the format.
        sheet: which sheet of a workbook; not needed where it has one.
        encoding: of a text file that is neither UTF-8 nor has a byte-order mark.
        delimiter: of CSV or TSV, where it is another than the comma or the tab.
        ignore: columns that are not read.

    Returns:
        The rows, and kind, data, path, sha256; of a text file its encoding, of a workbook the sheet named; `repairs`
        and `warnings` where there are any (what -> count and first place).

    Raises:
        UserError: the file is missing, cut off, in another encoding, or not rows of texts; with place and mend.
    """
    expanded = os.path.expandvars(path)
    if "$" in expanded:
        raise PublicError(
            f"{path}: the environment variable in this path is not set. Export it, or write the path out."
        )
    file, repairs = Path(expanded), Tally()
    suffix = _checked_format(file, {"sheet": sheet, "encoding": encoding, "delimiter": delimiter})
    facts: dict[str, Any] = {"sheet": sheet} if sheet else {}
    if suffix == ".xlsx":
        rows = workbook_rows(file, sheet, ignore, repairs)
    elif suffix == ".parquet":
        rows = parquet_rows(file, ignore, repairs)
    else:
        text, facts["encoding"] = read_text(file, encoding, repairs)
        if suffix in DELIMITERS:
            rows = delimited_rows(text, expanded, delimiter or DELIMITERS[suffix], ignore, repairs)
        else:
            rows = json_line_rows(text, expanded, repairs) if suffix == ".jsonl" else json_rows(text, expanded)
            rows = _without(rows, ignore, expanded)
    if not rows:
        raise PublicError(f"{expanded}: there are no rows in it. One row for each item is needed.")
    warnings = check_text_faults(rows, expanded)
    found = {"repairs": repairs.record(), "warnings": warnings.record()}
    provenance = {"kind": "file", "data": "real", "path": expanded, "sha256": sha256(file), **facts}
    return rows, provenance | {name: value for name, value in found.items() if value}


def _checked_format(path: Path, options: dict[str, Any]) -> str:
    """The extension, after a check that it is read and that the options go with it."""
    suffix = path.suffix.lower()
    if suffix not in FORMATS:
        raise PublicError(
            f"{path}: format '{path.suffix}' is not read. Export it as CSV, JSON Lines or JSON in UTF-8, with the "
            f"extension {', '.join(FORMATS)}."
        )
    fitting: dict[str, tuple[str, ...]] = {"sheet": (".xlsx",), "encoding": TEXTS, "delimiter": tuple(DELIMITERS)}
    for option, formats in fitting.items():
        if options[option] is not None and suffix not in formats:
            raise PublicError(
                f"{path}: `{option}: {options[option]}` is set, but only {', '.join(formats)} can have it. "
                f"Remove `{option}` from `source`."
            )
    return suffix


def _without(rows: list[Row], ignore: Sequence[str], where: str) -> list[Row]:
    check_ignored(ignore, dict.fromkeys(name for row in rows for name in row), where)
    return [{name: value for name, value in row.items() if name not in ignore} for row in rows] if ignore else rows
