"""Grader `label`: whether an answer gives the row's label."""

from collections.abc import Mapping, Sequence
from typing import Any

from clinical_dpo.grading.grade import GraderResult
from clinical_dpo.grading.label_parsing import parse_label
from clinical_dpo.records import TaskRow


def grades(rows: Sequence[TaskRow], texts: Sequence[str], task: Mapping[str, Any]) -> list[GraderResult]:
    """Return a grade for each answer: 1 if the answer gives the row's label, else 0.

    In a result, `label` is the row's label, and `parsed` is the label that the answer gives. If the answer gives no
    label, the grade is 0, `parsed` is empty and `valid` is False.

    Args:
        rows: rows with the right label in `completion`.
        texts: one answer per row.
        task: `labels`, and optionally `label_synonyms`.
    """
    results: list[GraderResult] = []
    for row, text in zip(rows, texts, strict=True):
        label = row["completion"][0]["content"]
        # An answer that was chosen by likelihood is a label. Parsing must not turn it into another label.
        parsed = text if text in task["labels"] else parse_label(text, task["labels"], task.get("label_synonyms"))
        results.append({"grade": int(parsed == label), "label": label, "parsed": parsed or "", "valid": bool(parsed)})
    return results
