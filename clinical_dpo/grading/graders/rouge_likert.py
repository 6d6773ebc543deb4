"""Grader `rouge_likert`: a proxy for a judge's grade from 1 to 5. Not a quality rating."""

from collections.abc import Mapping, Sequence
from typing import Any

from clinical_dpo.grading.rouge import rouge_l
from clinical_dpo.io import Row


def grades(rows: Sequence[Row], texts: Sequence[str], task: Mapping[str, Any]) -> list[Row]:
    """Grade from 1 to 5: ROUGE-L F1 laid on the scale. An empty answer is not valid.

    Not rounded: whole grades would call every answer above .875 perfect.

    Args:
        rows: rows with the reference in `completion`.
        texts: one answer a row.
        task: not used.
    """
    scores = rouge_l(texts, [row["completion"][0]["content"] for row in rows])
    return [{"grade": 1 + 4 * score, "valid": bool(text)} for text, score in zip(texts, scores, strict=True)]
