"""What raters send back, as rows: the page's CSV, a filled sheet (CSV, XLSX), an export of Label Studio."""

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from clinical_dpo.data.sources.bounded_text import BoundedReader, bounded_bytes, check_json
from clinical_dpo.data.sources.bounded_workbooks import bounded_rows, check_workbook
from clinical_dpo.errors import UserError
from clinical_dpo.grading.raters.formulas import guarded, unguarded
from clinical_dpo.io import Row, read_json, write_csv

COLUMNS = ("sheet", "item_id", "text_sha256", "rating", "comment", "rated_at")
ENDINGS = (".csv", ".xlsx", ".json")
_NEEDED = ("item_id", "text_sha256", "rating")
# A rater's name, and what browsers, Windows and macOS append to a second copy: `(1)`, ` - Copy`, ` copy 2`.
_RATER = re.compile(r"([\w-]+)(?: ?\(\d+\)| - Copy| copy(?: \d+)?)*")


def sent_back(folder: str | Path, sheet: str) -> list[Path]:
    """The files of one sheet that raters have sent back so far; what has another ending is none of them.

    Raises:
        UserError: what bears such a name is no file.
    """
    files = sorted(Path(folder).glob(f"{sheet}.*"))
    named = [path for path in files if path.suffix.lower() in ENDINGS]
    for path in named:
        if not path.is_file():
            raise UserError(
                f"{path}: {_what_it_is(path)}, where a file of ratings is looked for. Move it out of this folder."
            )
    return named


def _what_it_is(path: Path) -> str:
    """What no rating file can be; a pipe would be waited for without end."""
    if not path.exists():
        return "a link that leads nowhere" if path.is_symlink() else "not there"
    return "a folder" if path.is_dir() else "a pipe, socket or device"


def rating_files(folder: str | Path, sheet: str) -> dict[str, Path]:
    """Rater -> the file with this rater's ratings of one sheet; empty where the folder is not there.

    Files are named {sheet}.{rater}.csv, .xlsx or .json, or as a copy of that; with other endings none is looked at.

    Raises:
        UserError: another name, two files of one rater, or one file under the names of two.
    """
    found: dict[str, Path] = {}
    sent: dict[bytes, Path] = {}
    for path in sent_back(folder, sheet):
        ending = path.suffix.lower()
        name = _RATER.fullmatch(path.stem.removeprefix(sheet).removeprefix("."))
        if not name:
            raise UserError(
                f"{path}: no name of a rating file. Name it {sheet}.RATER{ending}, with the rater's name as the sheet "
                "had it, or move it out of this folder."
            )
        if first := found.get(name[1]):
            raise UserError(f"{path}: rater {name[1]} has sent {first.name} too. Keep one of the two files.")
        content = bounded_bytes(path)
        if twin := sent.get(content):
            raise UserError(
                f"{path}: the same file as {twin.name}, byte for byte. Keep it under the name of the rater who sent it."
            )
        found[name[1]] = sent[content] = path
    return found


def read_ratings(path: str | Path) -> list[Row]:
    """Rows of COLUMNS, and `row`, the line or row of the file (Label Studio: the task's number).

    CSV may be as the page wrote it or as a spreadsheet saved it: UTF-8, UTF-16 or Windows-1252, separated by comma,
    semicolon or tab, columns in any order, more columns, empty lines. Label Studio's JSON and JSON-MIN exports are
    both read; cancelled annotations do not count. Times become UTC in ISO 8601; one that says no zone is taken as UTC,
    and one that cannot be read without a guess (a spreadsheet's 03/04/2026) becomes empty: nothing is computed of it.

    Raises:
        UserError: the file cannot be read or holds more than the run's limits, a column is missing, a line has too many
            or too few fields.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"{path}: {_what_it_is(path)}, where a file of ratings is needed.")
    readers = {".csv": _csv_rows, ".xlsx": _xlsx_rows, ".json": _label_studio_rows}
    if path.suffix.lower() not in readers:
        raise UserError(f"{path}: ratings come as {', '.join(ENDINGS)}. Save the file as one of these.")
    rows = []
    for raw in readers[path.suffix.lower()](path):
        text = {name: _text(raw.get(name), f"{path}, {raw['row']}, column '{name}'") for name in COLUMNS}
        rows.append({**text, "rated_at": _utc(text["rated_at"]), "row": raw["row"]})
    return rows


def write_ratings(path: str | Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows as a CSV file of COLUMNS."""
    write_csv(path, [{name: guarded(row[name]) for name in COLUMNS} for row in rows], COLUMNS)


def _text(value: Any, where: str) -> str:
    """A cell's or a field's text without white space around it."""
    if isinstance(value, list | dict):
        raise UserError(f"{where}: a {type(value).__name__}, where a text is needed.")
    return "" if value is None else str(value).strip()


def _utc(time: str) -> str:
    try:
        moment = datetime.fromisoformat(time)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):  # the last day of the year 9999 has no UTC everywhere
        return ""
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def _csv_rows(path: Path) -> list[Row]:
    # Universal line ends: an old spreadsheet ends lines with a carriage return alone.
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
            f"{path}, line {reader.line_num + skipped}: not valid CSV ({error}). A quotation mark may be missing; "
            "export the file again."
        ) from None
    return _table_rows(path, "line", lines)


def _decoded(path: Path) -> str:
    raw = bounded_bytes(path)
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings: tuple[str, ...] = ("utf-16",)
    elif raw[1:2] == b"\0" or raw[:1] == b"\0":  # a header of ASCII in two bytes a letter
        encodings = ("utf-16-le" if raw[1:2] == b"\0" else "utf-16-be",)
    else:
        encodings = ("utf-8-sig", "cp1252")
    for encoding in encodings:
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise UserError(f"{path}: neither UTF-8 nor {encodings[-1]}. Save it as 'CSV UTF-8'.")


def _xlsx_rows(path: Path) -> list[Row]:
    from openpyxl import load_workbook  # half a second to import

    rows: list[list[str]] = []
    try:
        check_workbook(path)
        table = load_workbook(path, read_only=True, data_only=True, keep_links=False).worksheets[0]
        table.reset_dimensions()  # the size that some programs write down is wrong
        for row in bounded_rows(table.iter_rows(values_only=True), path):
            rows.append([_cell_text(value) for value in row])
    except UserError:
        raise
    except Exception as error:  # openpyxl parses as it goes, and a damaged file can raise anything in it
        where = f"{path}, row {len(rows) + 1}" if rows else path
        raise UserError(
            f"{where}: not a valid Excel workbook ({type(error).__name__}: {error}). Save it again as .xlsx."
        ) from None
    width = max(map(len, rows), default=0)  # a row ends at its last cell
    return _table_rows(path, "row", [(number, row + [""] * (width - len(row))) for number, row in enumerate(rows, 1)])


def _cell_text(value: Any) -> str:
    return "" if value is None else value.isoformat() if isinstance(value, datetime) else str(value)


def _table_rows(path: Path, unit: str, lines: Iterable[tuple[int, Sequence[str]]]) -> list[Row]:
    filled = [(number, fields) for number, fields in lines if any(field.strip() for field in fields)]
    if not filled:
        raise UserError(f"{path}: the file is empty. Its first line must name the columns {', '.join(COLUMNS)}.")
    (_, header), *rest = filled
    names = [name.strip().lower() for name in header]
    for name in _NEEDED:
        if names.count(name) != 1:
            wrong = "is missing" if name not in names else "stands there twice"
            raise UserError(f"{path}: column '{name}' {wrong}. Columns here: {', '.join(header)}.")
    rows = []
    for number, fields in rest:
        if len(fields) < len(names) or any(field.strip() for field in fields[len(names) :]):
            raise UserError(
                f"{path}, {unit} {number}: {len(fields)} fields, where the header names {len(names)}. "
                "Export the file again, or put a text that holds the separator in quotation marks."
            )
        texts = [unguarded(field.strip()) for field in fields]
        rows.append(dict(zip(names, texts, strict=False)) | {"row": f"{unit} {number}"})
    return rows


def _label_studio_rows(path: Path) -> list[Row]:
    check_json(_decoded(path), path)
    tasks = read_json(path, parse_int=_whole)
    if not isinstance(tasks, list):
        raise UserError(f"{path}: a list of tasks is needed. Export the project from Label Studio as JSON.")
    rows = []
    for number, task in enumerate(tasks, start=1):
        where = f"task {number}"
        try:
            shown = {"row": where} | {name: task.get("data", task)[name] for name in ("item_id", "text_sha256")}
            shown["sheet"] = task.get("data", task).get("sheet", "")
            if "annotations" in task:
                done = [entry for entry in task["annotations"] if not entry.get("was_cancelled")]
                rows += [shown | _annotation(entry) for entry in done] or [shown]
            else:
                rows.append({**shown, "rating": task.get("rating"), "comment": _plain(task.get("comment"))})
                rows[-1]["rated_at"] = task.get("updated_at")
        except (AttributeError, KeyError, TypeError) as error:
            raise UserError(
                f"{path}, {where}: not a task of this sheet ({type(error).__name__}: {error}). Export the project as "
                "JSON or JSON-MIN, with its data fields and annotations."
            ) from None
    return rows


def _whole(digits: str) -> int | str:
    """A number; one of more digits than any id or grade has stays as it is written."""
    return int(digits) if len(digits) < 20 else digits


def _annotation(entry: Mapping[str, Any]) -> Row:
    found: Row = {"rated_at": entry.get("updated_at") or entry.get("created_at")}
    for result in entry["result"]:
        value = result["value"]
        if result["from_name"] == "rating":
            found["rating"] = " / ".join(value["choices"])
        elif result["from_name"] == "comment":
            found["comment"] = _plain(value["text"])
    return found


def _plain(text: Any) -> Any:
    return "\n".join(text) if isinstance(text, list) else text
