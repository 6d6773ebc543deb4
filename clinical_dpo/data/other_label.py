"""The rejected label of a preference pair: one of those that are not the reference answer."""

import random
from collections.abc import Sequence


def other_label(chosen: str, labels: Sequence[str], draw: random.Random, weights: str = "uniform") -> str:
    """Draw one of the other labels. With two labels, the other one is returned without a draw.

    Args:
        chosen: the reference answer, one of `labels`.
        labels: all labels; for weights `near` in their order.
        draw: source of random numbers.
        weights: `uniform` gives each label the same probability. `near` gives each a probability proportional to 1 /
            d², where d is its number of steps from `chosen`.
    """
    others = [label for label in labels if label != chosen]
    if len(others) == 1:
        return others[0]
    return draw.choices(others, label_weights(chosen, labels, weights))[0]


def label_weights(chosen: str, labels: Sequence[str], weights: str) -> list[float]:
    """The weight of each other label, in their order."""
    index = labels.index(chosen)
    steps = [abs(other - index) for other in range(len(labels)) if other != index]
    return [1 / step**2 if weights == "near" else 1.0 for step in steps]
