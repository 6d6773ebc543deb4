"""Rows of a task, as TRL's prompt / completion form has them."""

from typing import Any


def task_row(row_id: str, prompt: str = "Question", answer: str = "x", **fields: Any) -> dict[str, Any]:
    """A row of one user message and one reference answer, with further fields."""
    return {
        "id": row_id,
        "prompt": [{"role": "user", "content": prompt}],
        "completion": [{"role": "assistant", "content": answer}],
        **fields,
    }
