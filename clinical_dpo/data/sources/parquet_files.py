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


def parquet_rows(path: Path, ignore: Sequence[str], repairs: Tally) -> list[Row]:
    """Return the rows of a Parquet file. Dates become ISO 8601 text, and NaN (pandas' missing value) becomes null.

    Raises:
        UserError: the file is missing, damaged or exceeds the run's limits; a column name comes twice, or a value has
            no form in JSON.
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
    return [
        {name: plain_value(value, f"row {number}, column '{name}'", path, repairs) for name, value in row.items()}
        for number, row in enumerate(rows, start=1)
    ]


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
