"""Answers from elsewhere, taken over from a table of another model's predictions."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from clinical_dpo.config.graders import GIVEN
from clinical_dpo.config.metrics import METRICS
from clinical_dpo.data.columns import map_row
from clinical_dpo.errors import UserError
from clinical_dpo.grading.grade import COLUMNS
from clinical_dpo.grading.scale import grade_values
from clinical_dpo.io import Row


def imported_answers(
    rows: Sequence[Row], test: Sequence[Row], columns: Mapping[str, str], metric: str, where: str
) -> list[Row]:
    """One answer per test item, in their order: `id`, `text` and, where `columns` names it, `grade`.

    Args:
        rows: the table.
        test: the task's test rows.
        columns: as in the task file (`mapping`): `id`, or `prompt` where ids are not known elsewhere; `answer`,
            `grade`, or both. A prompt is the same but for case and white space.
        metric: the task's, a key of METRICS: a grade must be on its scale.
        where: the table's name, for messages.

    Raises:
        UserError: a row of no test item, an item twice or not at all, a grade that is none; with row, column and mend.
    """
    key = "id" if "id" in columns else "prompt"
    items = {_key(row["id"] if key == "id" else row["prompt"][-1]["content"], key): row["id"] for row in test}
    found: dict[str, tuple[int, Row]] = {}
    for number, row in enumerate(rows, start=1):
        place = f"{where}, row {number}"
        try:
            record = map_row(row, columns)
            item = items.get(_key(record[key], key))
            if item is None:
                raise UserError(_unknown(str(record[key]), key, [str(row["id"]) for row in test]))
            if item in found:
                raise UserError(f"test item '{item}' is also answered in row {found[item][0]}. Keep one of them.")
            text = record["answer"] if "answer" in columns else None
            answer: Row = {"id": item, "text": "" if text is None else str(text).strip()}
            if "grade" in columns:
                answer["grade"] = _grade(record["grade"], metric)
        except UserError as error:
            raise UserError(f"{place}: {error}") from None
        found[item] = number, answer
    lost = [row["id"] for row in test if row["id"] not in found]
    if lost:
        raise UserError(
            f"{where}: {len(lost)} of {len(test)} test items have no row, first {', '.join(map(repr, lost[:3]))}. Add "
            "them; what was not answered gets an empty answer, and counts as wrong."
        )
    return [found[row["id"]][1] for row in test]


def given_grades(answers: Sequence[Row]) -> list[Row]:
    """Rows of `grade.COLUMNS` of answers that came with their grades."""
    blank = dict.fromkeys(COLUMNS, "") | {"grader": GIVEN, "valid": "true", "status": "complete", "proxy": "false"}
    return [blank | {"id": answer["id"], "grade": answer["grade"]} for answer in answers]


def _key(value: Any, key: str) -> str:
    text = "" if value is None else str(value)
    return text.strip() if key == "id" else " ".join(text.casefold().split())


def _unknown(given: str, key: str, ids: Sequence[str]) -> str:
    """What to say of a row that belongs to no test item."""
    if key == "prompt":
        return (
            f"column for 'prompt': no test item has the prompt '{' '.join(given.split())[:60]}...'. The prompts stand "
            "in test.jsonl of the task's data; a template in columns.prompt can build them of a question."
        )
    folded = {row_id.casefold(): row_id for row_id in ids}
    near = difflib.get_close_matches(given.strip().casefold(), folded, n=1, cutoff=0.7)
    hint = f" Did you mean '{folded[near[0]]}'?" if near else " The test items stand in test.jsonl of the task's data."
    return f"column for 'id': '{given}' is no test item.{hint} Correct it, or remove the row."


def _grade(value: Any, metric: str) -> float:
    try:
        [grade] = grade_values([{"id": "", "grade": str(value).strip()}], METRICS[metric])
    except UserError as error:
        raise UserError(f"column for 'grade': {str(error).split(': ', 1)[1]}") from None
    return int(grade) if grade.is_integer() else grade
