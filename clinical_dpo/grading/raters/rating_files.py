"""Read ratings as rows: from the CSV of the HTML sheet, a filled sheet (CSV, XLSX, ODS) or a Label Studio export."""

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from clinical_dpo.data.sources.bounded_text import BoundedReader, bounded_bytes, check_json
from clinical_dpo.data.sources.bounded_workbooks import bounded_rows, check_workbook
from clinical_dpo.errors import UserError
from clinical_dpo.grading.raters.formulas import unguarded
from clinical_dpo.grading.raters.opendocument import opendocument_rows
from clinical_dpo.io import Row, read_json

COLUMNS = ("sheet", "item_id", "text_sha256", "rating", "comment", "rated_at")
ENDINGS = (".csv", ".xlsx", ".ods", ".json")
_REQUIRED = ("item_id", "text_sha256", "rating")
# A rater's name, and the suffixes of copies by browsers, Windows and macOS: `(1)`, ` - Copy`, ` copy 2`.
_RATER = re.compile(r"([\w-]+)(?: ?\(\d+\)| - Copy| copy(?: \d+)?)*")


def returned_files(folder: str | Path, sheet: str) -> list[Path]:
    """Return the files that raters have returned for one sheet so far: `{sheet}.*` with an ending of ENDINGS.

    Raises:
        UserError: a path with such a name is not a regular file.
    """
    paths = [path for path in sorted(Path(folder).glob(f"{sheet}.*")) if path.suffix.lower() in ENDINGS]
    for path in paths:
        if not path.is_file():
            raise UserError(
                f"{path}: this is {_irregular_kind(path)}, not a file of ratings. Move it to another place."
            )
    return paths


def _irregular_kind(path: Path) -> str:
    """Return the kind of a path in words, such as `a folder`. A link counts as its target.

    Args:
        path: a path that is not a regular file.
    """
    if not path.exists():
        return "a link whose target is missing" if path.is_symlink() else "missing"
    return "a folder" if path.is_dir() else "a pipe, socket or device"


def rating_files(folder: str | Path, sheet: str) -> dict[str, Path]:
    """Return rater -> file with this rater's ratings of one sheet. If the folder does not exist, return an empty dict.

    Files are named `{sheet}.{rater}.csv`, .xlsx, .ods or .json. Names that an operating system or browser gives to a
    copy, such as `{sheet}.{rater} (1).csv`, are allowed. Files with other endings are ignored.

    Raises:
        UserError: the name of a file begins with `sheet` and has another form, a rater has two files, or two raters
            have files of equal content.
    """
    path_by_rater: dict[str, Path] = {}
    path_by_content: dict[bytes, Path] = {}
    for path in returned_files(folder, sheet):
        ending = path.suffix.lower()
        name = _RATER.fullmatch(path.stem.removeprefix(sheet).removeprefix("."))
        if not name:
            raise UserError(
                f"{path}: this is not the name of a rating file. Name the file {sheet}.RATER{ending}, where RATER is "
                "the rater's name on the sheet. Or move the file out of this folder."
            )
        if first := path_by_rater.get(name[1]):
            raise UserError(f"{path}: rater '{name[1]}' also has the file '{first.name}'. Keep one of the two files.")
        content = bounded_bytes(path)
        if duplicate := path_by_content.get(content):
            raise UserError(
                f"{path}: this file and '{duplicate.name}' have the same content. Keep only the file that has the name "
                "of the rater who sent it."
            )
        path_by_rater[name[1]] = path_by_content[content] = path
    return path_by_rater


def read_ratings(path: str | Path) -> list[Row]:
    """Read a file of ratings. Return rows with the fields COLUMNS and `row`.

    `row` is the place of the rating in the file: `line 3` of CSV, `row 3` of a spreadsheet, or `task 3` of a Label
    Studio export.

    CSV may come from the HTML sheet or from a spreadsheet. The text is UTF-8, UTF-16 or Windows-1252. The delimiter is
    a comma, semicolon or tab. Columns may be in any order. Further columns and empty lines are ignored.

    Label Studio's exports may be JSON or JSON-MIN. Cancelled annotations are ignored.

    Times become UTC in ISO 8601. A time without a zone is read as UTC. A time that is ambiguous (a spreadsheet's
    03/04/2026) or invalid becomes empty. No result depends on a time.

    Raises:
        UserError: the file cannot be read or exceeds the run's limits, a required column is missing or occurs twice, or
            a line has too many or too few fields.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(
            f"{path}: the file of ratings is {_irregular_kind(path)}. Save the ratings as a file of exactly this name."
        )
    readers = {".csv": _csv_rows, ".xlsx": _xlsx_rows, ".ods": _ods_rows, ".json": _label_studio_rows}
    if path.suffix.lower() not in readers:
        raise UserError(
            f"{path}: files of ratings cannot have this format. Save the file as one of {', '.join(ENDINGS)}."
        )
    rows = []
    for raw in readers[path.suffix.lower()](path):
        texts = {name: _stripped_text(raw.get(name), f"{path}, {raw['row']}, column '{name}'") for name in COLUMNS}
        rows.append({**texts, "rated_at": _utc(texts["rated_at"]), "row": raw["row"]})
    return rows


def _stripped_text(value: Any, where: str) -> str:
    """Return the value of a cell or field as text, without white space around it. None gives "".

    Args:
        value: the value.
        where: name of the cell or field, for the message.

    Raises:
        UserError: the value is a list or a mapping.
    """
    if isinstance(value, list | dict):
        raise UserError(f"{where}: the value has the type {type(value).__name__}, not a text. Write a text there.")
    return "" if value is None else str(value).strip()


def _utc(time: str) -> str:
    """Return the time as UTC in ISO 8601, or "" for an ambiguous or invalid time."""
    try:
        moment = datetime.fromisoformat(time)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):  # the last day of the year 9999 has no UTC in some zones
        return ""
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def _csv_rows(path: Path) -> list[Row]:
    # Old spreadsheets end lines with a carriage return alone.
    text = _decoded(path).replace("\r\n", "\n").replace("\r", "\n")
    skipped = 1 if text[:4].lower() == "sep=" else 0
    text = text.split("\n", 1)[-1] if skipped else text
    header = text.split("\n", 1)[0]
    reader = BoundedReader(text, max(",;\t", key=header.count), path)
    lines = []
    try:
        for fields in reader:
            lines.append((reader.line_num + skipped, fields))
    except csv.Error as error:
        raise UserError(
            f"{path}, line {reader.line_num + skipped}: not valid CSV ({error}). Close the quotation marks, or "
            "export the file again."
        ) from None
    return _table_rows(path, "line", lines)


def _decoded(path: Path) -> str:
    """Read a file as text. The encoding may be UTF-8, UTF-16 or Windows-1252."""
    raw = bounded_bytes(path)
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings: tuple[str, ...] = ("utf-16",)
    elif raw[1:2] == b"\0" or raw[:1] == b"\0":  # an ASCII header with two bytes per letter
        encodings = ("utf-16-le" if raw[1:2] == b"\0" else "utf-16-be",)
    else:
        encodings = ("utf-8-sig", "cp1252")
    for encoding in encodings:
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise UserError(f"{path}: the text is neither UTF-8 nor {encodings[-1]}. Save the file as 'CSV UTF-8'.")


def _xlsx_rows(path: Path) -> list[Row]:
    from openpyxl import load_workbook  # half a second to import

    rows: list[list[str]] = []
    try:
        check_workbook(path)
        table = load_workbook(path, read_only=True, data_only=True, keep_links=False).worksheets[0]
        table.reset_dimensions()  # some programs write a wrong size
        for row in bounded_rows(table.iter_rows(values_only=True), path):
            rows.append([_cell_text(value) for value in row])
    except UserError:
        raise
    except Exception as error:  # openpyxl parses while rows are read, and a damaged file can raise any exception
        where = f"{path}, row {len(rows) + 1}" if rows else path
        raise UserError(
            f"{where}: not a valid Excel workbook ({type(error).__name__}: {error}). It may have a password. Save "
            "it again as .xlsx, without a password."
        ) from None
    return _padded_rows(path, rows)


def _ods_rows(path: Path) -> list[Row]:
    return _padded_rows(path, opendocument_rows(path))


def _padded_rows(path: Path, rows: Sequence[list[str]]) -> list[Row]:
    """Return the rows of a spreadsheet. If a row ends before the last column, empty cells are added."""
    width = max(map(len, rows), default=0)
    return _table_rows(path, "row", [(number, row + [""] * (width - len(row))) for number, row in enumerate(rows, 1)])


def _cell_text(value: Any) -> str:
    return "" if value is None else value.isoformat() if isinstance(value, datetime) else str(value)


def _table_rows(path: Path, unit: str, lines: Iterable[tuple[int, Sequence[str]]]) -> list[Row]:
    """Return the rows of a table, each with the header's names as keys. The first non-empty line is the header.

    Args:
        path: the file, for messages.
        unit: `line` or `row`, for messages.
        lines: (number, fields) of each line.
    """
    filled = [(number, fields) for number, fields in lines if any(field.strip() for field in fields)]
    if not filled:
        raise UserError(f"{path}: the file is empty. Name the columns {', '.join(COLUMNS)} in its first line.")
    (_, header), *rest = filled
    names = [name.strip().lower() for name in header]
    for name in _REQUIRED:
        if names.count(name) != 1:
            problem = "is missing" if name not in names else "occurs twice"
            raise UserError(
                f"{path}: column '{name}' {problem}. The header names the columns {', '.join(header)}. Name '{name}' "
                "there exactly once."
            )
    rows = []
    for number, fields in rest:
        if len(fields) < len(names) or any(field.strip() for field in fields[len(names) :]):
            raise UserError(
                f"{path}, {unit} {number}: the {unit} has {len(fields)} fields, but the header names {len(names)} "
                "columns. Export the file again, or put every text that contains the separator in quotation marks."
            )
        texts = [unguarded(field.strip()) for field in fields]
        rows.append(dict(zip(names, texts, strict=False)) | {"row": f"{unit} {number}"})
    return rows


def _label_studio_rows(path: Path) -> list[Row]:
    check_json(_decoded(path), path)
    tasks = read_json(path, parse_int=_parse_int)
    if not isinstance(tasks, list):
        raise UserError(f"{path}: not a list of tasks. Export the project from Label Studio as JSON.")
    rows = []
    for number, task in enumerate(tasks, start=1):
        try:
            data = task.get("data", task)
            item = {"row": f"task {number}", "item_id": data["item_id"], "text_sha256": data["text_sha256"]}
            item["sheet"] = data.get("sheet", "")
            if "annotations" in task:
                valid = [annotation for annotation in task["annotations"] if not annotation.get("was_cancelled")]
                rows += [item | _annotation_fields(annotation) for annotation in valid] or [item]
            else:
                rows.append({**item, "rating": task.get("rating"), "comment": _joined_lines(task.get("comment"))})
                rows[-1]["rated_at"] = task.get("updated_at")
        except (AttributeError, KeyError, TypeError) as error:
            raise UserError(
                f"{path}, task {number}: a field of the rating sheet is missing or has a wrong type "
                f"({type(error).__name__}: {error}). Export the Label Studio project of the sheet as JSON or JSON-MIN, "
                "with its data fields and annotations."
            ) from None
    return rows


def _parse_int(digits: str) -> int | str:
    """Return digits as an integer. If there are too many digits for an id or a rating, return the digits as text."""
    return int(digits) if len(digits) < 20 else digits


def _annotation_fields(annotation: Mapping[str, Any]) -> Row:
    """Return the time, the rating and the comment of an annotation in a Label Studio export."""
    fields: Row = {"rated_at": annotation.get("updated_at") or annotation.get("created_at")}
    for result in annotation["result"]:
        value = result["value"]
        if result["from_name"] == "rating":
            fields["rating"] = " / ".join(value["choices"])
        elif result["from_name"] == "comment":
            fields["comment"] = _joined_lines(value["text"])
    return fields


def _joined_lines(text: Any) -> Any:
    """Return the text of a comment in a Label Studio export. If a comment has several texts, each text becomes a line.

    In the format JSON-MIN, a comment with several texts is an object that holds the list of texts.
    """
    text = text["text"] if isinstance(text, dict) and set(text) == {"text"} else text
    return "\n".join(text) if isinstance(text, list) else text
