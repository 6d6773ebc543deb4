"""Grades of answers: by label or exact match, pending for people and judges, in the order of the rows."""

import pytest

from clinical_dpo.errors import UserError
from clinical_dpo.grading.grade import COLUMNS, grade_answers, read_grades
from clinical_dpo.io import write_csv
from tests.helpers.task_rows import UTI, answers_of, task_rows


@pytest.fixture
def label_grades():
    rows = task_rows("UTI", "No UTI", "UTI", "No UTI")
    return grade_answers(rows, answers_of("UTI", "UTI", "I cannot tell", "No UTI"), UTI, "label")


def test_an_answer_without_a_label_is_wrong_and_invalid(label_grades):
    assert [row["grade"] for row in label_grades] == ["1", "0", "0", "1"]
    assert [row["parsed"] for row in label_grades] == ["UTI", "UTI", "", "No UTI"]
    assert [row["valid"] for row in label_grades] == ["true", "true", "false", "true"]


def test_label_grades_name_the_true_label_and_the_grader(label_grades):
    assert [tuple(row) for row in label_grades] == [COLUMNS] * 4
    assert [row["label"] for row in label_grades] == ["UTI", "No UTI", "UTI", "No UTI"]
    assert {(row["status"], row["proxy"], row["grader"]) for row in label_grades} == {("complete", "false", "label")}


def test_accepted_answers_match_and_empty_answers_are_invalid():
    rows = task_rows("Myocardial infarction", "Asthma", "Gout", accepted=["heart attack"])
    grades = grade_answers(rows, answers_of("A heart attack.", "", "pseudogout"), {}, "exact")
    assert [(row["grade"], row["valid"]) for row in grades] == [("1", "true"), ("0", "false"), ("0", "true")]


def test_a_row_needs_no_accepted_answers():
    assert grade_answers(task_rows("Gout", accepted=None), answers_of("gout"), {}, "exact")[0]["grade"] == "1"


@pytest.mark.parametrize("grader", ["physicians", "judge"])
def test_grades_of_people_and_judges_are_pending(grader):
    grades = grade_answers(task_rows("a", "b"), answers_of("x", "y"), {}, grader)
    assert {(row["grade"], row["status"], row["grader"], row["proxy"]) for row in grades} == {
        ("", "pending", grader, "false")
    }


def test_grades_are_in_the_order_of_the_rows_whatever_the_order_of_the_answers():
    rows = task_rows("UTI", "No UTI", "UTI")
    answers = answers_of("UTI", "No UTI", "No UTI")
    assert grade_answers(rows, answers[::-1], UTI, "label") == grade_answers(rows, answers, UTI, "label")
    assert [row["id"] for row in grade_answers(rows, answers[::-1], UTI, "label")] == ["q0", "q1", "q2"]


@pytest.mark.parametrize(
    ("answers", "ids"),
    [
        (answers_of("UTI"), r"\['q1'\]"),
        (answers_of("UTI", "UTI", "UTI"), r"\['q2'\]"),
        ([{"id": "q0", "text": "UTI"}, {"id": "other", "text": "UTI"}], r"\['other', 'q1'\]"),
    ],
)
def test_answers_of_other_items_are_refused(answers, ids):
    with pytest.raises(UserError, match=rf"{ids}.*Delete the file of these answers"):
        grade_answers(task_rows("UTI", "UTI"), answers, UTI, "label")


def test_grades_are_read_back_by_model_and_variant(tmp_path):
    rows = grade_answers(task_rows("UTI"), answers_of("?"), UTI, "label")
    path = tmp_path / "llama" / "grades" / "sft.csv"
    write_csv(path, rows, COLUMNS)
    assert read_grades([str(path)]) == {("llama", "sft"): rows}
