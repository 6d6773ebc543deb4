"""Prompts and answers of a task: records become TRL's conversational rows; their lengths in tokens are checked."""

import difflib
import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, UndefinedError, meta, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from clinical_dpo.errors import UserError
from clinical_dpo.records import Row

_JINJA = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
QUANTILES = (0.5, 0.9, 0.99)


def render_prompt(template: str, record: Mapping[str, Any]) -> str:
    """The user's message: a Jinja template over a record's fields, without white space around it.

    Raises:
        UserError: the template is not valid, or names a field that the record lacks or holds empty. A field that the
            template tests itself (`{% if history %}`, `{{ history | default("none") }}`) may be.
    """
    compiled, used, tested = _compiled(template)
    here = f"Fields here: {', '.join(str(field) for field in record)}."
    for field in sorted(used - tested):
        if field not in record:
            raise UserError(f"the prompt uses field '{field}', which is missing. {here} Correct `prompt` or `columns`.")
        if record[field] is None or not str(record[field]).strip():
            raise UserError(f"field '{field}' is empty, and the prompt needs it. Fill it in, or remove the row.")
    try:
        prompt = compiled.render(record).strip()
    except UndefinedError as error:
        raise UserError(f"the prompt uses a field that is missing: {error}. {here} Correct `prompt`.") from None
    except (TemplateError, TypeError, ValueError) as error:
        raise UserError(f"the prompt cannot be filled in: {error}. Correct `prompt` in the task file.") from None
    if not prompt:
        raise UserError("the prompt is empty once filled in. Correct `prompt` in the task file.")
    return prompt


@cache
def _compiled(template: str) -> tuple[Template, set[str], set[str]]:
    """A compiled template, the fields it uses and those it can do without."""
    try:
        tree = _JINJA.parse(template)
        compiled = _JINJA.from_string(template)
    except TemplateSyntaxError as error:
        raise UserError(f"key 'prompt', line {error.lineno}: not a valid Jinja template ({error.message}).") from None
    optional: list[nodes.Node] = [node.test for node in tree.find_all(nodes.If)]
    optional += [node.test for node in tree.find_all(nodes.CondExpr)]
    optional += [node for node in tree.find_all(nodes.Filter) if node.name in ("default", "d")]
    tested = {test.name for test in optional if isinstance(test, nodes.Name)}
    tested |= {name.name for test in optional for name in test.find_all(nodes.Name)}
    return compiled, meta.find_undeclared_variables(tree), tested


def task_rows(records: Iterable[Row], task: Mapping[str, Any], provenance: Mapping[str, Any]) -> list[Row]:
    """Every record as a task row, with the fields of `columns` renamed.

    Args:
        records: as `sources.retrieve` gives them, with their `provenance`.
        task: a task file's settings.

    Raises:
        UserError: what is wrong with a record, or an id that comes twice; with the source, row number and id.
    """
    where = provenance.get("path") or provenance.get("id") or f"generator {provenance['generator']}"
    rows: list[Row] = []
    number_of: dict[str, int] = {}
    for number, raw in enumerate(records, start=1):
        try:
            record = _renamed(raw, task.get("columns", {}), provenance["data"] == "synthetic")
            row = task_row(record, task)
        except UserError as error:
            raise UserError(f"{where}, row {number}: {error}") from None
        if row["id"] in number_of and "id" in record:
            first = number_of[row["id"]]
            raise UserError(f"{where}, row {number}: id '{row['id']}' is also that of row {first}. Give each its own.")
        number_of.setdefault(row["id"], number)
        rows.append(row)
    return rows


def _renamed(raw: Row, columns: Mapping[str, str], synthetic: bool) -> Row:
    record = dict(raw)
    for field, column in columns.items():
        if column in raw:
            record[field] = raw[column]
        elif not (synthetic and field in raw):  # generated records bear the fields' own names
            raise UserError(
                f"column '{column}' (for field '{field}') is missing. Columns here: {', '.join(raw)}. "
                "Correct `columns` in the task file."
            )
    return record


def task_row(record: Mapping[str, Any], task: Mapping[str, Any]) -> Row:
    """One row in TRL's conversational prompt / completion form.

    `id` (made of the prompt where the record has none), `prompt` and `completion` (lists of messages), and where the
    record has them: `label`, `accepted` (other right answers), `options` (wrong answers), `rejected`, `question` (the
    question itself, without what the prompt puts around it).

    Raises:
        UserError: an empty or missing field, an unknown label, or a wrong answer that equals the right one.
    """
    try:
        prompt = render_prompt(task["prompt"], record)
        row_id = _text(record, "id") if "id" in record else _digest(task["name"], prompt)
        labelled = task["outcome"] == "label"
        reference = _label(record, task["labels"]) if labelled else _text(record, "reference")
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
                raise UserError(f"field '{field}' holds the right answer too. Give a wrong one, or remove the row.")
    except UserError as error:
        named = f", id '{record['id']}'" if record.get("id") else ""
        raise UserError(f"task '{task['name']}'{named}: {error}") from None
    return row


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
        raise UserError(f"field '{field}' is a {type(value).__name__}, where text is needed.")
    text = "" if value is None else str(value).strip()
    if not text:
        raise UserError(f"field '{field}' is empty. Fill it in, or remove the row.")
    return text


def _texts(record: Mapping[str, Any], field: str) -> list[str]:
    value = record[field]
    if not isinstance(value, list) or not all(isinstance(text, str) and text.strip() for text in value):
        raise UserError(
            f"field '{field}' must be a list of texts, none of them empty (in JSON, since CSV has no lists)."
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


def tokenize_completion(row: Row, tokenizer: Any, column: str) -> tuple[list[int], list[int]]:
    """Token ids of a row's prompt and of the answer in `column`, apart, as TRL 1.16 makes them for training.

    The answer starts where the prompt alone (with the generation prompt) and the whole conversation diverge.
    """
    prompt = _tokens(tokenizer, row["prompt"], add_generation_prompt=True)
    whole = _tokens(tokenizer, row["prompt"] + row[column])
    pairs = zip(prompt, whole, strict=False)
    start = next((i for i, (one, other) in enumerate(pairs) if one != other), min(len(prompt), len(whole)))
    return whole[:start], whole[start:]


def _tokens(tokenizer: Any, messages: Sequence[Mapping[str, str]], **options: Any) -> list[int]:
    return list(tokenizer.apply_chat_template(messages, tokenize=True, return_dict=True, **options)["input_ids"])


def check_lengths(
    rows: Sequence[Row],
    tokenizer: Any,
    max_length: int,
    completions: Sequence[str] = ("completion",),
    source: str = "rows",
) -> dict[str, Any]:
    """Refuse rows that training would drop or teach nothing from; count those it cuts.

    Args:
        rows: SFT rows, or preference rows.
        tokenizer: a Hugging Face tokenizer with a chat template.
        max_length: tokens of prompt and answer that training keeps, from the start.
        completions: the columns that hold answers: `completion`, or `chosen` and `rejected`.
        source: the file the rows are from, for messages.

    Returns:
        `rows`, `truncated` (rows with an answer cut), `max_tokens` (longest prompt with answer, uncut) and
        `quantiles` of that length (nearest rank).

    Raises:
        UserError: a prompt that fills max_length, or an answer without a token.
    """
    lengths = []
    for number, row in enumerate(rows, start=1):
        where = f"{source}, row {number} (id '{row['id']}')"
        longest = 0
        for column in completions:
            prompt, answer = tokenize_completion(row, tokenizer, column)
            if len(prompt) >= max_length:
                raise UserError(
                    f"{where}: the prompt alone takes {len(prompt)} tokens and max_length is {max_length}, so that "
                    f"nothing of '{column}' is left. Raise max_length, or shorten or remove the row."
                )
            if not answer:
                raise UserError(f"{where}: '{column}' has no tokens. Fill it in, or remove the row.")
            longest = max(longest, len(prompt) + len(answer))
        lengths.append(longest)
    ranked = sorted(lengths)
    return {
        "rows": len(rows),
        "truncated": sum(length > max_length for length in lengths),
        "max_tokens": ranked[-1] if ranked else 0,
        "quantiles": {str(q): ranked[math.ceil(q * len(ranked)) - 1] for q in QUANTILES} if ranked else {},
    }
