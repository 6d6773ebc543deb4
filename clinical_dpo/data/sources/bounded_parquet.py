"""A Parquet file held to the run's limits before its rows are made."""

from pathlib import Path
from typing import Any

from clinical_dpo.data.sources.bounded_text import check_size
from clinical_dpo.errors import UserError
from clinical_dpo.limits import check_limit, limits

_AT_ONCE = 16  # rows unpacked at a time: a text that all rows share is stored once and unpacked for each
_SHARING = "DELTA_BYTE_ARRAY"  # an encoding in which a text begins as the one before it does


def check_parquet(path: Path) -> tuple[int, int]:
    """Bytes and values that a Parquet file unpacks to, after it was unpacked a few rows at a time.

    Its footer is looked at first. What it says may be wrong, so that the rows themselves are counted too. Texts of
    lists are not unpacked for that: one row may show one text without end. A value counts once for each list or object
    that holds it, as each is an object of its own.

    Raises:
        UserError: too many rows, columns, values or bytes; lists and objects too deep in each other; lists packed so
            that their size is not known.
        pyarrow.ArrowException, OSError: no Parquet file, or none that is there.
    """
    check_size(path)
    with _open(path) as file:
        values = _check_footer(path, file)
        columns = [file.schema.column(number) for number in range(len(file.schema))]
        repeated = [column for column in columns if column.max_repetition_level]
        groups = file.metadata.num_row_groups
    rows = unpacked = 0
    with _open(path, [column.path for column in repeated if column.physical_type == "BYTE_ARRAY"]) as file:
        for group in range(groups):  # each has a dictionary of its own, and a list within a batch can have but one
            for batch in file.iter_batches(_AT_ONCE, row_groups=[group], use_threads=False):
                rows += batch.num_rows
                unpacked += sum(_unpacked(column) for column in batch.columns)
                check_limit(path, "rows", rows, "rows")
                check_limit(path, "bytes", unpacked, "bytes when unpacked")
    return unpacked, values


def _open(path: Path, shared: list[str] | None = None) -> Any:
    """The file; columns named in `shared` keep each text once."""
    # Imported late: only this format needs it.
    from pyarrow import parquet

    # No list in the footer is longer than the table has columns, row groups or files that wrote it.
    return parquet.ParquetFile(path, read_dictionary=shared, thrift_container_size_limit=10 * limits().columns)


def _check_footer(path: Path, file: Any) -> int:
    """Hold what a file says of itself to the limits; its values, each times its depth."""
    footer, schema = file.metadata, file.schema
    check_limit(path, "columns", footer.num_columns, "columns")
    check_limit(path, "rows", footer.num_rows, "rows")
    check_limit(path, "cells", footer.num_rows * footer.num_columns, "cells")
    depths = []  # of each column of the footer: a field has as many as it has values that hold no others
    for field in file.schema_arrow:
        depth, ends = _shape(field.type)
        check_limit(f"{path}, column '{field.name}'", "depth", depth, "lists and objects in each other")
        depths += [depth] * ends
    values = size = 0
    for group in map(footer.row_group, range(footer.num_row_groups)):
        for number in range(group.num_columns):
            chunk, column = group.column(number), schema.column(number)
            values += chunk.num_values * (depths[number] if number < len(depths) else 1)
            size += chunk.total_uncompressed_size
            check_limit(path, "cells", values, "values")
            check_limit(path, "bytes", size, "bytes when unpacked")
            if column.max_repetition_level:
                place = f"{path}, column '{column.path}'"
                check_limit(place, "bytes", chunk.num_values * column.length, "bytes when unpacked")
                if _SHARING in chunk.encodings:
                    raise UserError(
                        f"{place}: its lists are packed as {_SHARING}, which unpacks to any number of bytes at once. "
                        "Write the file again with another encoding."
                    )
    return values


def _shape(kind: Any) -> tuple[int, int]:
    """How deep the lists and objects of a type are, and how many of its types hold no others."""
    depth, ends, level = 0, 0, [kind]
    while level:
        depth += 1
        ends += sum(not each.num_fields for each in level)
        level = [each.field(number).type for each in level for number in range(each.num_fields)]
    return depth, ends


def _unpacked(array: Any) -> int:
    """Bytes of an array's values, each written out, however many of them share one text."""
    import pyarrow
    from pyarrow import compute

    if isinstance(array, pyarrow.DictionaryArray):
        lengths = compute.binary_length(array.dictionary).take(array.indices)
        return array.indices.nbytes + (compute.sum(lengths).as_py() or 0)
    if isinstance(array, pyarrow.StructArray):
        return sum(map(_unpacked, array.flatten()))
    if isinstance(array, pyarrow.MapArray):
        return array.offsets.nbytes + _unpacked(array.keys) + _unpacked(array.items)
    if isinstance(array, pyarrow.ListArray | pyarrow.LargeListArray | pyarrow.FixedSizeListArray):
        return 8 * len(array) + _unpacked(array.flatten())
    return array.nbytes
