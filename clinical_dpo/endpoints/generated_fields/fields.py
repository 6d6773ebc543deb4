"""Texts that another model writes for a task: what it is asked, what it said, and which records get it."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from clinical_dpo.data.columns import map_row
from clinical_dpo.data.rows import render_prompt
from clinical_dpo.errors import PublicError, UserError
from clinical_dpo.io import Row
from clinical_dpo.thoughts import split_thought

Columns = Mapping[str, str | Sequence[str]]  # field -> what of the source makes it, as in a task file
SAID = ("id", "text", "tokens", "finish_reason")  # the rest of a text's row says where it is from


def text_prompts(
    records: Sequence[Row],
    texts: Mapping[str, Sequence[Row]],
    prompt: str,
    columns: Columns,
    generated: bool,
    where: str,
) -> list[Row]:
    """What the writer is asked: a row of `id`, `number` (of the record, from 1) and `prompt` (messages) a record.

    Args:
        records: the source's records.
        texts: other written texts that the prompt asks about, as for `with_texts`.
        prompt: Jinja template over the records' fields.
        columns: of the fields that the prompt uses, and of the id.
        generated: the records are generated here and may bear the fields' own names.
        where: the records' file, for messages.

    Records with one id and one prompt are asked about once.

    Raises:
        UserError: a record lacks a field, or two records with one id differ; with its number.
    """
    ids = record_ids(records, columns, generated, where)
    asked: dict[str, Row] = {}
    for number, (row_id, record) in enumerate(zip(ids, _filled(records, ids, texts, where), strict=True), start=1):
        try:
            content = render_prompt(prompt, map_row(record, columns, generated))
        except UserError as error:
            raise error.within(f"{where}, row {number}: ") from None
        row = {"id": row_id, "number": number, "prompt": [{"role": "user", "content": content}]}
        first = asked.setdefault(row_id, row)
        if first["prompt"] != row["prompt"]:
            raise PublicError(
                f"{where}, row {number}: its id is also that of row {first['number']}. Give each its own."
            )
    return list(asked.values())


def record_ids(records: Sequence[Row], columns: Columns, generated: bool, where: str) -> list[str]:
    """Each record's own id, or one made of all that it holds."""
    of_id = {field: column for field, column in columns.items() if field == "id"}
    ids = []
    for number, record in enumerate(records, start=1):
        try:
            own = map_row(record, of_id, generated).get("id")
        except UserError as error:
            raise error.within(f"{where}, row {number}: ") from None
        made = f"record-{hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()[:12]}"
        ids.append(made if own is None else str(own).strip() or made)
    return ids


def written_texts(
    rows: Sequence[Row], answers: Sequence[Row], writer: Mapping[str, str], prompt: str, where: str
) -> list[Row]:
    """The texts as they are kept, without thoughts: id, text, tokens, finish_reason, and what wrote them.

    Args:
        rows: as `text_prompts` gives them.
        answers: of each row, in order: text, tokens, finish_reason, and what else says where it is from.
        writer: `written_by`, and the model with its revision or address.
        prompt: the template; its SHA-256 is kept.
        where: the records' file, for messages.

    Raises:
        UserError: empty texts, with the numbers of their records.
    """
    texts = [split_thought(answer["text"]).answer for answer in answers]
    empty = [str(row["number"]) for row, text in zip(rows, texts, strict=True) if not text]
    if empty:
        listed = ", ".join(empty[:10]) + (", ..." if len(empty) > 10 else "")
        raise PublicError(
            f"{where}, row {listed}: {writer['written_by']} wrote nothing ({len(empty)} of {len(rows)} texts are "
            "empty). Change the text's `prompt`, raise its `max_new_tokens`, or remove these rows."
        )
    origin = {**writer, "prompt_sha256": hashlib.sha256(prompt.encode()).hexdigest()}
    return [
        {"id": row["id"], "text": text, **origin}
        | {key: value for key, value in answer.items() if key not in ("id", "text")}
        for row, answer, text in zip(rows, answers, texts, strict=True)
    ]


def with_texts(
    records: Sequence[Row], texts: Mapping[str, Sequence[Row]], columns: Columns, generated: bool, where: str
) -> list[Row]:
    """The records, each with its written texts in place of whatever the source has under these names.

    Args:
        records: the source's records.
        texts: field -> rows of `written_texts`.
        columns: the task file's.
        generated: the records are generated here and may bear the fields' own names.
        where: the records' file, for messages.

    Raises:
        UserError: a record without its text.
    """
    return _filled(records, record_ids(records, columns, generated, where), texts, where) if texts else list(records)


def _filled(records: Sequence[Row], ids: Sequence[str], texts: Mapping[str, Sequence[Row]], where: str) -> list[Row]:
    text_of = {field: {row["id"]: row["text"] for row in rows} for field, rows in texts.items()}
    for number, row_id in enumerate(ids, start=1):
        for field, known in text_of.items():
            if row_id not in known:
                raise PublicError(
                    f"{where}, row {number}: no '{field}' was written for it. Delete those texts; run again."
                )
    return [
        {**record, **{field: known[row_id] for field, known in text_of.items()}}
        for record, row_id in zip(records, ids, strict=True)
    ]


def texts_report(texts: Mapping[str, Sequence[Row]]) -> dict[str, Any]:
    """Of each field: what wrote it (a list where that differs), texts, tokens, and texts cut off by max_new_tokens."""
    report = {}
    for field, rows in texts.items():
        origin = {key: sorted({row[key] for row in rows}) for key in rows[0] if key not in SAID}
        report[field] = {
            **{key: values[0] if len(values) == 1 else values for key, values in origin.items()},
            "texts": len(rows),
            "tokens": sum(row["tokens"] for row in rows),
            "cut": sum(row["finish_reason"] == "length" for row in rows),
        }
    return report


def marked(rows: Sequence[Row], texts: Mapping[str, Sequence[Row]]) -> list[Row]:
    """Task rows that say what wrote which field: `written_by`, field -> writer."""
    writers = {field: written[0]["written_by"] for field, written in texts.items()}
    return [{**row, "written_by": writers} for row in rows] if writers else list(rows)
