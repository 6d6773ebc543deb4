"""Read rows of a file: JSON Lines, JSON, CSV, TSV, Parquet or an Excel workbook."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from clinical_dpo.comparable import nfc
from clinical_dpo.data.sources.decoding import read_text
from clinical_dpo.data.sources.delimiters import DELIMITERS
from clinical_dpo.data.sources.json_files import json_line_rows, json_rows
from clinical_dpo.data.sources.parquet_files import parquet_rows
from clinical_dpo.data.sources.tables import check_columns, delimited_rows
from clinical_dpo.data.sources.text_faults import checked_texts, text_facts
from clinical_dpo.data.sources.workbooks import WorkbookOptions, workbook_rows
from clinical_dpo.data.tally import Tally
from clinical_dpo.errors import PublicError
from clinical_dpo.io import Row, sha256
from clinical_dpo.user_paths import unset_variables, user_path

OPTIONS = {  # key of a file source -> parameter of `retrieve_file`
    "sheet": "sheet",
    "encoding": "encoding",
    "delimiter": "delimiter",
    "ignore": "ignore",
    "as": "numbers",
    "merged_cells": "merged_cells",
    "repair": "repair",
}
TEXT_FORMATS = (".jsonl", ".json", *DELIMITERS)
WORKBOOKS = (".xls", ".xlsm", ".xlsb", ".ods", ".numbers")  # formats that their programs can save as .xlsx
FORMATS = (*TEXT_FORMATS, ".parquet", ".xlsx")


def file_options(source: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of `retrieve_file` that the settings of a file source contain."""
    return {parameter: source[key] for key, parameter in OPTIONS.items() if key in source}


def retrieve_file(
    path: str,
    sheet: str | None = None,
    encoding: str | None = None,
    delimiter: str | None = None,
    ignore: Sequence[str] = (),
    numbers: str | Mapping[str, str] | None = None,
    merged_cells: str | Mapping[str, str] | None = None,
    repair: Sequence[str] = (),
) -> tuple[list[Row], dict[str, Any]]:
    """Return the rows of a file and their provenance.

    A JSON object of objects has one row for each key, and the key becomes the row's `id`. A JSON object with a list of
    objects as its only value is read as this list. The first row of CSV, TSV and a workbook's sheet has the names of
    the columns. All values of these formats are texts, except that numbers of a workbook may stay numbers.

    Args:
        path: path of the file; `user_path` replaces `~` and `$NAME` in it. The extension determines the format.
        sheet: the sheet of a workbook; not needed if the workbook has only one sheet.
        encoding: encoding of a text file that is not UTF-8 and has no byte-order mark.
        delimiter: delimiter of CSV or TSV, if it is not the comma (CSV) or the tab (TSV).
        ignore: columns that are not read.
        numbers: `shown` turns numbers of a workbook into texts as their cells show them. `number` keeps them as
            numbers. A mapping sets this by column. Without a setting, numbers are read as shown, and a column is left
            out if a cell's format hides its value.
        merged_cells: `fill` copies the value of merged cells into all their rows and columns. `empty` keeps it in the
            first cell only. A mapping sets this by column. Without a setting, a column with merged cells is left out.
        repair: which repairs to apply to texts, by their names in `text_repairs.REPAIRS`.

    Returns:
        The rows; and their provenance: kind, data, path, sha256, the encoding of a text file, and the sheet if `sheet`
        is set. If there are repairs, warnings or left-out columns, the provenance also has the entries of
        `text_facts`.

    Raises:
        UserError: the file is missing, cut off or in another encoding, has no rows, or has broken texts. The message
            names the file and, where known, the row, line or column.
    """
    if unset := unset_variables(path):
        raise PublicError(
            f"{path}: the environment variable {unset[0]} in this path is not set. Export it, or write the full path."
        )
    file, repairs, warnings = user_path(path), Tally(), Tally()
    unread: dict[str, str] = {}
    expanded = str(file)
    options = {"sheet": sheet, "encoding": encoding, "delimiter": delimiter, "as": numbers}
    suffix = _checked_format(file, options | {"merged_cells": merged_cells})
    facts: dict[str, Any] = {"sheet": sheet} if sheet else {}
    if suffix == ".xlsx":
        forms = WorkbookOptions(numbers or "", merged_cells or "")
        rows = workbook_rows(file, sheet, ignore, repairs, warnings, unread, forms)
    elif suffix == ".parquet":
        rows = parquet_rows(file, ignore, repairs, unread)
    else:
        text, facts["encoding"] = read_text(file, encoding, repairs)
        if suffix in DELIMITERS:
            rows = delimited_rows(text, expanded, delimiter or DELIMITERS[suffix], ignore, repairs)
        else:
            rows = json_line_rows(text, expanded, repairs) if suffix == ".jsonl" else json_rows(text, expanded)
            rows = _without(rows, ignore, expanded)
    if not rows:
        where, what = (f"{expanded}, sheet '{sheet}'", "sheet") if sheet else (expanded, "file")
        raise PublicError(f"{where}: the {what} has no rows. Add one row for each item.")
    rows, report = checked_texts(rows, expanded, repair, unread=unread)
    provenance = {"kind": "file", "data": "real", "path": expanded, "sha256": sha256(file), **facts}
    return rows, provenance | text_facts(repairs, report, unread, warnings)


def _checked_format(path: Path, options: Mapping[str, Any]) -> str:
    """Check a file's format and the options that are set for the file. Return the file's extension in lower case.

    Raises:
        UserError: the format is not supported, or an option is set that files of this format do not use.
    """
    if path.is_dir():
        raise PublicError(
            f"{path}: this is a folder. Set `path` to a file in it. If several files have the rows, join them "
            "into one file first."
        )
    suffix = path.suffix.lower()
    if suffix not in FORMATS:
        mend = (
            "Save the workbook as .xlsx"
            if suffix in WORKBOOKS
            else "If the file is compressed, unpack it. Otherwise export it as CSV, JSON Lines or JSON in UTF-8"
        )
        raise PublicError(
            f"{path}: format '{path.suffix}' is not supported. {mend}. The supported extensions are "
            f"{', '.join(FORMATS)}."
        )
    formats_of: dict[str, tuple[str, ...]] = {
        "sheet": (".xlsx",),
        "encoding": TEXT_FORMATS,
        "delimiter": tuple(DELIMITERS),
        "as": (".xlsx",),
        "merged_cells": (".xlsx",),
    }
    for option, formats in formats_of.items():
        if options[option] is not None and suffix not in formats:
            raise PublicError(
                f"{path}: `{option}: {options[option]}` is set, but only {', '.join(formats)} files use this key. "
                f"Remove `{option}` of this file from the task file."
            )
    return suffix


def _without(rows: list[Row], ignore: Sequence[str], where: str) -> list[Row]:
    check_columns(ignore, dict.fromkeys(name for row in rows for name in row), where)
    ignored = set(map(nfc, ignore))
    return (
        [{name: value for name, value in row.items() if nfc(name) not in ignored} for row in rows] if ignore else rows
    )
