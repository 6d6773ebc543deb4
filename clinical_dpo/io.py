"""Read and write rows as UTF-8 JSON Lines and CSV. Files are replaced atomically. Errors name file, line and field."""

import contextlib
import csv
import glob
import hashlib
import io
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from clinical_dpo.errors import PublicError, UserError, missing_file

Row = dict[str, Any]


@contextlib.contextmanager
def replacing(path: str | Path, private: bool = False) -> Iterator[Path]:
    """Yield a temporary path. When the block ends without an error, move the file or directory created there to `path`.

    The block creates a file or a directory at the temporary path. The temporary path is in a new folder beside `path`.
    This folder has a random name and is closed to other users, so no other user can put a file or a link there. If the
    block raises an error, `path` stays unchanged. If the process is killed, the folder stays (see
    `remove_unfinished`).

    Args:
        path: the file or directory to replace. If `path` is a link, the link is replaced, not its target.
        private: whether to close the file at `path`, and the parent folder of `path`, to other users.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    if private:
        path.parent.chmod(0o700)
    folder = Path(tempfile.mkdtemp(prefix=f"{_unfinished(path)}.", suffix=".part", dir=path.parent))
    temporary = folder / path.name
    try:
        yield temporary
        if private:
            temporary.chmod(0o600)
        if temporary.is_dir() and path.is_symlink():
            path.unlink()
        elif temporary.is_dir() and path.is_dir():
            shutil.rmtree(path)
        os.replace(temporary, path)
    finally:
        shutil.rmtree(folder)


def remove_unfinished(path: Path) -> None:
    """Remove the temporary folders of `replacing(path)` that killed processes left behind.

    Do not call it while another process writes `path`.
    """
    for folder in path.parent.glob(f"{glob.escape(_unfinished(path))}.*.part"):
        shutil.rmtree(folder, ignore_errors=True)  # links, and folders of other users, cannot be removed


def _unfinished(path: Path) -> str:
    return f".{path.name[:100]}"  # a name has at most 255 bytes


def read_text(path: str | Path) -> str:
    """Read a UTF-8 file as text. A byte-order mark is removed.

    Raises:
        UserError: the file is missing or is not UTF-8. The message names the line of the first invalid byte.
    """
    try:
        raw = Path(path).read_bytes()
    except FileNotFoundError:
        raise missing_file(path) from None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise UserError(
            f"{path}, line {line}: byte 0x{raw[error.start]:02x} is not UTF-8. Save the file with UTF-8 encoding."
        ) from None


def read_jsonl(path: str | Path, required: Sequence[str] = ()) -> list[Row]:
    """Read the rows of a JSON Lines file. Blank lines are skipped.

    Args:
        path: the file.
        required: fields that every row must have.

    Raises:
        UserError: a row is not a JSON object or lacks a required field. The message names file, line and field.
    """
    rows = []
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise PublicError(
                f"{path}, line {number}, column {error.colno}: not valid JSON ({error.msg}). "
                "Each line must be one complete JSON object. Check whether the file is complete, or export it again."
            ) from None
        except (ValueError, RecursionError) as error:
            raise _unreadable(f"{path}, line {number}", error) from None
        if not isinstance(row, dict):
            raise PublicError(
                f"{path}, line {number}: the value is of type '{type(row).__name__}', but must be a JSON object. Write "
                "one object on each line."
            )
        for field in required:
            if field not in row:
                raise UserError(
                    f"{path}, line {number}: field '{field}' is missing. Add this field. Fields here: {', '.join(row)}."
                )
        rows.append(row)
    return rows


def write_jsonl(path: str | Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows as UTF-8 JSON Lines, atomically."""
    with replacing(path) as part, open(part, "w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def read_json(path: str | Path, parse_int: Callable[[str], Any] | None = None) -> Any:
    """Read the value in a JSON file.

    Args:
        path: the file.
        parse_int: converts the digits of an integer; `int` by default.

    Raises:
        UserError: the file is not valid JSON. The message names file, line and column.
    """
    try:
        return json.loads(read_text(path), parse_int=parse_int)
    except json.JSONDecodeError as error:
        raise PublicError(
            f"{path}, line {error.lineno}, column {error.colno}: not valid JSON ({error.msg}). Correct the file, or "
            "export it again."
        ) from None
    except (ValueError, RecursionError) as error:
        raise _unreadable(str(path), error) from None


def _unreadable(where: str, error: Exception) -> UserError:
    """The error for JSON that Python cannot read: integers of thousands of digits, or values nested thousands deep."""
    reason = "values are nested too deeply" if isinstance(error, RecursionError) else str(error)
    return UserError(f"{where}: not readable as JSON ({reason}). Correct the value, or export the file again.")


def write_json(path: str | Path, value: Any) -> None:
    """Write one value as indented JSON, atomically."""
    with replacing(path) as part:
        part.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def read_csv(path: str | Path) -> list[dict[str, str]]:
    """Read the rows of a UTF-8 CSV file with a header. All values are strings. An empty field becomes ""."""
    return list(csv.DictReader(io.StringIO(read_text(path), newline="")))


def write_csv(
    path: str | Path, rows: Sequence[Mapping[str, Any]], columns: Sequence[str], private: bool = False
) -> None:
    """Write rows as CSV with exactly these columns, atomically.

    None becomes an empty field. Floats keep full precision. If `private` is true, other users can neither read the file
    nor open its folder.
    """
    with replacing(path, private) as part, open(part, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        # `csv` quotes a line feed but not a carriage return. Readers would end a row at an unquoted carriage return.
        quoting = csv.DictWriter(file, columns, lineterminator="\n", quoting=csv.QUOTE_ALL)
        writer.writeheader()
        for row in rows:
            (quoting if any("\r" in str(value) for value in row.values()) else writer).writerow(row)


def optional_number(value: Any) -> float | None:
    """The value of a field of a CSV table as a number; None if the field is empty."""
    return None if value in (None, "") else float(value)


def sha256(path: str | Path) -> str:
    """Hex SHA-256 of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def json_sha256(value: Any) -> str:
    """Hex SHA-256 of a value written as JSON. The order of keys has no effect."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def file_digests(paths: Iterable[str | Path]) -> dict[str, str]:
    """Map the path of each file to its hex SHA-256."""
    return {str(path): sha256(path) for path in paths}
