"""Answers from elsewhere: a table of another model's predictions, graded and compared beside the trained variants.

In every table such an answerer stands as a model of its own, whose only variant is `external`.
"""

import difflib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from clinical_dpo.errors import UserError
from clinical_dpo.grading import COLUMNS
from clinical_dpo.mapping import map_row
from clinical_dpo.records import Row

EXTERNAL = "external"
GIVEN = "given"  # the grader of grades that came with the answers


def check_externals(tasks: Mapping[str, Mapping[str, Any]], models: Sequence[str]) -> None:
    """Check what a schema cannot say of the tasks' `external`.

    Args:
        tasks: task -> settings.
        models: names of all model files; both name folders beside each other.

    Raises:
        UserError: a name that is taken, two titles for one name, grades that the metric cannot use or lacks, a table
            that must be there and is not.
    """
    titles: dict[str, str] = {}
    for task, settings in tasks.items():
        for name, entry in settings.get("external", {}).items():
            where = f"config/tasks/{task}.yaml: external.{name}"
            if name in (*models, "data"):
                raise UserError(f"{where}: '{name}' is also the name of a folder of results. Take another name.")
            if titles.setdefault(name, entry["title"]) != entry["title"]:
                raise UserError(f"{where}: another task calls it '{titles[name]}'. Give one title to one name.")
            if settings["grader"] == "label" and "grade" in entry["columns"]:
                raise UserError(
                    f"{where}: F1 needs labels, not grades. Leave out columns.grade; labels are read off the answers."
                )
            if settings["grader"] == "physicians" and "grade" not in entry["columns"]:
                raise UserError(
                    f"{where}: the sheets for physicians hold the trained models' answers alone, so nobody would grade "
                    "these. Have them graded, and name the column of the grades as columns.grade."
                )
            if "grade" not in entry["columns"] and "answer" not in entry["columns"]:
                raise UserError(f"{where}: name the column of the answers as columns.answer, or columns.grade.")
            if entry.get("when_missing", "error") == "error" and not table_path(entry).exists():
                raise UserError(
                    f"{where}: {entry['path']} is not there. Put it there, correct `path`, or set when_missing: "
                    "leave_out, with which a run goes on without it and writes the test items to be answered."
                )


def table_path(entry: Mapping[str, Any]) -> Path:
    """The table of one entry of `external`, $NAME read from the environment."""
    return Path(os.path.expandvars(entry["path"]))


def missing_external(entry: Mapping[str, Any], stand_in: bool) -> str | None:
    """Why an entry of `external` is left out of a run, or None.

    Args:
        entry: its settings.
        stand_in: generated text takes the place of the task's own, whose questions it answered.
    """
    if stand_in:
        return "the task's own text is not there"
    return None if table_path(entry).exists() else f"{entry['path']} is not there"


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
    """Rows of `grading.COLUMNS` of answers that came with their grades."""
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
    # Imported late: a start reads this module, and needs no numbers.
    from clinical_dpo.metric_definitions import METRICS
    from clinical_dpo.metrics import read_grades

    try:
        [grade] = read_grades([{"id": "", "grade": str(value).strip()}], METRICS[metric])
    except UserError as error:
        raise UserError(f"column for 'grade': {str(error).split(': ', 1)[1]}") from None
    return int(grade) if grade.is_integer() else grade
