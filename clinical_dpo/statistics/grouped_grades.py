"""Read grades, and add to each grade the group of its item."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from clinical_dpo.errors import UserError
from clinical_dpo.grading.grade import read_grades
from clinical_dpo.io import read_jsonl
from clinical_dpo.records import Grade
from clinical_dpo.statistics.groups import Rows


def with_groups(
    grades: Mapping[tuple[str, str], Rows], test: Sequence[Mapping[str, Any]]
) -> dict[tuple[str, str], Rows]:
    """Return the grades with the group of each item in the column `group`.

    Args:
        grades: maps (model, variant) to the variant's grades, one row per test item.
        test: rows of the test split. If the rows have no `group`, the grades are returned unchanged.

    Raises:
        UserError: a graded item is not in the test split.
    """
    groups = {row["id"]: row["group"] for row in test if "group" in row}
    if not groups:
        return dict(grades)
    for (model, variant), rows in grades.items():
        unknown = next((row["id"] for row in rows if row["id"] not in groups), None)
        if unknown is not None:
            raise UserError(
                f"grades of {model}/{variant}: item '{unknown}' is not in the test split, so its group is unknown. "
                "Delete the table of grades and run again."
            )
    return {key: [cast(Grade, row | {"group": groups[row["id"]]}) for row in rows] for key, rows in grades.items()}


def read_grouped_grades(paths: Iterable[str], test: str | Sequence[str]) -> dict[tuple[str, str], Rows]:
    """Read the grades files of one task. If the task has groups, add the group of each item.

    Args:
        paths: paths of the grades files.
        test: path of the test split if the task has groups; empty otherwise.

    Returns:
        A mapping from (model, variant) to the variant's grades, one row per test item.
    """
    grades = read_grades(paths)
    return with_groups(grades, read_jsonl(str(test))) if test else dict(grades)
