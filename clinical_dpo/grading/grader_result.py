"""The result that an automatic grader returns for one answer."""

from typing import NotRequired, TypedDict


class GraderResult(TypedDict):
    """Grade of one answer, before it becomes a row of a grades table."""

    grade: float
    valid: bool  # whether the answer could be parsed
    label: NotRequired[str]  # the row's label
    parsed: NotRequired[str]  # the label or reason read from the answer
