"""Answers of models, matched with the rows they answer."""

from collections.abc import Sequence

from clinical_dpo.errors import UserError
from clinical_dpo.io import Row


def answer_texts(rows: Sequence[Row], answers: Sequence[Row], variant: str = "") -> list[str]:
    """The text of each row's answer, in the order of `rows`.

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
    return [by_id[row["id"]] for row in rows]
