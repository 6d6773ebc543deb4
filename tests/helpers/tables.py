"""Rows of a file of which every column must be readable."""

from pathlib import Path
from typing import Any

from clinical_dpo.data.sources.files import retrieve_file
from clinical_dpo.errors import UserError
from clinical_dpo.io import Row


def read_rows(path: str | Path, sheet: str | None = None, **options: Any) -> list[Row]:
    """Return the rows of a file without their provenance.

    Raises:
        UserError: as in `retrieve_file`, or a column is left out because a value of it is not text.
    """
    rows, provenance = retrieve_file(str(path), sheet, **options)
    for reason in provenance.get("unread", {}).values():
        raise UserError(reason)
    return rows
