"""Grader `exact`: whether an answer names an accepted answer and no other candidate."""

from collections.abc import Mapping, Sequence
from typing import Any

from clinical_dpo.grading.exact_answers import exact_match
from clinical_dpo.grading.grade import GraderResult
from clinical_dpo.records import TaskRow


def grades(rows: Sequence[TaskRow], texts: Sequence[str], task: Mapping[str, Any]) -> list[GraderResult]:
    """Return a grade for each answer: 1 if the answer is an exact match, else 0. An empty answer is not valid.

    An answer is an exact match if it names an accepted answer, such as a diagnosis, and proposes no alternative to it
    (`exact_answers.exact_match`).

    Args:
        rows: rows with the reference answer in `completion` and further accepted answers in `accepted`.
        texts: one answer per row.
        task: not used.
    """
    accepted = [[row["completion"][0]["content"], *(row.get("accepted") or [])] for row in rows]
    return [
        {"grade": int(exact_match(text, accepted_answers)), "valid": bool(text)}
        for text, accepted_answers in zip(texts, accepted, strict=True)
    ]
