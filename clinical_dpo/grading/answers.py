"""Answers of models, matched with the rows they answer."""

from collections.abc import Sequence

from clinical_dpo.errors import UserError
from clinical_dpo.grading.scale import mean
from clinical_dpo.io import Row
from clinical_dpo.thoughts import split_thought


def answer_texts(rows: Sequence[Row], answers: Sequence[Row], variant: str = "") -> list[str]:
    """The text of each row's answer without its thought, in the order of `rows`.

    Args:
        rows: task rows.
        answers: one answer (`id`, `text`) per row, in any order.
        variant: whose answers, for the message.

    Raises:
        UserError: answers of other items than `rows`.
    """
    by_id = {answer["id"]: answer["text"] for answer in answers}
    if strange := sorted({row["id"] for row in rows} ^ set(by_id)):
        of = f" of {variant}" if variant else ""
        raise UserError(
            f"answers{of} and test items differ, for example {strange[:3]}. Delete the answers and run again."
        )
    return [split_thought(by_id[row["id"]]).answer for row in rows]


def reading_shares(answers: Sequence[Row]) -> dict[str, float | None]:
    """Shares of answers with a thought, cut inside their thought, and cut by the token limit at all.

    Args:
        answers: `text`, and `finish_reason` where it is known; the last share is None where none knows it.
    """
    replies = [split_thought(answer["text"]) for answer in answers]
    ends = [answer["finish_reason"] == "length" for answer in answers if "finish_reason" in answer]
    return {
        "thought_rate": mean([bool(reply.thought) or reply.cut for reply in replies]),
        "cut_in_thought_rate": mean([reply.cut for reply in replies]),
        "cut_rate": mean(ends),
    }
