"""Grader `rouge_likert`: a proxy for a judge's grade from 1 to 5. It does not rate quality."""

from collections.abc import Mapping, Sequence
from typing import Any

from clinical_dpo.grading.grade import GraderResult
from clinical_dpo.grading.rouge import rouge_l
from clinical_dpo.records import TaskRow


def grades(rows: Sequence[TaskRow], texts: Sequence[str], task: Mapping[str, Any]) -> list[GraderResult]:
    """Return a grade from 1 to 5 for each answer: 1 + 4 times ROUGE-L F1.

    An empty answer is not valid. Grades are not rounded, because every answer above .875 would be rounded to 5.

    Args:
        rows: rows with the reference answer in `completion`.
        texts: one answer per row.
        task: not used.
    """
    scores = rouge_l(texts, [row["completion"][0]["content"] for row in rows])
    return [{"grade": 1 + 4 * score, "valid": bool(text)} for text, score in zip(texts, scores, strict=True)]
