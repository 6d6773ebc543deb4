"""Parquet files of notes, as a hub serves them."""

import io

import pandas as pd


def parquet(*notes):
    """Content of a Parquet file with these notes."""
    file = io.BytesIO()
    pd.DataFrame({"note": notes}).to_parquet(file)
    return file.getvalue()
