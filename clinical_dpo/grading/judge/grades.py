"""A judge's verdicts as grades of every variant, and beside the ratings of people."""

from collections.abc import Sequence

from clinical_dpo.errors import UserError
from clinical_dpo.grading.grade import COLUMNS as GRADE_COLUMNS
from clinical_dpo.grading.raters.ratings import Rows
from clinical_dpo.io import Row


def judge_grades(verdicts: Rows, variant: str, rows: Sequence[Row]) -> list[Row]:
    """One variant's grades table, as `grade.grade_answers` writes it: a Likert grade, or 1 for correct, else 0.

    Args:
        verdicts: rows of `judge.COLUMNS`, of kind likert or correctness.
        variant: whose answers.
        rows: test rows; the table is in their order.

    Raises:
        UserError: a test item that the judge was not asked about.
    """
    of_row = {verdict["row_id"]: verdict for verdict in verdicts if variant in verdict["variants"].split()}
    if missing := [row["id"] for row in rows if row["id"] not in of_row]:
        raise UserError(f"answers of {variant} to {missing[:3]} were not judged. Delete the verdicts and run again.")
    words = {"correct": "1", "incorrect": "0"}
    grades = []
    for row in rows:
        verdict = of_row[row["id"]]
        known = {"id": row["id"], "grader": "judge", "status": verdict["status"], "proxy": "false"}
        if verdict["choice"]:
            known |= {"grade": words.get(verdict["choice"], verdict["choice"]), "valid": verdict["valid"]}
        grades.append(dict.fromkeys(GRADE_COLUMNS, "") | known)
    return grades
