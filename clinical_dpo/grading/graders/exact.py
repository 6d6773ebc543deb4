"""Grader `exact`: whether an answer equals the reference, or another accepted one, once both are normalised."""

from collections.abc import Mapping, Sequence
from typing import Any

from clinical_dpo.grading.exact_answers import exact_match
from clinical_dpo.io import Row


def grades(rows: Sequence[Row], texts: Sequence[str], task: Mapping[str, Any]) -> list[Row]:
    """Grade 0 or 1; an empty answer is not valid.

    Args:
        rows: rows with the reference in `completion` and further ones in `accepted`.
        texts: one answer a row.
        task: not used.
    """
    accepted = [[row["completion"][0]["content"], *(row.get("accepted") or [])] for row in rows]
    return [
        {"grade": int(exact_match(text, right)), "valid": bool(text)}
        for text, right in zip(texts, accepted, strict=True)
    ]
