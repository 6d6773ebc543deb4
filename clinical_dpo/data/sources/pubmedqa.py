"""PubMedQA (Jin et al., 2019): a question, the abstract without its conclusion, and the conclusion as the long answer.

Two formats are read. The publisher's file is an object whose keys are PMIDs (`QUESTION, CONTEXTS[], LONG_ANSWER,
final_decision, ...`). The Hugging Face hub has rows (`pubid, question, context {contexts[], ...}, long_answer,
final_decision`).
"""

from collections.abc import Mapping
from typing import Any

from clinical_dpo.errors import UserError
from clinical_dpo.io import Row

PUBLISHER = ("id", "QUESTION", "CONTEXTS", "LONG_ANSWER")
HUB = ("pubid", "question", "context", "long_answer")


def to_context_question(row: Mapping[str, Any]) -> Row:
    """Return a record: `id` (PMID), `context` (one line for each paragraph), `question`, `reference` (the long answer).

    The record also has `final_decision` (yes, no or maybe) if the row has it.

    Raises:
        UserError: a field is missing, empty or of the wrong type. The message names PMID and field.
    """
    fields = PUBLISHER if "QUESTION" in row or "CONTEXTS" in row else HUB
    of_pmid = f"PMID {row[fields[0]]}: " if row.get(fields[0]) else ""
    for field in fields:
        if row.get(field) in (None, "", [], {}):
            problem = "is empty" if field in row else "is missing"
            raise UserError(
                f"{of_pmid}field '{field}' {problem}. Reader pubmedqa needs one of two sets of fields. In the "
                f"publisher's file: {', '.join(PUBLISHER)}. In rows on the hub: {', '.join(HUB)}. Fields here: "
                f"{', '.join(row)}. Complete or remove the row."
            )
    pmid, question, context, answer = (row[field] for field in fields)
    name = fields[2]
    if fields is HUB:
        if not isinstance(context, Mapping) or not context.get("contexts"):
            raise UserError(f"{of_pmid}field 'context' has no list 'contexts' of paragraphs. Complete the row.")
        context, name = context["contexts"], "context.contexts"
    if not isinstance(context, list):
        raise UserError(
            f"{of_pmid}field '{name}' has the type {type(context).__name__}, not a list of paragraphs. Use a JSON file "
            f"in which '{name}' is a list. A CSV file cannot hold lists."
        )
    record = {
        "id": str(pmid),
        "context": "\n".join(
            _text(paragraph, f"{of_pmid}field '{name}', paragraph {i}") for i, paragraph in enumerate(context, start=1)
        ),
        "question": _text(question, f"{of_pmid}field '{fields[1]}'"),
        "reference": _text(answer, f"{of_pmid}field '{fields[3]}'"),
    }
    return record | ({"final_decision": row["final_decision"]} if row.get("final_decision") else {})


def _text(value: Any, location: str) -> str:
    """Return a text on one line, with single spaces.

    Raises:
        UserError: the value is empty or not text. The message begins with `location`.
    """
    if not isinstance(value, str):
        raise UserError(f"{location} has the type {type(value).__name__}, not text. Write a text.")
    if not value.strip():
        raise UserError(f"{location} is empty. Fill in the text, or remove the row.")
    return " ".join(value.split())
