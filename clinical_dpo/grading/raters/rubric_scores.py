"""Compute scores of answers from the criteria of a rubric. An answer that is rated as a whole has a single item."""

from collections.abc import Iterable, Mapping, Sequence

from clinical_dpo.grading.raters.sheets import answer_id
from clinical_dpo.io import Row

CANNOT_JUDGE = "cannot judge"

Rows = Sequence[Mapping[str, str]]


def by_answer(rows: Rows) -> dict[str, dict[str, Mapping[str, str]]]:
    """Return answer id -> item id -> row, from rows of a key or of verdicts.

    Only a rubric has several items per answer.
    """
    answers: dict[str, dict[str, Mapping[str, str]]] = {}
    for row in rows:
        answers.setdefault(answer_id(row["item_id"]), {})[row["item_id"]] = row
    return answers


def weighted_mean(values: Iterable[tuple[float, Mapping[str, str]]]) -> float:
    """Return the mean of values, weighted by `weight` of their rows. A row without a weight has weight 1.

    Args:
        values: (value, row) pairs.
    """
    pairs = [(value, float(row.get("weight") or 1)) for value, row in values]
    return sum(value * weight for value, weight in pairs) / sum(weight for _, weight in pairs)


def with_scores(rows: Rows, column: str = "choice") -> list[Row]:
    """Return one row per answer from one rater's rows of a rubric, with the answer's score in `column` as text.

    The score is the weighted share of yes. If the choice of a criterion is empty, the score is empty. Otherwise, if a
    choice is cannot judge, the score is cannot judge.

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
    """Return a choice as a number: 1 for yes, 0 for no, and a grade as it is."""
    return {"yes": 1.0, "no": 0.0}[choice] if choice in ("yes", "no") else float(choice)
