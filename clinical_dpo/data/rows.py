"""Prompts and answers of a task: records become TRL's conversational rows."""

import difflib
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from clinical_dpo.data.columns import map_row
from clinical_dpo.data.tally import Tally
from clinical_dpo.errors import PublicError, UserError
from clinical_dpo.io import Row
from clinical_dpo.templates import render

LONGEST = 1_000_000  # characters of a prompt or an answer; what is longer is several records in one


def render_prompt(template: str, record: Mapping[str, Any]) -> str:
    """The user's message: a Jinja template over a record's fields, without white space around it.

    Raises:
        UserError: the template is not valid, or names a field that the record lacks or holds empty. A field that the
            template tests itself (`{% if history %}`, `{{ history | default("none") }}`) may be.
    """
    try:
        prompt = render(template, record)
    except UserError as error:
        raise error.within("key 'prompt', ", then=" See `prompt` and `columns` in the task file.") from None
    if not prompt:
        raise PublicError("the prompt is empty once filled in. Correct `prompt` in the task file.")
    return prompt


def task_rows(
    records: Iterable[Row], task: Mapping[str, Any], provenance: Mapping[str, Any], repairs: Tally | None = None
) -> list[Row]:
    """Every record as a task row, its fields made of the source's columns as the task's `columns` says.

    Args:
        records: as `sources.retrieve` gives them, with their `provenance`.
        task: a task file's settings.
        repairs: counts what a field lost or had respelled: white space around it, a label's spelling.

    Raises:
        UserError: what is wrong with a record, or an id that another row has, case and spelling of a number aside;
            with the source, row number and id. Where rows were drawn or left out, numbers are those of what was kept.
    """
    where = provenance.get("path") or provenance.get("id") or f"generator {provenance['generator']}"
    kept = ""
    if "sampled" in provenance or provenance.get("drops"):
        kept, where = " of source.jsonl", f"source.jsonl, drawn from {where}"
    rows: list[Row] = []
    number_of: dict[str, int] = {}
    for number, raw in enumerate(records, start=1):
        try:
            record = _mapped(raw, task, provenance["data"] == "synthetic")
            row = task_row(record, task, repairs, f"row {number}{kept}")
        except UserError as error:
            raise error.within(f"{where}, row {number}: ") from None
        same = _same_id(row["id"])
        if same in number_of and "id" in record:
            first = number_of[same]
            of_first = rows[first - 1]["id"]
            also = "is also that" if of_first == row["id"] else f"is but another spelling of '{of_first}', that"
            raise UserError(f"{where}, row {number}: id '{row['id']}' {also} of row {first}. Give each its own.")
        number_of.setdefault(same, number)
        rows.append(row)
    return rows


def _mapped(raw: Row, task: Mapping[str, Any], generated: bool) -> Row:
    try:
        return map_row(raw, task.get("columns", {}), generated)
    except UserError as error:
        raise error.within(f"config/tasks/{task['name']}.yaml, ") from None


def _same_id(row_id: str) -> str:
    """What ids share that a spreadsheet or a person may take for one: case, white space, 7 and 007 and 7.0."""
    plain = _plain(row_id)
    number = re.fullmatch(r"0*(\d+)(?:\.0*)?", plain)
    return number[1] if number else plain


def task_row(
    record: Mapping[str, Any], task: Mapping[str, Any], repairs: Tally | None = None, place: str = "row"
) -> Row:
    """One row in TRL's conversational prompt / completion form.

    `id` (made of the prompt where the record has none), `prompt` and `completion` (lists of messages), and where the
    record has them: `label`, `accepted` (other right answers), `options` (wrong answers), `rejected`, `question` (the
    question itself, without what the prompt puts around it). `repairs` counts fields changed at `place`.

    Raises:
        UserError: an empty, missing or endless field, an unknown label, or a wrong answer that equals the right one.
    """
    try:
        prompt = _bounded(render_prompt(task["prompt"], record), "prompt")
        row_id = _text(record, "id") if "id" in record else _digest(task["name"], prompt)
        labelled = task["answer_type"] == "label"
        reference = _label(record, task["labels"]) if labelled else _bounded(_text(record, "reference"), "reference")
        row: Row = {
            "id": row_id,
            "prompt": [{"role": "user", "content": prompt}],
            "completion": [{"role": "assistant", "content": reference}],
        }
        if labelled:
            row["label"] = reference
        for field in ("accepted", "options"):
            if field in record:
                row[field] = _texts(record, field)
        for field in ("rejected", "question"):
            if field in record:
                row[field] = _text(record, field)
        for wrong in [*row.get("options", []), *([row["rejected"]] if "rejected" in row else [])]:
            if _plain(wrong) == _plain(reference):
                field = "rejected" if wrong == row.get("rejected") else "options"
                raise PublicError(f"field '{field}' holds the right answer too. Give a wrong one, or remove the row.")
    except UserError as error:
        named = f", id '{record['id']}'" if record.get("id") else ""
        raise error.within(f"task '{task['name']}'{named}: ", f"task '{task['name']}': ") from None
    if repairs is not None:
        _count_repairs(repairs, place, record, row)
    return row


def _count_repairs(repairs: Tally, place: str, record: Mapping[str, Any], row: Row) -> None:
    """Compare the fields taken over with what the record gave for them."""
    for field in ("id", "question", "accepted", "options", "rejected", "label" if "label" in row else "reference"):
        given = record.get(field)
        if any(
            isinstance(text, str) and text != text.strip() for text in (given if isinstance(given, list) else [given])
        ):
            repairs.add(f"white space around field '{field}' dropped", place)
        if field == "label" and str(given).strip() != row["label"]:
            repairs.add("label respelled as in the task file", place)


def _bounded(text: str, field: str) -> str:
    if len(text) > LONGEST:
        raise PublicError(
            f"field '{field}' has {len(text)} characters, where one record's text has at most {LONGEST}. Is it several "
            "records in one, by a line break or a quotation mark that is missing? Divide it, or remove the row."
        )
    return text


def _digest(name: str, prompt: str) -> str:
    return f"{name}-{hashlib.sha256(prompt.encode()).hexdigest()[:12]}"


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def _text(record: Mapping[str, Any], field: str) -> str:
    """A field's text without white space around it; a number counts as text."""
    if field not in record:
        raise UserError(
            f"field '{field}' is missing. Fields here: {', '.join(record)}. Add it, or map it in `columns`."
        )
    value = record[field]
    if isinstance(value, bool | list | dict):
        raise PublicError(f"field '{field}' is a {type(value).__name__}, where text is needed.")
    text = "" if value is None else str(value).strip()
    if not text:
        raise PublicError(f"field '{field}' is empty. Fill it in, or remove the row.")
    return text


def _texts(record: Mapping[str, Any], field: str) -> list[str]:
    value = record[field]
    if not isinstance(value, list) or not all(isinstance(text, str) and text.strip() for text in value):
        raise PublicError(
            f"field '{field}' must be a list of texts, none of them empty. Of several columns: `{field}: [one, other]` "
            "under `columns`."
        )
    return [text.strip() for text in value]


def _label(record: Mapping[str, Any], labels: Sequence[str]) -> str:
    """The record's label in the task's spelling; case and white space do not count."""
    given = _text(record, "label")
    spelled = {_plain(label): label for label in labels}
    if _plain(given) in spelled:
        return spelled[_plain(given)]
    nearest = difflib.get_close_matches(_plain(given), spelled, n=1, cutoff=0.5)
    hint = f" Did you mean '{spelled[nearest[0]]}'?" if nearest else ""
    shown = given if len(given) <= 40 else f"{given[:40]}..."
    raise UserError(f"field 'label': '{shown}' is not a label. Known: {', '.join(labels)}.{hint}")
