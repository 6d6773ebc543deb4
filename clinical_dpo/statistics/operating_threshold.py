"""Choose the threshold of the probability. An item is called positive if its probability is at least the threshold.

The threshold is chosen on dev items, never on test items.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from sklearn.metrics import roc_curve

from clinical_dpo.errors import PublicError

RULES = ("youden", "f1", "sensitivity")


class Threshold(NamedTuple):
    """A threshold of the probability, with its sensitivity and specificity on the items that it was chosen on.

    Attributes:
        value: an item is called positive if its probability of the positive class is at least this value.
        rule: the rule that chose the threshold, one of RULES.
        n: number of items that the threshold was chosen on.
        sensitivity, specificity: sensitivity and specificity of the threshold on these items.
    """

    value: float
    rule: str
    n: int
    sensitivity: float
    specificity: float


def choose_threshold(
    probabilities: Sequence[float], positive: Sequence[bool], rule: str, at_least: float | None = None
) -> Threshold:
    """Choose the best threshold of the probability by a rule.

    The candidate thresholds are 0 and the midpoint of every two neighbouring probabilities. If the highest probability
    is below 1, the midpoint between the highest probability and 1 is a candidate, too. Of several equally good
    candidates, the one nearest to 0.5 is chosen. Of two candidates that are equally near to 0.5, the lower one is
    chosen.

    Args:
        probabilities: each dev item's probability of the positive class.
        positive: whether each dev item is positive.
        rule: `youden` takes the largest sensitivity + specificity - 1. `f1` takes the largest F1. `sensitivity` takes
            the largest specificity among the candidates whose sensitivity is at least `at_least`.
        at_least: lowest allowed sensitivity, above 0 and at most 1. Needed only for the rule `sensitivity`.

    Raises:
        PublicError: all dev items have the same class, the rule is unknown, or `at_least` is missing.
    """
    scores, carried = np.asarray(probabilities, dtype=float), np.asarray(positive, dtype=bool)
    if rule not in RULES:
        raise PublicError(f"key 'threshold.rule': the rule '{rule}' is not known. Use one of {', '.join(RULES)}.")
    if rule == "sensitivity" and at_least is None:
        raise PublicError(
            "key 'threshold.at_least' is missing, but the rule 'sensitivity' needs it. Set at_least to the lowest "
            "sensitivity that is allowed."
        )
    if carried.all() or not carried.any():
        raise PublicError(
            f"key 'threshold': all {len(carried)} dev items have the same label, so no threshold can be chosen. Raise "
            "splits.dev, so that the dev items have both labels."
        )
    false_share, hit_share, at = roc_curve(carried, scores, drop_intermediate=False)
    # At point i of the curve, items with a probability of at least at[i] are positive. at[0] is infinite: none is.
    middle = (at[1:-1] + at[2:]) / 2
    thresholds = np.array([(1 + at[1]) / 2, *np.where(middle > at[2:], middle, at[1:-1]), 0.0])
    if at[1] >= 1:  # no probability is above 1
        false_share, hit_share, thresholds = false_share[1:], hit_share[1:], thresholds[1:]
    hits, alarms = hit_share * carried.sum(), false_share * (~carried).sum()
    goodness = {
        "youden": hit_share - false_share,
        "f1": 2 * hits / (carried.sum() + hits + alarms),
        "sensitivity": np.where(hit_share >= (at_least or 0) - 1e-12, -false_share, -np.inf),
    }[rule]
    best = np.flatnonzero(goodness >= goodness.max() - 1e-12)
    chosen = min(best, key=lambda index: (abs(thresholds[index] - 0.5), thresholds[index]))
    return Threshold(
        float(thresholds[chosen]), rule, len(carried), float(hit_share[chosen]), float(1 - false_share[chosen])
    )
