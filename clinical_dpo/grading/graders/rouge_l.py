"""Grader `rouge_l`: ROUGE-L F1 of an answer against the reference answer."""

from collections.abc import Mapping, Sequence
from typing import Any

from clinical_dpo.grading.grade import GraderResult
from clinical_dpo.grading.rouge import rouge_l
from clinical_dpo.records import TaskRow


def grades(rows: Sequence[TaskRow], texts: Sequence[str], task: Mapping[str, Any]) -> list[GraderResult]:
    """Return a grade for each answer: ROUGE-L F1 against the reference answer. An empty answer is not valid.

    Args:
        rows: rows with the reference answer in `completion`.
        texts: one answer per row.
        task: not used.
    """
    scores = rouge_l(texts, [row["completion"][0]["content"] for row in rows])
    return [{"grade": score, "valid": bool(text)} for text, score in zip(texts, scores, strict=True)]
