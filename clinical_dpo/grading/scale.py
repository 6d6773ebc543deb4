"""Convert grades to numbers on their metric's scale, and compute their mean."""

from collections.abc import Sequence

from clinical_dpo.config.metrics import MetricDefinition
from clinical_dpo.errors import UserError
from clinical_dpo.records import Grade


def grade_value(text: str, metric: MetricDefinition) -> float:
    """Return a grade as a number.

    If the metric is a mean, the grade must be on the metric's scale. For any other metric, the grade must be 0 or 1.

    Raises:
        UserError: the grade is not an allowed value.
    """
    try:
        grade = float(text)
    except ValueError:
        grade = float("nan")
    if not (metric.low <= grade <= metric.high if metric.kind == "mean" else grade in (0, 1)):
        scale = f"a number from {metric.low:g} to {metric.high:g}" if metric.kind == "mean" else "0 or 1"
        raise UserError(f"'{text}' is not {scale}. Correct the grade.")
    return grade


def grade_values(rows: Sequence[Grade], metric: MetricDefinition) -> list[float]:
    """Return the grades of rows as numbers, in the order of the rows. Every row must have a grade.

    Raises:
        UserError: a grade is not on the metric's scale. The message names the item.
    """
    grades = []
    for row in rows:
        try:
            grades.append(grade_value(row["grade"], metric))
        except UserError as error:
            raise UserError(f"grades, item {row['id']}, field 'grade': {error}") from None
    return grades


def mean(values: Sequence[float]) -> float | None:
    """Return the arithmetic mean; None without values."""
    return sum(values) / len(values) if values else None
