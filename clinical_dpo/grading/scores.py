"""Point estimates of a variant's answers.

An answer that could not be parsed (None or an empty string) is wrong and is never dropped. It lowers accuracy. It is a
false negative of its item's class and a false positive of no class, so it lowers F1 and sensitivity. It is no true
negative of an item of the negative class, so it lowers specificity.
"""

import math
from collections.abc import Sequence

from clinical_dpo.grading.scale import mean

Answers = Sequence[str | None]


def f1(labels: Sequence[str], parsed: Answers, positive: str) -> float | None:
    """F1 of the class `positive`, 2 TP / (2 TP + FP + FN), by scikit-learn.

    Args:
        labels: true labels.
        parsed: predicted labels; None or "" if an answer gives no label. Such an answer is a false negative if the
            item is positive. Otherwise it is neither a true nor a false positive.
        positive: the class.

    Returns:
        F1, or None if no item and no prediction is positive (0 / 0).
    """
    from sklearn.metrics import f1_score  # late: every start of Snakemake reads this module

    return _defined(f1_score(_named(labels, positive), _named(parsed, positive), zero_division=math.nan))


def macro_f1(labels: Sequence[str], parsed: Answers, classes: Sequence[str]) -> float | None:
    """Unweighted mean of the F1 of all classes with a defined F1. None if no class has a defined F1."""
    return mean([value for name in classes if (value := f1(labels, parsed, name)) is not None])


def accuracy(labels: Sequence[str], parsed: Answers) -> float | None:
    """Share of items answered with their label; an invalid answer is wrong. None without items."""
    return mean([label == predicted for label, predicted in zip(labels, parsed, strict=True)])


def sensitivity(labels: Sequence[str], parsed: Answers, positive: str) -> float | None:
    """Share of positive items answered `positive`; an invalid answer is a miss. None without any."""
    from sklearn.metrics import recall_score

    return _defined(recall_score(_named(labels, positive), _named(parsed, positive), zero_division=math.nan))


def specificity(labels: Sequence[str], parsed: Answers, positive: str) -> float | None:
    """Share of negative items answered with another class; an invalid answer is wrong. None without negative items."""
    return mean(
        [
            bool(predicted) and predicted != positive
            for label, predicted in zip(labels, parsed, strict=True)
            if label != positive
        ]
    )


def balanced_accuracy(labels: Sequence[str], parsed: Answers, classes: Sequence[str]) -> float | None:
    """Mean sensitivity of the classes with an item; an invalid answer is a miss. There is at least one item."""
    return mean([value for name in classes if (value := sensitivity(labels, parsed, name)) is not None])


def invalid_rate(parsed: Answers) -> float | None:
    """Share of answers that could not be parsed. None without answers."""
    return mean([not predicted for predicted in parsed])


def _named(words: Answers, name: str) -> list[bool]:
    return [word == name for word in words]


def _defined(score: float) -> float | None:
    return None if math.isnan(score) else float(score)
