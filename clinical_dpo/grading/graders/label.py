"""Grader `label`: whether the label that an answer gives is the row's."""

from collections.abc import Mapping, Sequence
from typing import Any

from clinical_dpo.grading.label_parsing import parse_label
from clinical_dpo.io import Row


def grades(rows: Sequence[Row], texts: Sequence[str], task: Mapping[str, Any]) -> list[Row]:
    """Grade 0 or 1, the row's label and the one parsed. An answer without a label is wrong and not valid.

    Args:
        rows: rows with the reference in `completion`.
        texts: one answer a row.
        task: `labels` and, where it has them, `label_synonyms`.
    """
    table: list[Row] = []
    for row, text in zip(rows, texts, strict=True):
        label = row["completion"][0]["content"]
        parsed = parse_label(text, task["labels"], task.get("label_synonyms"))
        table.append({"grade": int(parsed == label), "label": label, "parsed": parsed or "", "valid": bool(parsed)})
    return table
