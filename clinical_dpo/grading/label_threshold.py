"""Turn probabilities into labels: positive if the probability of the positive label is at least a threshold."""

from collections.abc import Mapping, Sequence
from typing import Any

from clinical_dpo.errors import UserError
from clinical_dpo.io import Row


def positive_items(
    rows: Sequence[Mapping[str, Any]], answers: Sequence[Mapping[str, Any]], positive: str
) -> tuple[list[float], list[bool]]:
    """Return the probability of the positive class for each row, and whether the row's label is this class.

    Both lists are in the order of `rows`.

    Args:
        rows: task rows with `label`.
        answers: one per row, in any order, with `probabilities`.
        positive: the positive class.

    Raises:
        UserError: an answer has no probabilities.
    """
    by_id = {answer["id"]: answer for answer in answers}
    probabilities = [_probability(by_id[row["id"]], positive) for row in rows]
    return probabilities, [row["label"] == positive for row in rows]


def at_threshold(answers: Sequence[Mapping[str, Any]], labels: Sequence[str], threshold: float) -> list[Row]:
    """Return the answers with their texts replaced by a label.

    The label is the first of the two `labels` if its probability is at least `threshold`, else the second. An answer
    without probabilities, such as an external answer, keeps its text.
    """
    return [
        {**answer, "text": labels[0 if _probability(answer, labels[0]) >= threshold else 1]}
        if "probabilities" in answer
        else dict(answer)
        for answer in answers
    ]


def _probability(answer: Mapping[str, Any], label: str) -> float:
    if "probabilities" not in answer:
        raise UserError(
            f"answer '{answer['id']}' has no probabilities of labels, but a threshold needs them. Delete the file of "
            "these answers and run again."
        )
    return float(answer["probabilities"][label])
