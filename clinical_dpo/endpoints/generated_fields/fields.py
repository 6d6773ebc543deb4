"""Make the prompts for a task's generated fields, and put the texts that a model wrote into the records."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from clinical_dpo.data.columns import map_row
from clinical_dpo.data.rows import render_prompt
from clinical_dpo.errors import PublicError, UserError
from clinical_dpo.io import Row, json_sha256
from clinical_dpo.records import Message, TaskRow
from clinical_dpo.thoughts import split_thought

Columns = Mapping[str, str | Sequence[str]]  # field -> column or columns of the source, as in a task file
ANSWER_FIELDS = ("id", "text", "tokens", "finish_reason")  # all other fields of a text's row name the text's origin


class FieldPrompt(TypedDict):
    """Prompt that asks a model for the text of one field of a record."""

    id: str  # of the record
    number: int  # of the record in its file, from 1
    prompt: list[Message]


def text_prompts(
    records: Sequence[Row],
    texts: Mapping[str, Sequence[Row]],
    field: str,
    settings: Mapping[str, Any],
    generated: bool,
    where: str,
) -> list[FieldPrompt]:
    """Make the prompts for a generated field, one per record id. Records with equal ids must have equal prompts.

    Args:
        records: the source's records.
        texts: texts of other generated fields that the template uses; see `with_texts`.
        field: name of the generated field, for messages.
        settings: `prompt`, a Jinja template over the records' fields; and `columns` (field -> column), for the fields
            that the template uses and for the id.
        generated: whether a generator of this package made the records (synthetic data); see `columns.map_row`.
        where: file of the records, for messages.

    Raises:
        UserError: a record lacks a field, or two records of equal id have different prompts. The message names the row.
    """
    columns, key = settings["columns"], f"generated_fields.{field}.prompt"
    ids = record_ids(records, columns, generated, where)
    prompts: dict[str, FieldPrompt] = {}
    for number, (row_id, record) in enumerate(zip(ids, _filled(records, ids, texts, where), strict=True), start=1):
        try:
            content = render_prompt(settings["prompt"], map_row(record, columns, generated), key)
        except UserError as error:
            raise error.within(f"{where}, row {number}: ") from None
        prompt: FieldPrompt = {"id": row_id, "number": number, "prompt": [{"role": "user", "content": content}]}
        first = prompts.setdefault(row_id, prompt)
        if first["prompt"] != prompt["prompt"]:
            raise PublicError(
                f"{where}, row {number}: row {first['number']} has the same id, but another prompt. Make ids unique, "
                "for example by a template in `columns.id`."
            )
    return list(prompts.values())


def record_ids(records: Sequence[Row], columns: Columns, generated: bool, where: str) -> list[str]:
    """Return the id of each record. An empty id is replaced by `record-` and the start of the record's SHA-256.

    The id comes from the column or template in `columns["id"]`. If `columns` has no key "id", the id comes from the
    record's field `id`, and a record without this field has an empty id. A generated record that lacks the column keeps
    its field `id`. The arguments are as for `text_prompts`.

    Raises:
        UserError: a record lacks the column that `columns["id"]` names, or the template of the id cannot be rendered.
            The message names the row.
    """
    id_columns = {field: column for field, column in columns.items() if field == "id"}
    ids = []
    for number, record in enumerate(records, start=1):
        try:
            record_id = map_row(record, id_columns, generated).get("id")
        except UserError as error:
            raise error.within(f"{where}, row {number}: ") from None
        digest_id = f"record-{json_sha256(record)[:12]}"
        ids.append(digest_id if record_id is None else str(record_id).strip() or digest_id)
    return ids


def written_texts(
    prompts: Sequence[FieldPrompt],
    answers: Sequence[Mapping[str, Any]],
    writer: Mapping[str, str],
    template: str,
    where: str,
) -> list[Row]:
    """Return a row for each text that a model wrote.

    A row has `id` (of the record), `text`, `tokens` and `finish_reason`. Its other fields tell the origin of the text:
    the fields of `writer`, the SHA-256 of `template`, and the further fields of the answer. A reasoning model's thought
    is removed from `text`.

    Args:
        prompts: prompts from `text_prompts`.
        answers: the model's answer to each prompt, in the order of `prompts`. An answer has `text`, `tokens` and
            `finish_reason`. It may have further fields, such as the `model` that a server states.
        writer: what wrote the texts: `written_by`, and either `model` and `revision` or the server's `base_url`.
        template: template of the prompts.
        where: file of the records, for messages.

    Raises:
        UserError: a text is empty. The message gives the row numbers of the first ten records with an empty text.
    """
    texts = [split_thought(answer["text"]).answer for answer in answers]
    empty = [str(prompt["number"]) for prompt, text in zip(prompts, texts, strict=True) if not text]
    if empty:
        listed = ", ".join(empty[:10]) + (", ..." if len(empty) > 10 else "")
        raise PublicError(
            f"{where}, row {listed}: {writer['written_by']} wrote an empty text ({len(empty)} of {len(prompts)} texts "
            "are empty). Change the field's `prompt`, raise its `max_new_tokens`, or leave these records out by "
            "`where` in the task file."
        )
    origin = {**writer, "prompt_sha256": hashlib.sha256(template.encode()).hexdigest()}
    return [
        {"id": prompt["id"], "text": text, **origin}
        | {key: value for key, value in answer.items() if key not in ("id", "text")}
        for prompt, answer, text in zip(prompts, answers, texts, strict=True)
    ]


def with_texts(
    records: Sequence[Row], texts: Mapping[str, Sequence[Row]], columns: Columns, generated: bool, where: str
) -> list[Row]:
    """Return the records with the texts of the generated fields added.

    If a record already has a field with the name of a generated field, the text replaces the value of this field.

    Args:
        records: the source's records.
        texts: generated field -> rows of `written_texts`.
        columns: `columns` of the task file, field -> column.
        generated: whether a generator of this package made the records (synthetic data); see `columns.map_row`.
        where: file of the records, for messages.

    Raises:
        UserError: a record has no text for a generated field, or lacks the column of the id. The message names the row,
            and the field or the column.
    """
    return _filled(records, record_ids(records, columns, generated, where), texts, where) if texts else list(records)


def _filled(records: Sequence[Row], ids: Sequence[str], texts: Mapping[str, Sequence[Row]], where: str) -> list[Row]:
    texts_by_id = {field: {row["id"]: row["text"] for row in rows} for field, rows in texts.items()}
    for number, row_id in enumerate(ids, start=1):
        for field, by_id in texts_by_id.items():
            if row_id not in by_id:
                raise PublicError(
                    f"{where}, row {number}: the record has no generated text for field '{field}'. Delete the texts of "
                    f"'{field}' in data/texts/ of this task, but keep the files that end in .replies.jsonl: they hold "
                    "the server's replies. Run again."
                )
    return [
        {**record, **{field: by_id[row_id] for field, by_id in texts_by_id.items()}}
        for record, row_id in zip(records, ids, strict=True)
    ]


def texts_report(texts: Mapping[str, Sequence[Row]]) -> dict[str, Any]:
    """Return a report on the texts of each generated field: generated field -> report.

    A report has the number of texts (`texts`), the number of their tokens (`tokens`), and the number of texts that end
    at the token limit `max_new_tokens` (`cut`). Its other keys, such as `model`, tell the origin of the texts. If the
    texts of a field have different values of such a key, the report lists all these values.
    """
    report = {}
    for field, rows in texts.items():
        origin = {key: sorted({row[key] for row in rows}) for key in rows[0] if key not in ANSWER_FIELDS}
        report[field] = {
            **{key: values[0] if len(values) == 1 else values for key, values in origin.items()},
            "texts": len(rows),
            "tokens": sum(row["tokens"] for row in rows),
            "cut": sum(row["finish_reason"] == "length" for row in rows),
        }
    return report


def with_writers(rows: Sequence[TaskRow], texts: Mapping[str, Sequence[Row]]) -> list[TaskRow]:
    """Return the task rows with the added field `written_by`, or the rows unchanged if there are no generated fields.

    `written_by` maps the name of each generated field to the writer of its texts: `model NAME` or `endpoint NAME`.

    Args:
        rows: the task rows.
        texts: generated field -> rows of `written_texts`.
    """
    writers: dict[str, str] = {field: written[0]["written_by"] for field, written in texts.items()}
    return [{**row, "written_by": writers} for row in rows] if writers else list(rows)
