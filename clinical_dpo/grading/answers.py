"""Read the answers of models, and match them with the task rows that they answer."""

from collections.abc import Sequence
from pathlib import Path
from typing import cast

from clinical_dpo.errors import UserError
from clinical_dpo.grading.scale import mean
from clinical_dpo.io import read_jsonl
from clinical_dpo.records import Answer, TaskRow
from clinical_dpo.thoughts import split_thought


def read_task_rows(path: str | Path) -> list[TaskRow]:
    """Read the rows of one data split from a JSON Lines file."""
    return cast(list[TaskRow], read_jsonl(path))


def read_answers(path: str | Path) -> list[Answer]:
    """Read a model's answers from a JSON Lines file."""
    return cast(list[Answer], read_jsonl(path))


def answer_texts(rows: Sequence[TaskRow], answers: Sequence[Answer], variant: str = "") -> list[str]:
    """Return the text of the answer to each row, in the order of `rows`. A reasoning model's thought is removed.

    Args:
        rows: task rows.
        answers: one answer per row, in any order.
        variant: name of the variant that gave the answers, for the error message; "" leaves the name out.

    Raises:
        UserError: the ids of `answers` differ from the ids of `rows`.
    """
    text_by_id = {answer["id"]: answer["text"] for answer in answers}
    if unmatched := sorted({row["id"] for row in rows} ^ set(text_by_id)):
        answers_name = f"answers of {variant}" if variant else "answers"
        raise UserError(
            f"{answers_name}: some ids are only in the answers or only in the test items, such as {unmatched[:3]}. "
            "Delete the file of these answers and run again."
        )
    return [split_thought(text_by_id[row["id"]]).answer for row in rows]


def reading_shares(answers: Sequence[Answer]) -> dict[str, float | None]:
    """Return three shares of answers: with a thought, cut inside a thought, and cut by the token limit.

    A thought is what a reasoning model writes before its answer.

    Args:
        answers: answers of one variant.

    Returns:
        `thought_rate`, `cut_in_thought_rate` and `cut_rate`. `cut_rate` is the share among the answers with
        `finish_reason`; None if no answer has a `finish_reason`.
    """
    replies = [split_thought(answer["text"]) for answer in answers]
    cut_by_limit = [answer["finish_reason"] == "length" for answer in answers if "finish_reason" in answer]
    return {
        "thought_rate": mean([bool(reply.thought) or reply.cut for reply in replies]),
        "cut_in_thought_rate": mean([reply.cut for reply in replies]),
        "cut_rate": mean(cut_by_limit),
    }
