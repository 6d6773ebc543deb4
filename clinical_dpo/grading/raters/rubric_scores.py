"""Compute the score of an answer from its ratings on a rubric sheet.

A rubric sheet has one item per answer and criterion, rated yes or no. Sheets of other kinds have one item per answer.
"""

from collections.abc import Iterable, Mapping, Sequence

from clinical_dpo.grading.raters.sheets import answer_id
from clinical_dpo.io import Row

CANNOT_JUDGE = "cannot judge"

Rows = Sequence[Mapping[str, str]]


def by_answer(rows: Rows) -> dict[str, dict[str, Mapping[str, str]]]:
    """Group rows by the answer that they are about. Return answer id -> item id -> row.

    On a rubric sheet, an answer has an item for each criterion. On other sheets, an answer has one item.

    Args:
        rows: rows of a sheet's blinding key, or rows with a judge's verdicts.
    """
    answers: dict[str, dict[str, Mapping[str, str]]] = {}
    for row in rows:
        answers.setdefault(answer_id(row["item_id"]), {})[row["item_id"]] = row
    return answers


def weighted_mean(values: Iterable[tuple[float, Mapping[str, str]]]) -> float:
    """Return the weighted mean of values.

    Args:
        values: (value, row) pairs. The weight of a value is `weight` of its row, or 1 if the row has no weight.
    """
    pairs = [(value, float(row.get("weight") or 1)) for value, row in values]
    return sum(value * weight for value, weight in pairs) / sum(weight for _, weight in pairs)


def with_scores(rows: Rows, column: str = "choice") -> list[Row]:
    """Combine one rater's rows, one per criterion, into one row per answer, with the score as text in `column`.

    The score is the weighted share of the criteria with `yes`. If any choice is empty, the score is empty. Otherwise,
    if any choice is `cannot judge`, the score is `cannot judge`.

    Args:
        rows: a judge's verdicts, or the rows of a sheet's key with the rater's choices added.
        column: the column that has the choice in `rows`: `yes`, `no`, `cannot judge` or empty.
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
    """Return a choice as a number: 1 for yes, 0 for no, and 4 for the Likert grade `4`."""
    return {"yes": 1.0, "no": 0.0}[choice] if choice in ("yes", "no") else float(choice)
