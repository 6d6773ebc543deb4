"""Point estimates of a variant's answers.

An answer that could not be parsed (None or an empty string) is a wrong answer, never a dropped one: it makes accuracy
lower; it is a false negative of its item's own class and a false positive of none, so that F1 and sensitivity fall;
and to an item of the negative class it is no true negative, so that specificity falls.
"""

from collections.abc import Sequence

Answers = Sequence[str | None]


def f1(labels: Sequence[str], parsed: Answers, positive: str) -> float | None:
    """F1 of the class `positive`: 2 TP / (2 TP + FP + FN).

    Args:
        labels: true labels.
        parsed: predicted labels, None or "" where an answer gives none; an invalid answer to a positive item is a
            false negative, to any other item neither a true nor a false positive.
        positive: the class.

    Returns:
        None where no item is positive and none is predicted so (0 / 0).
    """
    true_positives = sum(label == found == positive for label, found in zip(labels, parsed, strict=True))
    named = sum(label == positive for label in labels) + sum(found == positive for found in parsed)
    return 2 * true_positives / named if named else None


def macro_f1(labels: Sequence[str], parsed: Answers, classes: Sequence[str]) -> float | None:
    """Unweighted mean of the classes' F1; a class whose F1 is not defined is left out, None where all are."""
    return mean([value for name in classes if (value := f1(labels, parsed, name)) is not None])


def accuracy(labels: Sequence[str], parsed: Answers) -> float | None:
    """Share of items answered with their label; an invalid answer is wrong. None without items."""
    return mean([label == found for label, found in zip(labels, parsed, strict=True)])


def sensitivity(labels: Sequence[str], parsed: Answers, positive: str) -> float | None:
    """Share of positive items answered `positive`; an invalid answer is a miss. None without positive items."""
    return mean([found == positive for label, found in zip(labels, parsed, strict=True) if label == positive])


def specificity(labels: Sequence[str], parsed: Answers, positive: str) -> float | None:
    """Share of the other items answered with another class; an invalid answer is no true negative. None without any."""
    return mean(
        [bool(found) and found != positive for label, found in zip(labels, parsed, strict=True) if label != positive]
    )


def invalid_rate(parsed: Answers) -> float | None:
    """Share of answers that could not be parsed. None without answers."""
    return mean([not found for found in parsed])


def mean(values: Sequence[float]) -> float | None:
    """Arithmetic mean; None without values."""
    return sum(values) / len(values) if values else None
