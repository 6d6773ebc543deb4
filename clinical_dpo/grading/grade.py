"""Grades of answers, by a grader of the folder `graders`; people and judges who are still awaited."""

from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from typing import Any

from clinical_dpo.config.graders import AWAITED, PROXIES
from clinical_dpo.grading.answers import answer_texts
from clinical_dpo.io import Row, read_csv
from clinical_dpo.paths import parse

COLUMNS = ("id", "grade", "grader", "label", "parsed", "valid", "status", "proxy")


def grader_module(grader: str) -> str:
    """Name of the module that grades. A rule's digest of its code names it: other graders are no part of it."""
    return f"clinical_dpo.grading.graders.{grader}"


def grade_answers(rows: Sequence[Row], answers: Sequence[Row], task: Mapping[str, Any], grader: str) -> list[Row]:
    """One row of COLUMNS per test item, in the order of `rows`.

    An answer that cannot be parsed is wrong and marked invalid, never dropped. Graders who have not spoken leave
    `status` pending and no grade.

    Args:
        rows: test rows with the reference in `completion`.
        answers: one answer per row.
        task: the task file's settings.
        grader: label, exact, evasiveness, rouge_l, rouge_likert, physicians or judge.

    Raises:
        UserError: answers of other items than `rows`.
    """
    texts = answer_texts(rows, answers)
    blank = dict.fromkeys(COLUMNS, "") | {"grader": grader, "proxy": "true" if grader in PROXIES else "false"}
    if grader in AWAITED:
        return [blank | {"id": row["id"], "status": "pending"} for row in rows]
    graded = import_module(grader_module(grader)).grades(rows, texts, task)
    return [
        blank | found | {"id": row["id"], "valid": str(found["valid"]).lower(), "status": "complete"}
        for row, found in zip(rows, graded, strict=True)
    ]


def read_grades(paths: Iterable[str]) -> dict[tuple[str, str], list[dict[str, str]]]:
    """(model, variant) -> rows of its grades.

    Args:
        paths: files of grades of one task.
    """
    return {(of["model"], of["variant"]): read_csv(path) for path in paths for of in [parse("grades", path)]}
