"""Draw the rejected label of a preference pair: a label that is not the reference answer."""

import random
from collections.abc import Sequence


def other_label(chosen: str, labels: Sequence[str], draw: random.Random, weights: str = "uniform") -> str:
    """Draw a label other than the reference answer. If there are only two labels, the other label is returned.

    Args:
        chosen: the reference answer, one of `labels`.
        labels: all labels. If `weights` is `near`, the labels must be in their natural order, such as mild to severe.
        draw: source of random numbers.
        weights: `uniform` gives each other label the same probability. `near` prefers labels close to `chosen`: the
            probability of a label that is d steps away in `labels` is proportional to 1 / d².
    """
    others = [label for label in labels if label != chosen]
    if len(others) == 1:
        return others[0]
    return draw.choices(others, label_weights(chosen, labels, weights))[0]


def label_weights(chosen: str, labels: Sequence[str], weights: str) -> list[float]:
    """Return the weight of each label except `chosen`, in the order of `labels`.

    If `weights` is `uniform`, each weight is 1. If it is `near`, a label that is d steps away from `chosen` in `labels`
    has the weight 1 / d².
    """
    index = labels.index(chosen)
    steps = [abs(other - index) for other in range(len(labels)) if other != index]
    return [1 / step**2 if weights == "near" else 1.0 for step in steps]
