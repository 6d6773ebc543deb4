"""A Parquet file held to the run's limits before its rows are made."""

from pathlib import Path

from clinical_dpo.data.sources.bounded_text import check_size
from clinical_dpo.limits import check_limit, limits

_AT_ONCE = 16  # rows unpacked at a time: a text that all rows share is stored once and unpacked for each


def check_parquet(path: Path) -> tuple[int, int]:
    """Bytes and values that a Parquet file unpacks to, after it was unpacked a few rows at a time.

    Its footer is looked at first. What it says may be wrong, so that the rows themselves are counted too.

    Raises:
        UserError: too many rows, columns, values or bytes.
        pyarrow.ArrowException, OSError: no Parquet file, or none that is there.
    """
    # Imported late: only this format needs it.
    from pyarrow import parquet

    check_size(path)
    # No list in the footer is longer than the table has columns, row groups or files that wrote it.
    with parquet.ParquetFile(path, thrift_container_size_limit=10 * limits().columns) as file:
        footer = file.metadata
        check_limit(path, "columns", footer.num_columns, "columns")
        check_limit(path, "rows", footer.num_rows, "rows")
        groups = [footer.row_group(number) for number in range(footer.num_row_groups)]
        chunks = [group.column(number) for group in groups for number in range(group.num_columns)]
        check_limit(path, "cells", footer.num_rows * footer.num_columns, "cells")
        values = sum(chunk.num_values for chunk in chunks)
        check_limit(path, "cells", values, "values")
        check_limit(path, "bytes", sum(chunk.total_uncompressed_size for chunk in chunks), "bytes when unpacked")
        rows = unpacked = 0
        for batch in file.iter_batches(_AT_ONCE, use_threads=False):
            rows += batch.num_rows
            unpacked += batch.nbytes
            check_limit(path, "rows", rows, "rows")
            check_limit(path, "bytes", unpacked, "bytes when unpacked")
    return unpacked, values
