"""Read rows of a Parquet file, as values that JSON can hold."""

import datetime
import decimal
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from clinical_dpo.data.sources.bounded_parquet import check_parquet
from clinical_dpo.data.sources.tables import check_ignored
from clinical_dpo.data.tally import Tally
from clinical_dpo.errors import PublicError, UserError
from clinical_dpo.io import Row

NOT_READ = "column not read, because a value of it is not text"  # a warning


def parquet_rows(path: Path, ignore: Sequence[str], repairs: Tally, unread: dict[str, str]) -> list[Row]:
    """Return the rows of a Parquet file. Dates become ISO 8601 text, and NaN (pandas' missing value) becomes null.

    A column with a value that has no form in JSON is left out, with the reason in `unread`.

    Raises:
        UserError: the file is missing, damaged or exceeds the run's limits, or a column name comes twice.
    """
    # Imported late: only this format needs it.
    import pyarrow
    from pyarrow import parquet

    try:
        check_parquet(path)
        file = parquet.ParquetFile(path)
        names = file.schema_arrow.names
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise UserError(f"{path}: column '{twice}' comes twice. Make column names unique.")
        check_ignored(ignore, names, str(path))
        rows = file.read([name for name in names if name not in ignore]).to_pylist()
    except FileNotFoundError:
        raise PublicError(f"{path}: no such file. Add the file, or change the path in the task file.") from None
    except (pyarrow.ArrowException, OSError) as error:
        raise UserError(
            f"{path}: not a valid Parquet file ({error}). It may be cut off. Copy the file again."
        ) from None
    return plain_rows(rows, range(1, len(rows) + 1), path, repairs, unread)


def plain_rows(
    rows: Sequence[Row], numbers: Sequence[int], path: str | Path, repairs: Tally, unread: dict[str, str]
) -> list[Row]:
    """Return rows in a form that JSON can hold, without the columns that have no such form.

    Args:
        rows: the rows.
        numbers: number of each row, for messages.
        path: the file or data set of the rows.
        repairs: counts NaN.
        unread: gets each column that is left out, with the reason.
    """
    plain: list[Row] = []
    for number, row in zip(numbers, rows, strict=True):
        plain.append({})
        for name, value in row.items():
            try:
                plain[-1][name] = plain_value(value, f"row {number}, column '{name}'", path, repairs)
            except UserError as error:
                unread.setdefault(name, str(error))
    return [{name: value for name, value in row.items() if name not in unread} for row in plain] if unread else plain


def plain_value(value: Any, location: str, path: str | Path, repairs: Tally) -> Any:
    """Return a value in a form that JSON can hold.

    Raises:
        UserError: the value has no such form. The message begins with `path` and `location`.
    """
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        if math.isfinite(value):
            return value
        if math.isnan(value):
            repairs.add("NaN read as empty", location)
            return None
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return str(value)
    if isinstance(value, list | tuple):
        return [plain_value(part, location, path, repairs) for part in value]
    if isinstance(value, dict):
        return {name: plain_value(part, location, path, repairs) for name, part in value.items()}
    raise UserError(
        f"{path}, {location}: a {type(value).__name__} ({str(value)[:40]}), not text. Convert the column to text, or "
        "name it in `ignore`."
    )
