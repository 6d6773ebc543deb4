"""A judge's verdicts as grades of every variant, and beside the ratings of people."""

from collections.abc import Mapping, Sequence

from clinical_dpo.errors import UserError
from clinical_dpo.grading import COLUMNS as GRADE_COLUMNS
from clinical_dpo.rating.agreement import agreement
from clinical_dpo.rating.ratings import Rows
from clinical_dpo.records import Row


def judge_grades(verdicts: Rows, variant: str, rows: Sequence[Row]) -> list[Row]:
    """One variant's grades table, as `grading.grade_answers` writes it: a Likert grade, or 1 for correct, else 0.

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


def judge_agreement(key: Rows, ratings: Sequence[Row], verdicts: Rows, names: Mapping[str, str]) -> list[Row]:
    """Rows of `agreement.COLUMNS`: raw agreement and Cohen's kappa of the judge with each rater of a sheet.

    Args:
        key: rows of the raters' key.
        ratings: theirs, from `ratings.collect_ratings`.
        verdicts: the judge's, rows of `judge.COLUMNS`; they are key and ratings in one.
        names: task, model, data (real or synthetic).
    """
    judged: list[Row] = [dict(verdict) for verdict in verdicts if verdict["choice"]]
    found = []
    for rater in dict.fromkeys(row["rater"] for row in key):
        both = [row for row in key if row["rater"] == rater] + list(verdicts)
        given = [row for row in ratings if row["rater"] == rater] + judged
        found += [row for row in agreement(both, given, names) if row["metric"] != "adjudicated_share"]
    return found
