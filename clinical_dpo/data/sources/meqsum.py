"""MeQSum (Ben Abacha and Demner-Fushman, ACL 2019): consumer health questions (CHQ) and their one-question summaries.

The publisher's workbook (sheet `QS`) and the Hugging Face copies have the same columns: File, CHQ, Summary.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

from clinical_dpo.data.sources.workbook_cells import plain_text
from clinical_dpo.errors import UserError
from clinical_dpo.io import Row

COLUMNS = ("File", "CHQ", "Summary")


def to_summary(row: Mapping[str, Any]) -> Row:
    """Return a record: `id`, `question` (column CHQ, with line breaks) and `reference` (column Summary, on one line).

    `id` is the value of column File and a digest of the question, because several questions may have the same File.

    Raises:
        UserError: a column is missing, or a cell is empty or not text. The message names the File and the column.
    """
    texts = {}
    of_file = f"File {row['File']}: " if row.get("File") else ""
    for column in COLUMNS:
        if column not in row:
            raise UserError(
                f"column '{column}' is missing. Reader meqsum needs {', '.join(COLUMNS)}. Columns here: "
                f"{', '.join(row)}. Add the column, or choose another reader."
            )
        value = "" if row[column] is None else row[column]
        if not isinstance(value, str):
            raise UserError(f"{of_file}column '{column}' has the type {type(value).__name__}, not text. Write a text.")
        texts[column] = plain_text(value)
        if not texts[column]:
            raise UserError(f"{of_file}column '{column}' is empty. Fill it in, or remove the row.")
    digest = hashlib.sha256(texts["CHQ"].encode()).hexdigest()[:8]
    return {
        "id": f"{texts['File']}-{digest}",
        "question": texts["CHQ"],
        "reference": " ".join(texts["Summary"].split()),
    }
