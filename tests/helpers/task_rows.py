"""Rows of a task, as TRL's prompt / completion form has them, answers to them, and the labels of a task."""

from typing import Any

UTI = {
    "labels": ["UTI", "No UTI"],
    "label_synonyms": {"UTI": ["urinary tract infection", "yes"], "No UTI": ["not a UTI", "no"]},
}


def task_row(row_id: str, prompt: str = "Question", answer: str = "x", **fields: Any) -> dict[str, Any]:
    """A row of one user message and one reference answer, with further fields."""
    return {
        "id": row_id,
        "prompt": [{"role": "user", "content": prompt}],
        "completion": [{"role": "assistant", "content": answer}],
        **fields,
    }


def task_rows(*answers: str, **fields: Any) -> list[dict[str, Any]]:
    """Rows q0, q1, ... with these reference answers and further fields."""
    return [task_row(f"q{number}", answer=answer, **fields) for number, answer in enumerate(answers)]


def answers_of(*texts: str) -> list[dict[str, str]]:
    """A model's answers to the items q0, q1, ..."""
    return [{"id": f"q{number}", "text": text} for number, text in enumerate(texts)]
