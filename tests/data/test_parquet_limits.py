"""Parquet files that unpack to more than the limits are refused before they are unpacked."""

import base64

import pyarrow
import pytest
from pyarrow.parquet import write_table

from clinical_dpo.errors import UserError
from tests.helpers.tables import read_rows


def parquet(path, values, **more):
    write_table(pyarrow.table({"note": values}), path, **more)
    return path


def shared_value(count=900):
    return pyarrow.DictionaryArray.from_arrays(pyarrow.array([0] * count, pyarrow.int32()), ["x" * 50_000])


def one_row(values):
    """Return one list of all values."""
    return pyarrow.ListArray.from_arrays(pyarrow.array([0, len(values)], pyarrow.int32()), values)


def nested(values, depth):
    """Return the values in nested objects; at depth 1 there is no object."""
    for _ in range(depth - 1):
        values = pyarrow.StructArray.from_arrays([values], ["a"])
    return values


@pytest.mark.parametrize(
    ("values", "limit", "message"),
    [
        (pyarrow.array([0] * 2000), {"rows": 1000}, "2,000 or more rows"),
        (pyarrow.array([[0] * 3000]), {"cells": 1000}, "6,000 or more values"),
        (nested(pyarrow.array([0] * 100), 30), {"cells": 2999}, "3,000 or more values"),
        (
            nested(pyarrow.nulls(1), 51),
            {},
            "column 'note': 51 or more levels of nested lists and objects.*limits.depth",
        ),
        (one_row(shared_value()), {"bytes": 1_000_000}, "45,003,608 or more bytes when unpacked"),
        (nested(one_row(shared_value()), 3), {"bytes": 1_000_000}, "45,003,608 or more bytes when unpacked"),
        (pyarrow.array([[bytes(2000)] * 900], pyarrow.list_(pyarrow.binary(2000))), {"bytes": 1_000_000}, "1,800,000"),
        (pyarrow.array(["x" * 20_000] * 900), {"bytes": 1_000_000}, "bytes when unpacked"),
        (shared_value(), {"bytes": 1_000_000}, "bytes when unpacked"),
        (pyarrow.array(["x" * 20_000]), {"characters": 10_000}, "row 1, column 'note'.*characters"),
    ],
)
@pytest.mark.parametrize("written", [{}, {"use_dictionary": False, "column_encoding": "DELTA_BYTE_ARRAY"}])
def test_a_parquet_file_is_refused_by_its_unpacked_size(tmp_path, limited, values, limit, message, written):
    if written and not pyarrow.types.is_string(values.type):
        written = {}
    path = parquet(tmp_path / "a.parquet", values, **written)
    limited(**limit)
    with pytest.raises(UserError, match=message):
        read_rows(path)


def test_a_text_that_a_row_repeats_very_often_is_not_unpacked(tmp_path, limited):
    """The type that the file states does not matter."""
    schema = pyarrow.schema([("note", pyarrow.large_list(pyarrow.large_string()))])
    stated = {"ARROW:schema": base64.b64encode(schema.serialize().to_pybytes())}
    limited(bytes=100_000_000)
    for number, metadata in enumerate((None, stated)):
        table = pyarrow.table({"note": one_row(shared_value(10_000))}).replace_schema_metadata(metadata)
        path = tmp_path / f"{number}.parquet"
        write_table(table, path, compression="zstd", store_schema=not metadata)
        before = pyarrow.default_memory_pool().max_memory()
        with pytest.raises(UserError, match="500,040,008 or more bytes when unpacked"):
            read_rows(path)
        assert pyarrow.default_memory_pool().max_memory() <= max(before, 50_000_000)


def test_lists_in_an_encoding_that_hides_their_size_are_refused(tmp_path):
    encoded = {"use_dictionary": False, "column_encoding": {"note.list.element": "DELTA_BYTE_ARRAY"}}
    path = parquet(tmp_path / "a.parquet", pyarrow.array([["x", "y"]]), **encoded)
    with pytest.raises(UserError, match=r"column 'note\.list\.element': .*DELTA_BYTE_ARRAY.*Write .* another encoding"):
        read_rows(path)


NESTED = [
    {"note": [["a", "b"], [], None], "more": {"x": [{"y": "a"}, None]}},
    {"note": None, "more": None},
    {"note": [[None, "ü"]], "more": {"x": []}},
]


@pytest.mark.parametrize("written", [{}, {"row_group_size": 1}, {"use_dictionary": False}, {"store_schema": False}])
def test_lists_and_objects_within_the_limits_are_read(tmp_path, written):
    path = tmp_path / "a.parquet"
    write_table(pyarrow.Table.from_pylist(NESTED * 40), path, **written)
    assert read_rows(path) == NESTED * 40
