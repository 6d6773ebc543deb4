"""Check a Parquet file against the run's limits before its rows are read."""

from pathlib import Path
from typing import Any

from clinical_dpo.data.sources.bounded_text import check_size
from clinical_dpo.errors import UserError
from clinical_dpo.limits import check_limit, limits

_BATCH = 16  # rows unpacked at a time; a text that all rows share is stored once, but unpacked for each row
_SHARED_PREFIXES = "DELTA_BYTE_ARRAY"  # an encoding that stores how each text differs from the previous text


def check_parquet(path: Path) -> tuple[int, int]:
    """Check a Parquet file. Return the number of bytes and the number of values that the file unpacks to.

    First, the sizes in the footer are checked. The footer may be wrong. Therefore the rows are then unpacked in small
    batches, and their number and bytes are counted. In a list column, a repeated text is held in memory once, but its
    bytes count for every repetition. A value inside n nested lists or objects counts as n + 1 values, because each list
    and object takes memory.

    Raises:
        UserError: too many rows, columns, values or bytes; lists and objects nested too deep; lists in an encoding that
            hides their size.
        pyarrow.ArrowException, OSError: the file is not Parquet, or does not exist.
    """
    check_size(path)
    with _open(path) as file:
        values = _check_footer(path, file)
        columns = [file.schema.column(number) for number in range(len(file.schema))]
        repeated = [column for column in columns if column.max_repetition_level]
        groups = file.metadata.num_row_groups
    rows = unpacked = 0
    with _open(path, [column.path for column in repeated if column.physical_type == "BYTE_ARRAY"]) as file:
        for group in range(groups):  # a list column of a batch has one dictionary, and each group has its own
            for batch in file.iter_batches(_BATCH, row_groups=[group], use_threads=False):
                rows += batch.num_rows
                unpacked += sum(_unpacked_bytes(column) for column in batch.columns)
                check_limit(path, "rows", rows, "rows")
                check_limit(path, "bytes", unpacked, "bytes when unpacked")
    return unpacked, values


def _open(path: Path, dictionary_columns: list[str] | None = None) -> Any:
    """Open a Parquet file. In the columns `dictionary_columns`, each distinct text is held in memory once."""
    # Imported late: only this format needs it.
    from pyarrow import parquet

    # Every list in the footer has at most as many entries as the table has columns, row groups or files.
    return parquet.ParquetFile(
        path, read_dictionary=dictionary_columns, thrift_container_size_limit=10 * limits().columns
    )


def _check_footer(path: Path, file: Any) -> int:
    """Check the sizes that the footer of a Parquet file states, and return the number of values.

    Values are counted as `check_parquet` describes.

    Raises:
        UserError: too many rows, columns, values or bytes; lists and objects nested too deep; lists in an encoding that
            hides their size.
    """
    footer, schema = file.metadata, file.schema
    check_limit(path, "columns", footer.num_columns, "columns")
    check_limit(path, "rows", footer.num_rows, "rows")
    check_limit(path, "cells", footer.num_rows * footer.num_columns, "cells")
    depths = []  # depth of each column of the footer; a field has one such column for each of its leaf types
    for field in file.schema_arrow:
        depth, leaves = _shape(field.type)
        check_limit(f"{path}, column '{field.name}'", "depth", depth, "levels of nested lists and objects")
        depths += [depth] * leaves
    values = size = 0
    for group in map(footer.row_group, range(footer.num_row_groups)):
        for number in range(group.num_columns):
            chunk, column = group.column(number), schema.column(number)
            values += chunk.num_values * (depths[number] if number < len(depths) else 1)
            size += chunk.total_uncompressed_size
            check_limit(path, "cells", values, "values")
            check_limit(path, "bytes", size, "bytes when unpacked")
            if column.max_repetition_level:
                location = f"{path}, column '{column.path}'"
                check_limit(location, "bytes", chunk.num_values * column.length, "bytes when unpacked")
                if _SHARED_PREFIXES in chunk.encodings:
                    raise UserError(
                        f"{location}: the lists of this column have the encoding {_SHARED_PREFIXES}. This encoding "
                        "does not tell how large the lists are when unpacked. Write the file with another encoding."
                    )
    return values


def _shape(kind: Any) -> tuple[int, int]:
    """Return the depth of an Arrow type (1: plain value, 2: list of plain values), and its number of leaf types."""
    depth, leaves, level = 0, 0, [kind]
    while level:
        depth += 1
        leaves += sum(not each.num_fields for each in level)
        level = [each.field(number).type for each in level for number in range(each.num_fields)]
    return depth, leaves


def _unpacked_bytes(array: Any) -> int:
    """Return the bytes of an array's values. A text that several values share counts once for each of these values."""
    import pyarrow
    from pyarrow import compute

    if isinstance(array, pyarrow.DictionaryArray):
        lengths = compute.binary_length(array.dictionary).take(array.indices)
        return array.indices.nbytes + (compute.sum(lengths).as_py() or 0)
    if isinstance(array, pyarrow.StructArray):
        return sum(map(_unpacked_bytes, array.flatten()))
    if isinstance(array, pyarrow.MapArray):
        return array.offsets.nbytes + _unpacked_bytes(array.keys) + _unpacked_bytes(array.items)
    if isinstance(array, pyarrow.ListArray | pyarrow.LargeListArray | pyarrow.FixedSizeListArray):
        return 8 * len(array) + _unpacked_bytes(array.flatten())
    return array.nbytes
