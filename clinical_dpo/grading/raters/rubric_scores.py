"""Scores of answers from the criteria of a rubric. An answer that is rated as a whole has a single item."""

from collections.abc import Iterable, Mapping, Sequence

from clinical_dpo.grading.raters.sheets import answer_id
from clinical_dpo.io import Row

CANNOT_JUDGE = "cannot judge"

Rows = Sequence[Mapping[str, str]]


def by_answer(rows: Rows) -> dict[str, dict[str, Mapping[str, str]]]:
    """Answer id -> item id -> row, of rows of a key or of verdicts. Only a rubric has several items per answer."""
    answers: dict[str, dict[str, Mapping[str, str]]] = {}
    for row in rows:
        answers.setdefault(answer_id(row["item_id"]), {})[row["item_id"]] = row
    return answers


def weighted_mean(values: Iterable[tuple[float, Mapping[str, str]]]) -> float:
    """Mean of values, each with a row whose `weight` counts; a row without a weight counts 1."""
    pairs = [(value, float(row.get("weight") or 1)) for value, row in values]
    return sum(value * weight for value, weight in pairs) / sum(weight for _, weight in pairs)


def with_scores(rows: Rows, column: str = "choice") -> list[Row]:
    """One row per answer of one rater's rows of a rubric, with the answer's score in `column` as text.

    The score is the weighted share of yes. It is cannot judge if a criterion is, and empty if a criterion is.

    Args:
        rows: rows of verdicts, or of a key with the rater's choices.
        column: the column with yes, no, cannot judge or nothing.
    """
    scored = []
    for answer, criteria in by_answer(rows).items():
        choices = [row[column] for row in criteria.values()]
        score = next((choice for choice in ("", CANNOT_JUDGE) if choice in choices), None)
        if score is None:
            score = f"{weighted_mean((grade_number(row[column]), row) for row in criteria.values()):.10g}"
        first = next(iter(criteria.values()))
        scored.append({**first, "item_id": answer, "criterion": "", "weight": "", column: score})
    return scored


def grade_number(choice: str) -> float:
    """A grade, or 1 for yes and 0 for no."""
    return {"yes": 1.0, "no": 0.0}[choice] if choice in ("yes", "no") else float(choice)
