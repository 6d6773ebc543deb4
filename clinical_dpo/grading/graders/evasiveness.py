"""Grader `evasiveness`: whether an answer is helpful, that is, does not evade its question (Murphy 2024)."""

from collections.abc import Mapping, Sequence
from typing import Any

from clinical_dpo.grading.evasiveness import verdict
from clinical_dpo.io import Row


def grades(rows: Sequence[Row], texts: Sequence[str], task: Mapping[str, Any]) -> list[Row]:
    """Grade 1 or, of an evasive answer, 0 with the reason in `parsed`; an empty answer is not valid.

    Args:
        rows: rows with `question`, or with a prompt that ends in it.
        texts: one answer a row.
        task: not used.
    """
    table: list[Row] = []
    for row, text in zip(rows, texts, strict=True):
        found = verdict(row.get("question") or row["prompt"][-1]["content"], text)
        reason = f"{found.reason}: {found.matched}" if found.evasive else ""
        table.append({"grade": int(not found.evasive), "parsed": reason, "valid": bool(text)})
    return table
