"""Read external answers from a table. They are answers of another model, and this run does not compute them."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Any, NotRequired

from clinical_dpo.comparable import comparable, nfc
from clinical_dpo.config.graders import EXTERNAL_GRADER
from clinical_dpo.config.metrics import METRICS
from clinical_dpo.data.columns import map_row, refuse_unread
from clinical_dpo.errors import UserError
from clinical_dpo.grading.grade import new_grade
from clinical_dpo.grading.scale import grade_value
from clinical_dpo.io import Row
from clinical_dpo.records import Answer, Grade, TaskRow
from clinical_dpo.templates import columns_used_by


class ImportedAnswer(Answer):
    """An answer of a model outside of this run, read from a table. `grade` is present only if the table has grades."""

    grade: NotRequired[float]


def imported_answers(
    rows: Sequence[Row], test: Sequence[TaskRow], columns: Mapping[str, str], metric: str, origin: Mapping[str, Any]
) -> list[ImportedAnswer]:
    """Return one answer per test item, in the order of `test`. If `columns` names a grade, each answer has a grade.

    Args:
        rows: rows of the table.
        test: the task's test rows.
        columns: field -> column of the table, as in the task file. One field is `id`, or `prompt` if the table has no
            ids. The other fields are `answer`, `grade` or both. Ids are compared in Unicode form NFC. Prompts are
            compared without regard to case and white space.
        metric: the task's metric, a key of METRICS. Every grade must be on the scale of the metric.
        origin: the table's provenance, from `retrieve_file`.

    Raises:
        UserError: a column of `columns` cannot be read, a row belongs to no test item, an item has two rows or no row,
            or a grade is off the scale.
    """
    refuse_unread(origin, columns_used_by({f"columns.{field}": column for field, column in columns.items()}))
    where, key = origin["path"], "id" if "id" in columns else "prompt"
    id_by_key = {_match_key(row["id"] if key == "id" else row["prompt"][-1]["content"], key): row["id"] for row in test}
    answers: dict[str, ImportedAnswer] = {}
    first_row: dict[str, int] = {}
    for number, row in enumerate(rows, start=1):
        try:
            record = map_row(row, columns)
            item_id = id_by_key.get(_match_key(record[key], key))
            if item_id is None:
                raise UserError(_unknown_item(str(record[key]), key, [str(row["id"]) for row in test]))
            if item_id in answers:
                raise UserError(
                    f"test item '{item_id}' already has an answer in row {first_row[item_id]}. Keep one of the two "
                    "rows."
                )
            text = record["answer"] if "answer" in columns else None
            answer: ImportedAnswer = {"id": item_id, "text": "" if text is None else str(text).strip()}
            if "grade" in columns:
                answer["grade"] = _parse_grade(record["grade"], metric)
        except UserError as error:
            raise UserError(f"{where}, row {number}: {error}") from None
        answers[item_id], first_row[item_id] = answer, number
    missing = [row["id"] for row in test if row["id"] not in answers]
    if missing:
        without = "Every row needs a grade." if "grade" in columns else "An empty answer counts as wrong."
        raise UserError(
            f"{where}: {len(missing)} of {len(test)} test items have no row, such as "
            f"{', '.join(map(repr, missing[:3]))}. Add these rows. test.jsonl of the task's data has the items. "
            f"{without}"
        )
    return [answers[row["id"]] for row in test]


def imported_grades(answers: Sequence[ImportedAnswer]) -> list[Grade]:
    """Return the rows of a grades table for external answers. Every answer must have a grade."""
    grades = []
    for answer in answers:
        grade = new_grade(answer["id"], EXTERNAL_GRADER, "complete")
        grade["grade"], grade["valid"] = str(answer["grade"]), "true"
        grades.append(grade)
    return grades


def _match_key(value: Any, key: str) -> str:
    """Normalise an id or a prompt, so that rows of the table of external answers can be matched to test rows.

    White space at the ends is removed, and the text is converted to Unicode form NFC. A prompt is also case-folded, and
    each run of white space in it becomes one space: "Any  UTI?" -> "any uti?".

    Args:
        value: the id or the prompt.
        key: kind of `value`: `id` or `prompt`.
    """
    text = "" if value is None else str(value)
    return nfc(text.strip()) if key == "id" else comparable(text)


def _unknown_item(value: str, key: str, ids: Sequence[str]) -> str:
    """Return the message for a row of the table that belongs to no test item.

    Args:
        value: id or prompt of the row.
        key: kind of `value`: `id` or `prompt`.
        ids: the ids of all test items.
    """
    if key == "prompt":
        return (
            f"column for 'prompt': no test item has the prompt '{' '.join(value.split())[:60]}...'. Use the prompts in "
            "test.jsonl of the task's data, or build them from a question by a template in columns.prompt."
        )
    folded = {comparable(row_id): row_id for row_id in ids}
    near = difflib.get_close_matches(comparable(value), folded, n=1, cutoff=0.7)
    hint = f" Did you mean '{folded[near[0]]}'?" if near else " The test items are in test.jsonl of the task's data."
    return f"column for 'id': '{value}' is not the id of a test item.{hint} Correct the id, or remove the row."


def _parse_grade(value: Any, metric: str) -> float:
    try:
        grade = grade_value(str(value).strip(), METRICS[metric])
    except UserError as error:
        raise UserError(f"column for 'grade': {error}") from None
    return int(grade) if grade.is_integer() else grade
