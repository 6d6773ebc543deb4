"""External answers are matched with the test items by id or prompt, with or without grades."""

import pytest

from clinical_dpo.data.sources.files import retrieve_file
from clinical_dpo.errors import UserError
from clinical_dpo.grading import grade as grading
from clinical_dpo.grading.external import imported_answers, imported_grades
from tests.helpers.external_answers import COLUMNS, TABLE, TEST, answers, table_rows, written_and_read


def test_answers_are_matched_by_id_in_the_order_of_the_test_items(tmp_path):
    rows = [row | {"item": f" {row['item']} "} for row in table_rows(answers([3]))]
    rows[5]["reply"] = ""
    table = written_and_read(tmp_path / "gpt4.csv", rows[::-1])
    imported = imported_answers(table, TEST, COLUMNS, "f1", TABLE)
    assert [answer["id"] for answer in imported] == [row["id"] for row in TEST]
    assert imported[3] == {"id": "q3", "text": "UTI"} and imported[5]["text"] == ""


def test_ids_are_matched_in_any_unicode_form(tmp_path):
    test = [row | {"id": f"é{row['id']}"} for row in TEST]
    rows = [row | {"item": f"e\u0301{row['item']}"} for row in table_rows(answers([]))]
    imported = imported_answers(written_and_read(tmp_path / "gpt4.csv", rows), test, COLUMNS, "f1", TABLE)
    assert [answer["id"] for answer in imported] == [row["id"] for row in test]


def test_only_a_column_that_is_needed_must_be_readable(tmp_path):
    from openpyxl import Workbook

    book = Workbook()
    book.active.append(["item", "reply", "remark"])
    for number, reply in enumerate(answers([])):
        book.active.append([f"q{number}", reply, "#N/A" if number == 3 else "seen"])
    book.save(tmp_path / "gpt4.xlsx")
    rows, origin = retrieve_file(str(tmp_path / "gpt4.xlsx"))
    assert len(imported_answers(rows, TEST, COLUMNS, "f1", origin)) == len(TEST)
    with pytest.raises(UserError, match="cell C5: the cell shows the error #N/A"):
        imported_answers(rows, TEST, COLUMNS | {"answer": "{{ reply }} {{ remark }}"}, "f1", origin)


@pytest.fixture
def graded_answers(tmp_path):
    """Answers matched by prompt, with their grades."""
    rows = [{"note": f"note {number}.", "score": str(number % 2)} for number in range(20)]
    columns = {"prompt": "{{ note }} UTI or No UTI?", "grade": "score"}
    return imported_answers(written_and_read(tmp_path / "gpt4.csv", rows), TEST, columns, "accuracy", TABLE)


def test_answers_are_matched_by_prompt_with_their_grades(graded_answers):
    assert graded_answers[:2] == [{"id": "q0", "text": "", "grade": 0}, {"id": "q1", "text": "", "grade": 1}]


def test_imported_grades_become_a_grades_table(graded_answers):
    grades = imported_grades(graded_answers)
    assert [tuple(row) for row in grades] == [grading.COLUMNS] * 20
    assert grades[1] == dict.fromkeys(grading.COLUMNS, "") | {
        **{"id": "q1", "grade": "1", "grader": "given", "valid": "true", "status": "complete", "proxy": "false"}
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({3: {"item": "Q3"}}, r"gpt4\.csv, row 4: column for 'id': 'Q3'.*Did you mean 'q3'\? Correct the id"),
        ({3: {"item": "other"}}, r"gpt4\.csv, row 4: column for 'id': 'other'.*test\.jsonl.*remove the row"),
        ({3: {"item": "q2"}}, r"gpt4\.csv, row 4: .*'q2'.* row 3\. Keep one"),
        ({3: None, 7: None}, r"gpt4\.csv: 2 of 20 test items .*'q3', 'q7'\. Add these rows"),
        ({3: {"score": ""}}, r"gpt4\.csv, row 4: column for 'grade': .*'' is not 0 or 1\. Correct"),
        ({3: {"score": "0.5"}}, r"gpt4\.csv, row 4: column for 'grade': .*'0\.5' is not 0 or 1\. Correct"),
    ],
)
def test_a_table_that_does_not_match_the_test_items_is_refused(change, message):
    rows = [row | {"score": "1"} for row in table_rows(["x"] * 20)]
    rows = [row | (change.get(number) or {}) for number, row in enumerate(rows) if change.get(number, {}) is not None]
    with pytest.raises(UserError, match=message):
        imported_answers(rows, TEST, COLUMNS | {"grade": "score"}, "accuracy", TABLE)


def test_a_missing_column_is_refused():
    with pytest.raises(UserError, match=r"gpt4\.csv, row 1: columns\.answer: .*'reply'.*'Reply'"):
        imported_answers([{"item": "q0", "Reply": "x"}], TEST, COLUMNS, "f1", TABLE)


def test_a_wrong_template_is_refused_with_its_key():
    with pytest.raises(UserError, match=r"^key 'columns\.answer': line 1: not a valid Jinja template"):
        imported_answers([], TEST, COLUMNS | {"answer": "{{ reply"}, "f1", TABLE)


def test_an_unknown_prompt_is_refused():
    with pytest.raises(UserError, match=r"gpt4\.csv, row 1: .*'prompt': .*'Something else.*Use the prompts in"):
        imported_answers([{"item": "Something else", "reply": ""}], TEST, {"prompt": "item"}, "f1", TABLE)


def import_likert(grade):
    columns = {"id": "item", "grade": "score"}
    return imported_answers([{"item": "q0", "score": grade}], TEST[:1], columns, "likert", TABLE)


def test_a_likert_grade_may_be_fractional():
    assert import_likert(4.5)[0]["grade"] == 4.5


def test_a_grade_off_the_scale_is_refused():
    with pytest.raises(UserError, match=r"gpt4\.csv, row 1: .*'6' is not a number from 1 to 5\. Correct"):
        import_likert("6")
