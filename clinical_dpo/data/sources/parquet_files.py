"""Read rows of a Parquet file, as values that JSON can hold."""

import datetime
import decimal
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from clinical_dpo.comparable import nfc
from clinical_dpo.data.sources.bounded_parquet import check_parquet
from clinical_dpo.data.sources.dates import iso_duration, iso_time
from clinical_dpo.data.sources.tables import check_columns, without_columns
from clinical_dpo.data.tally import Tally
from clinical_dpo.errors import UserError, missing_file, unreadable_file
from clinical_dpo.io import Row


def parquet_rows(path: Path, ignore: Sequence[str], repairs: Tally, unread: dict[str, str]) -> list[Row]:
    """Return the rows of a Parquet file in a form that JSON can hold; see `plain_rows`.

    A column with a value that JSON cannot hold is left out. The column and the reason are added to `unread`.

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
        check_columns(ignore, names, str(path))
        ignored = set(map(nfc, ignore))
        table = file.read([name for name in names if nfc(name) not in ignored])
        columns = {name: _values(table.column(name), name, path, unread) for name in table.column_names}
    except FileNotFoundError:
        raise missing_file(path) from None
    except PermissionError as error:
        raise unreadable_file(path, error) from None
    except (pyarrow.ArrowException, OSError) as error:
        raise UserError(
            f"{path}: not a valid Parquet file ({error}). It may be cut off. Copy the file again."
        ) from None
    table = table.select([name for name in columns if nfc(name) not in unread])
    rows = [{name: columns[name][row] for name in table.column_names} for row in range(table.num_rows)]
    return plain_rows(rows, range(1, len(rows) + 1), table.schema, path, repairs, unread)


def _values(column: Any, name: str, path: Path, unread: dict[str, str]) -> list[Any]:
    """Return the values of a column.

    If a date or duration is beyond the range of Python, the result is an empty list. The column and the reason are then
    added to `unread`.
    """
    values = []
    for number, value in enumerate(column, start=1):
        try:
            values.append(value.as_py())
        except (OverflowError, ValueError) as error:
            unread[nfc(name)] = (
                f"{path}, row {number}, column '{name}': the date or duration is outside of the years 1 to 9999 "
                f"({error}). Correct the value, or name the column in `ignore`."
            )
            return []
    return values


def plain_rows(
    rows: Sequence[Row], numbers: Sequence[int], schema: Any, path: str | Path, repairs: Tally, unread: dict[str, str]
) -> list[Row]:
    """Return rows of an Arrow table in a form that JSON can hold, without the columns that have no such form.

    Dates, times and durations become text; dates and times are in ISO 8601. If every value of a column is null or a
    date at midnight, only the dates are kept. Values of Arrow's decimal type become text. NaN, the missing value of
    pandas, becomes null.

    Args:
        rows: the rows as Python values.
        numbers: the number of each row, for messages.
        schema: the table's Arrow schema.
        path: the file or data set, for messages.
        repairs: counts dates, times and durations that became text, and NaN that became null.
        unread: column -> why the column is left out. The function adds each column with a value that JSON cannot hold.
    """
    date_only = {
        name
        for name in schema.names
        if all(value is None or _is_midnight(value) for value in (row[name] for row in rows))
    }
    kinds = {name: schema.field(name).type for name in schema.names}
    plain: list[Row] = []
    for number, row in zip(numbers, rows, strict=True):
        plain.append({})
        for name, value in row.items():
            location = f"row {number}, column '{name}'"
            try:
                plain[-1][name] = _plain(value, kinds[name], name in date_only, location, path, repairs)
            except UserError as error:
                unread.setdefault(nfc(name), str(error))
    return without_columns(plain, unread)


def _is_midnight(value: Any) -> bool:
    return isinstance(value, datetime.datetime) and value.time() == datetime.time()


def _plain(value: Any, kind: Any, date_only: bool, location: str, path: str | Path, repairs: Tally) -> Any:
    """Return a value of Arrow type `kind` in a form that JSON can hold; see `plain_rows`.

    If `date_only`, a date with a time of day becomes a date alone.

    Raises:
        UserError: the value has no such form.
    """
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        if math.isfinite(value):
            return _shortest(value, kind)
        if math.isnan(value):
            repairs.add("NaN read as empty", location)
            return None
        raise UserError(
            f"{path}, {location}: the value is infinite. Replace it by a number or by null, or name the column in "
            "`ignore`."
        )
    if isinstance(value, datetime.date | datetime.time | datetime.timedelta):
        repairs.add("date or time written in ISO form", location)
        return iso_duration(value) if isinstance(value, datetime.timedelta) else iso_time(value, date_only)
    if isinstance(value, decimal.Decimal):
        return f"{value:f}"  # without an exponent
    if isinstance(value, tuple):  # an entry of a map
        parts = zip(value, (getattr(kind, "key_type", None), getattr(kind, "item_type", None)), strict=True)
        return [_plain(part, each, False, location, path, repairs) for part, each in parts]
    if isinstance(value, list):
        inner = kind if hasattr(kind, "key_type") else getattr(kind, "value_type", None)
        return [_plain(part, inner, False, location, path, repairs) for part in value]
    if isinstance(value, dict):
        return {name: _plain(part, _member(kind, name), False, location, path, repairs) for name, part in value.items()}
    raise UserError(
        f"{path}, {location}: the value {str(value)[:40]} has the type '{type(value).__name__}', which is not text. "
        "Convert the column to text, or name the column in `ignore`."
    )


def _member(kind: Any, name: str) -> Any:
    """Return the Arrow type of a struct's field `name`; None if the struct's type `kind` does not list the field.

    Some types of the Hugging Face hub list no fields.
    """
    index = kind.get_field_index(name) if hasattr(kind, "get_field_index") else -1
    return kind.field(index).type if index >= 0 else None


def _shortest(value: float, kind: Any) -> float:
    """Return the shortest decimal number that is stored as `value` in a column of 16-bit or 32-bit numbers.

    For example, a column of 32 bits stores 37.2 as 37.20000076293945, and the result is 37.2. `kind` is the column's
    Arrow type; a number of 64 bits is returned unchanged.
    """
    import numpy as np
    from pyarrow import types

    if kind is not None and types.is_float32(kind):
        return float(str(np.float32(value)))
    return float(str(np.float16(value))) if kind is not None and types.is_float16(kind) else value
