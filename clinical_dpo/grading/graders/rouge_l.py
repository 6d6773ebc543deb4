"""Grader `rouge_l`: ROUGE-L F1 of an answer against the reference."""

from collections.abc import Mapping, Sequence
from typing import Any

from clinical_dpo.grading.rouge import rouge_l
from clinical_dpo.io import Row


def grades(rows: Sequence[Row], texts: Sequence[str], task: Mapping[str, Any]) -> list[Row]:
    """Grade from 0 to 1; an empty answer is not valid.

    Args:
        rows: rows with the reference in `completion`.
        texts: one answer a row.
        task: not used.
    """
    scores = rouge_l(texts, [row["completion"][0]["content"] for row in rows])
    return [{"grade": score, "valid": bool(text)} for text, score in zip(texts, scores, strict=True)]
