"""Convert a judge's verdicts to the grades of a variant (one of the compared models)."""

from collections.abc import Sequence

from clinical_dpo.errors import UserError
from clinical_dpo.grading.grade import new_grade
from clinical_dpo.grading.raters.rubric_scores import Rows, with_scores
from clinical_dpo.records import Grade, TaskRow

_GRADES = {"correct": "1", "incorrect": "0"}


def judge_grades(verdicts: Rows, variant: str, rows: Sequence[TaskRow]) -> list[Grade]:
    """Return one variant's grades table.

    A grade is the Likert grade (kind likert) or the rubric's score (kind rubric). For kind correctness, the grade is 1
    for `correct` and 0 for `incorrect`.

    Args:
        verdicts: rows of `judge.COLUMNS`, of kind likert, rubric or correctness.
        variant: the variant whose answers are graded.
        rows: test rows. The table is in the order of these rows.

    Raises:
        UserError: a test item has no verdict.
    """
    if any(verdict.get("criterion") for verdict in verdicts):
        verdicts = with_scores(verdicts)
    verdict_by_row = {verdict["row_id"]: verdict for verdict in verdicts if variant in verdict["variants"].split()}
    if missing := [row["id"] for row in rows if row["id"] not in verdict_by_row]:
        raise UserError(
            f"answers of {variant}: the judge's table has no verdict on items {missing[:3]}. Delete judge/*.csv of "
            "this task and model, and run again."
        )
    grades = []
    for row in rows:
        verdict = verdict_by_row[row["id"]]
        grade = new_grade(row["id"], "judge", "pending" if verdict["status"] == "pending" else "complete")
        if choice := verdict["choice"]:
            grade["grade"], grade["valid"] = _GRADES.get(choice, choice), verdict["valid"]
        grades.append(grade)
    return grades
