"""Grade answers with an automatic grader of the folder `graders`. Grades that people or a judge give stay pending."""

from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from typing import Any, Literal, NotRequired, TypedDict, cast

from clinical_dpo.config.graders import AWAITED, PROXIES
from clinical_dpo.grading.answers import answer_texts
from clinical_dpo.io import read_csv
from clinical_dpo.paths import parse
from clinical_dpo.records import Answer, Grade, TaskRow

COLUMNS = ("id", "grade", "grader", "label", "parsed", "valid", "status", "proxy")


class GraderResult(TypedDict):
    """An automatic grader's result for one answer, before it becomes a row of a grades table."""

    grade: float
    valid: bool  # whether the answer could be parsed
    label: NotRequired[str]  # the row's label
    parsed: NotRequired[str]  # the label or reason read from the answer


def grader_module(grader: str) -> str:
    """Return the name of the Python module of an automatic grader: "label" -> "clinical_dpo.grading.graders.label".

    `grade_answers` imports the module by this name, not by an import statement. If the module's code changes, only the
    workflow's jobs that use this grader run again.
    """
    return f"clinical_dpo.grading.graders.{grader}"


def new_grade(item_id: str, grader: str, status: Literal["pending", "complete"]) -> Grade:
    """Return a row of a grades table in which `grade`, `label`, `parsed` and `valid` are still empty.

    The column `proxy` is "true" if the grader is a proxy: an automatic grader in place of a judge. Otherwise it is
    "false".
    """
    proxy = "true" if grader in PROXIES else "false"
    return Grade(id=item_id, grade="", grader=grader, label="", parsed="", valid="", status=status, proxy=proxy)


def grade_answers(
    rows: Sequence[TaskRow], answers: Sequence[Answer], task: Mapping[str, Any], grader: str
) -> list[Grade]:
    """Grade the answer to each test row. Return a grades table as rows of text, in the order of `rows`.

    An answer that cannot be parsed is wrong and marked invalid, never dropped. If the grader is `physicians` or
    `judge`, the returned rows are pending and have no grade.

    Args:
        rows: test rows with the reference answer in `completion`.
        answers: one answer per row, in any order.
        task: the task file's settings.
        grader: label, exact, evasiveness, rouge_l, rouge_likert, physicians or judge.

    Raises:
        UserError: the ids of `answers` differ from the ids of `rows`.
    """
    texts = answer_texts(rows, answers)
    if grader in AWAITED:
        return [new_grade(row["id"], grader, "pending") for row in rows]
    results: list[GraderResult] = import_module(grader_module(grader)).grades(rows, texts, task)
    return [_complete_grade(row["id"], grader, result) for row, result in zip(rows, results, strict=True)]


def _complete_grade(item_id: str, grader: str, result: GraderResult) -> Grade:
    grade = new_grade(item_id, grader, "complete")
    grade["grade"] = str(result["grade"])
    grade["label"] = result.get("label", "")
    grade["parsed"] = result.get("parsed", "")
    grade["valid"] = str(result["valid"]).lower()
    return grade


def read_grades(paths: Iterable[str]) -> dict[tuple[str, str], list[Grade]]:
    """Read the grades files of one task. Return (model, variant) -> rows of the grades file.

    Each path names the model and the variant.
    """
    grades: dict[tuple[str, str], list[Grade]] = {}
    for path in paths:
        names = parse("grades", path)
        grades[names["model"], names["variant"]] = cast(list[Grade], read_csv(path))
    return grades
