"""Grades as numbers on their metric's scale, and their mean."""

from collections.abc import Mapping, Sequence

from clinical_dpo.config.metrics import MetricDefinition
from clinical_dpo.errors import UserError


def grade_values(rows: Sequence[Mapping[str, str]], metric: MetricDefinition) -> list[float]:
    """Grades of complete rows as numbers: 0 or 1 for F1 and proportions, anything on the scale for a mean.

    Raises:
        UserError: a grade is not on the metric's scale. The message names the item.
    """
    grades = []
    for row in rows:
        try:
            grade = float(row["grade"])
        except ValueError:
            grade = float("nan")
        if not (metric.low <= grade <= metric.high if metric.kind == "mean" else grade in (0, 1)):
            scale = f"a number from {metric.low:g} to {metric.high:g}" if metric.kind == "mean" else "0 or 1"
            raise UserError(
                f"grades, item {row['id']}, field 'grade': '{row['grade']}' is not {scale}. Correct the grade."
            )
        grades.append(grade)
    return grades


def mean(values: Sequence[float]) -> float | None:
    """Arithmetic mean; None without values."""
    return sum(values) / len(values) if values else None
