"""Grader `evasiveness`: whether an answer is helpful, which means that it does not evade its question (Murphy 2024)."""

from collections.abc import Mapping, Sequence
from typing import Any

from clinical_dpo.grading.evasiveness import verdict
from clinical_dpo.grading.grade import GraderResult
from clinical_dpo.records import TaskRow


def grades(rows: Sequence[TaskRow], texts: Sequence[str], task: Mapping[str, Any]) -> list[GraderResult]:
    """Return a grade for each answer: 1 if the answer is helpful, 0 if it evades the question.

    `parsed` has the reason why an answer is evasive. An empty answer is not valid.

    Args:
        rows: rows with `question`, or with a prompt that ends in the question.
        texts: one answer per row.
        task: not used.
    """
    results: list[GraderResult] = []
    for row, text in zip(rows, texts, strict=True):
        result = verdict(row.get("question") or row["prompt"][-1]["content"], text)
        reason = f"{result.reason}: {result.matched}" if result.evasive else ""
        results.append({"grade": int(not result.evasive), "parsed": reason, "valid": bool(text)})
    return results
