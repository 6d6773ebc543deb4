"""Rows of a grades table, as read from CSV."""

from collections.abc import Iterable, Sequence

from clinical_dpo.records import Grade


def grade_row(item_id: str, grade: object, **fields: str) -> Grade:
    """A complete row with a grade, by the grader of labels unless `fields` names another grader."""
    row = Grade(
        id=item_id,
        grade=str(grade),
        grader="label",
        label="",
        parsed="",
        valid="true",
        status="complete",
        proxy="false",
    )
    return row | fields


def grade_rows(grades: Sequence[object], ids: Iterable[str] | None = None, **fields: str) -> list[Grade]:
    """Rows of the items `ids` (q0, q1, ... by default) with these grades and further fields."""
    names = ids or [f"q{number}" for number in range(len(grades))]
    return [grade_row(name, grade, **fields) for name, grade in zip(names, grades, strict=True)]


def label_rows(labels: Sequence[str], parsed: Sequence[str | None]) -> list[Grade]:
    """Rows of items with these labels and parsed answers; None or "" for an answer without a label."""
    valid = {True: "true", False: "false"}
    return [
        grade_row(f"q{number}", int(label == answer), label=label, parsed=answer or "", valid=valid[bool(answer)])
        for number, (label, answer) in enumerate(zip(labels, parsed, strict=True))
    ]
