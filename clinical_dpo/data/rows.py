"""Convert a source's records to task rows: a prompt and a reference answer in TRL's conversational form."""

import difflib
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from clinical_dpo.comparable import comparable, comparable_id
from clinical_dpo.data.columns import map_row, mapped_text, refuse_unread, used_columns
from clinical_dpo.data.sources.text_repairs import without_invisible
from clinical_dpo.data.tally import Tally
from clinical_dpo.errors import PublicError, UserError
from clinical_dpo.io import Row
from clinical_dpo.records import Message, TaskRow
from clinical_dpo.templates import render

LONGEST = 1_000_000  # characters of a prompt or an answer; a longer text is several records joined by mistake


def render_prompt(template: str, record: Mapping[str, Any], key: str = "prompt") -> str:
    """Return the user's message: the Jinja template `template` filled in from a record, without outer white space.

    Args:
        template: the template.
        record: field -> value.
        key: key of the template in the task file, for messages.

    Raises:
        UserError: the template is not valid, or it names a field that is missing or empty. A field that the template
            itself tests (`{% if history %}`, `{{ history | default("none") }}`) may be missing or empty.
    """
    try:
        prompt = render(template, record)
    except UserError as error:
        raise error.within(f"key '{key}', ", suffix=f" See `{key}` and `columns` in the task file.") from None
    if not prompt:
        raise PublicError(f"the rendered prompt is empty. Correct `{key}` in the task file.")
    return prompt


def task_rows(
    records: Iterable[Row], task: Mapping[str, Any], provenance: Mapping[str, Any], repairs: Tally | None = None
) -> list[TaskRow]:
    """Convert every record to a task row. The task's `columns` map the source's columns to the row's fields.

    A task may have a `group`: a column, or a template over the columns. The resulting value is the `group` of the row.
    Values that differ only in case, white space, Unicode form or the spelling of a number are the same group.

    Args:
        records: rows of a source, from `sources.retrieve`.
        task: a task file's settings.
        provenance: the origin of the rows, from `sources.retrieve`.
        repairs: counts the fields that lost outer white space, and the labels that were respelled.

    Raises:
        UserError: the task uses a column that could not be read, a record is not valid, or a record has the `id` of an
            earlier row. Two ids are the same if they differ only in case, white space, Unicode form or the spelling of
            a number. A message about a record names the source, and the row number in `records`, counted from 1. It
            also names the record's id if there is one. A message about `columns` or `group` does not name the id. If
            the source has `sample` or `where`, or if its reader dropped rows, a row can have another number in the
            source. The message then names the file of `records`: "source.jsonl, drawn from notes.csv, row 3".
    """
    where = provenance.get("path") or provenance.get("id") or f"generator {provenance['generator']}"
    numbered_in = ""
    if "sampled" in provenance or provenance.get("drops") or provenance.get("where"):
        numbered_in, where = " of source.jsonl", f"source.jsonl, drawn from {where}"
    if "unread" in provenance:
        refuse_unread(provenance, used_columns(task))
    rows: list[TaskRow] = []
    number_of: dict[str, int] = {}
    for number, raw in enumerate(records, start=1):
        try:
            record = _mapped(raw, task, provenance["data"] == "synthetic")
            row = task_row(record, task, repairs, f"row {number}{numbered_in}")
            if "group" in task:
                row["group"] = _group(raw, task)
        except UserError as error:
            raise error.within(f"{where}, row {number}: ") from None
        key = comparable_id(row["id"])
        if key in number_of and "id" in record:
            first = number_of[key]
            other = rows[first - 1]["id"]
            alike = ", also if case, white space and leading zeros are ignored" if other != row["id"] else ""
            raise UserError(
                f"{where}, row {number}: id '{row['id']}' duplicates '{other}' in row {first}. Make ids unique{alike}."
            )
        number_of.setdefault(key, number)
        rows.append(row)
    return rows


def _mapped(raw: Row, task: Mapping[str, Any], generated: bool) -> Row:
    try:
        return map_row(raw, task.get("columns", {}), generated)
    except UserError as error:
        raise error.within(f"config/tasks/{task['name']}.yaml, ") from None


def _group(raw: Row, task: Mapping[str, Any]) -> str:
    """Return the group of a record, in the form in which ids are compared (`comparable_id`)."""
    try:
        return comparable_id(_text({"group": mapped_text(raw, task["group"])}, "group"))
    except UserError as error:
        raise error.within(f"config/tasks/{task['name']}.yaml, key 'group': ") from None


def task_row(
    record: Mapping[str, Any], task: Mapping[str, Any], repairs: Tally | None = None, location: str = "row"
) -> TaskRow:
    """Convert a record to a row in TRL's conversational prompt / completion form.

    The row has `id` (a digest of the prompt if the record has no id), `prompt` and `completion` (lists of messages). If
    the task's answers are labels, the row also has `label`. The following fields are copied if the record has them:
    `accepted` (other right answers), `options` (wrong answers), `rejected` (one wrong answer) and `question` (the
    question without the remaining text of the prompt).

    Args:
        record: the record. Its columns must already be mapped to the task's fields.
        task: the task file's settings.
        repairs: counts the fields that lose outer white space, and the labels that are respelled.
        location: where the record is, such as `row 3`, for `repairs`.

    Raises:
        UserError: a field is empty, missing or too long, the label is unknown, or a wrong answer equals the right one.
    """
    try:
        prompt = _bounded(render_prompt(task["prompt"], record), "prompt")
        row_id = _text(record, "id") if "id" in record else _digest(task["name"], prompt)
        labelled = task["answer_type"] == "label"
        reference = _label(record, task["labels"]) if labelled else _bounded(_text(record, "reference"), "reference")
        row: TaskRow = {
            "id": row_id,
            "prompt": [*_system(task), {"role": "user", "content": prompt}],
            "completion": [{"role": "assistant", "content": reference}],
        }
        if labelled:
            row["label"] = reference
        if "accepted" in record:
            row["accepted"] = _texts(record, "accepted")
        if "options" in record:
            row["options"] = _texts(record, "options")
        if "rejected" in record:
            row["rejected"] = _text(record, "rejected")
        if "question" in record:
            row["question"] = _text(record, "question")
        _check_wrong_answers(row, reference)
    except UserError as error:
        named = f", id '{record['id']}'" if record.get("id") else ""
        raise error.within(f"task '{task['name']}'{named}: ", f"task '{task['name']}': ") from None
    if repairs is not None:
        _count_repairs(repairs, location, record, row)
    return row


def _system(task: Mapping[str, Any]) -> list[Message]:
    """Return a list with the system message of a task; an empty list if the task has none."""
    return [{"role": "system", "content": task["system_prompt"]}] if "system_prompt" in task else []


def _check_wrong_answers(row: TaskRow, reference: str) -> None:
    for field, wrong_answers in (
        ("options", row.get("options", [])),
        ("rejected", [row["rejected"]] if "rejected" in row else []),
    ):
        if comparable(reference) in map(comparable, wrong_answers):
            raise PublicError(
                f"field '{field}' contains the right answer, but should contain only wrong answers. Write a wrong "
                "answer, or remove the row."
            )


def _count_repairs(repairs: Tally, location: str, record: Mapping[str, Any], row: TaskRow) -> None:
    """Compare a record's fields with the row that was made of the record, and count the differences in `repairs`.

    A difference is outer white space that was dropped, or a label that was respelled.
    """
    for field in ("id", "question", "accepted", "options", "rejected", "label" if "label" in row else "reference"):
        value = record.get(field)
        texts = value if isinstance(value, list) else [value]
        if any(isinstance(text, str) and text != text.strip() for text in texts):
            repairs.add(f"white space dropped around field '{field}'", location)
        if field == "label" and str(value).strip() != row["label"]:
            repairs.add("label respelled as in the task file", location)


def _bounded(text: str, field: str) -> str:
    if len(text) > LONGEST:
        raise PublicError(
            f"field '{field}' has {len(text)} characters, but at most {LONGEST} are allowed. A missing line break or "
            "quotation mark may have joined several records. Split the row, or remove it."
        )
    return text


def _digest(name: str, prompt: str) -> str:
    return f"{name}-{hashlib.sha256(prompt.encode()).hexdigest()[:12]}"


def _text(record: Mapping[str, Any], field: str) -> str:
    """Return a field's text without outer white space. A number is converted to text.

    Raises:
        UserError: the field is missing, empty, a truth value, a list or an object.
    """
    if field not in record:
        raise UserError(
            f"field '{field}' is missing. Fields here: {', '.join(record)}. Add '{field}', or map it in `columns`."
        )
    value = record[field]
    if isinstance(value, bool | list | dict):
        raise PublicError(f"field '{field}' has the type {type(value).__name__}, not text. Write a text.")
    text = "" if value is None else str(value).strip()
    if not text:
        raise PublicError(f"field '{field}' is empty. Fill it in, or remove the row.")
    return text


def _texts(record: Mapping[str, Any], field: str) -> list[str]:
    value, wrong = record[field], f"field '{field}' is not a list of non-empty texts"
    if not isinstance(value, list):
        raise PublicError(
            f"{wrong}. Write a list, or join several columns into a list with `{field}: [column1, column2]` under "
            "`columns`."
        )
    for number, text in enumerate(value, start=1):
        if text is None or not str(text).strip():
            raise PublicError(
                f"{wrong}: entry {number} is empty. Fill it in, or leave out empty columns with a template under "
                f"`columns`: `{field}: \"{{{{ [column1, row.get('column2')] | select | list }}}}\"`."
            )
        if not isinstance(text, str):
            raise PublicError(f"{wrong}: entry {number} has the type {type(text).__name__}. Write a text.")
    return [text.strip() for text in value]


def _label(record: Mapping[str, Any], labels: Sequence[str]) -> str:
    """Return the record's label in the task's spelling. Case, white space and Unicode form are ignored."""
    label = _text(record, "label")
    spellings = {comparable(known): known for known in labels}
    if comparable(label) in spellings:
        return spellings[comparable(label)]
    nearest = difflib.get_close_matches(comparable(label), spellings, n=1, cutoff=0.5)
    hint = f" Did you mean '{spellings[nearest[0]]}'?" if nearest else ""
    if comparable(without_invisible(label)) in spellings:
        hint = " The text contains invisible characters: set `repair: [invisible]` for the source."
    shown = label if len(label) <= 40 else f"{label[:40]}..."
    raise UserError(f"field 'label': '{shown}' is not a label of this task. Write one of {', '.join(labels)}.{hint}")
