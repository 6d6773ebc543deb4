"""HealthBench's meta-evaluation (Arora et al. 2025): physicians' verdicts on whether an answer meets a criterion.

The publisher's file (`..._oss_meta_eval.jsonl`) has a row for each answer and criterion: `prompt` (the conversation),
`completion` (the answer), `rubric` (the criterion), `category`, `binary_labels` (one verdict of each physician) and
`anonymized_physician_ids`.
"""

from collections.abc import Mapping
from typing import Any

from clinical_dpo.errors import UserError
from clinical_dpo.io import Row, json_sha256

COLUMNS = ("prompt", "completion", "rubric", "category", "binary_labels")
MET, NOT_MET = "met", "not met"
TIED = "physicians are divided equally"


def to_verdict(row: Mapping[str, Any]) -> Row | str:
    """Convert a row to a record: `id`, `conversation`, `answer`, `criterion`, `category`, `label` and `physicians`.

    `conversation` has one paragraph for each message. A paragraph begins with the message's role. `label` is the
    verdict of more than half of the physicians: `met` or `not met`. `physicians` is the number of all physicians. If
    the physicians are divided equally, the row is dropped, and the reason is returned instead of a record.

    Raises:
        UserError: a field is missing, empty or of another type. The message names the field.
    """
    for field in COLUMNS:
        if row.get(field) in (None, "", [], {}):
            problem = "is empty" if field in row else "is missing"
            mend = "Complete or remove the row." if field in row else "Add the field, or choose another reader or file."
            raise UserError(
                f"field '{field}' {problem}. Reader healthbench needs {', '.join(COLUMNS)}. Fields here: "
                f"{', '.join(row)}. {mend}"
            )
    labels = row["binary_labels"]
    if not isinstance(labels, list) or not all(isinstance(label, bool) for label in labels):
        raise UserError(
            "field 'binary_labels' is not a list of true and false. Write true or false for each physician. Only JSON, "
            "JSON Lines and Parquet files can hold lists."
        )
    for field in ("completion", "rubric", "category"):
        if not isinstance(row[field], str):
            raise UserError(f"field '{field}' has the type {type(row[field]).__name__}, not text. Write a text.")
    conversation = _conversation(row["prompt"])
    met = sum(labels)
    if 2 * met == len(labels):
        return TIED
    record = {"conversation": conversation, "answer": row["completion"].strip(), "criterion": row["rubric"].strip()}
    return {
        "id": f"healthbench-{json_sha256(record)[:16]}",
        **record,
        "category": row["category"],
        "label": MET if 2 * met > len(labels) else NOT_MET,
        "physicians": len(labels),
    }


def _conversation(messages: Any) -> str:
    """Return the messages of a conversation as text. Each message is a paragraph that begins with its role."""
    if not isinstance(messages, list):
        raise UserError(
            f"field 'prompt' has the type {type(messages).__name__}, not a list of messages. Write a "
            "list. Only JSON, JSON Lines and Parquet files can hold lists."
        )
    paragraphs = []
    for number, message in enumerate(messages, start=1):
        role, content = (message.get(name) if isinstance(message, Mapping) else None for name in ("role", "content"))
        if not (isinstance(role, str) and role.strip() and isinstance(content, str) and content.strip()):
            raise UserError(f"field 'prompt', message {number}: 'role' or 'content' has no text. Complete the message.")
        paragraphs.append(f"{role}: {content.strip()}")
    return "\n\n".join(paragraphs)
