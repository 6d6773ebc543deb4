"""P of a permutation test of the difference between two variants' F1, for independent items.

The test swaps the two variants' answers to an item. `clustered.swap_p` is the test for items in groups.
"""

import numpy as np
from scipy.stats import binom, permutation_test

from clinical_dpo.statistics.intervals import BLOCK, RESAMPLES, SAME


def exact_p(counts: np.ndarray) -> float:
    """Exact two-sided permutation P of the difference between two variants' F1 of the positive class.

    The test swaps the two variants' answers to an item. An item is discordant if exactly one variant answers it as
    positive. Only swaps at discordant items change the difference. Let TP and FP be the first variant's numbers of true
    and false positives at discordant items. TP and FP determine the difference. After random swaps, the first variant
    answers each discordant item as positive with probability 1/2, so TP and FP are independent and binomial. P is
    computed from their two distributions. No library has this computation. scipy's exact test would go through all 2^n
    swaps of n items.

    Args:
        counts: numbers of items, an array of shape (classes, classes + 1, classes + 1). The axes are the true label,
            the first variant's answer and the second variant's answer. Index 0 is the positive class.
    """
    cells = np.zeros((2, 2, 2), dtype=int)  # label, first answer, second answer; index 0 is the positive class
    for cell, number in np.ndenumerate(counts):
        cells[tuple(int(index > 0) for index in cell)] += number
    positives, tp_both, fp_both = cells[0].sum(), cells[0, 0, 0], cells[1, 0, 0]
    (tp_first, tp_second), (fp_first, fp_second) = ((cells[k, 0, 1], cells[k, 1, 0]) for k in (0, 1))
    tp_either, fp_either = tp_first + tp_second, fp_first + fp_second

    def difference(tp: np.ndarray | int, fp: np.ndarray | int) -> np.ndarray:
        """Return the first variant's F1 minus the second variant's F1.

        At each discordant item, exactly one variant's answer is positive. The numbers of the first variant therefore
        determine those of the second variant.

        Args:
            tp: the first variant's number of true positives at discordant items.
            fp: the first variant's number of false positives at discordant items.
        """
        numerators = [2 * (tp_both + tp), 2 * (tp_both + tp_either - tp)]
        false_positives = [fp_both + fp, fp_both + fp_either - fp]
        with np.errstate(invalid="ignore"):
            first, second = (
                top / (positives + top / 2 + wrong) for top, wrong in zip(numerators, false_positives, strict=True)
            )
        return np.asarray(first - second)

    observed = abs(float(difference(tp_first, fp_first)))
    p, fp = 0.0, np.arange(fp_either + 1)
    fp_chances = binom.pmf(fp, fp_either, 0.5)
    for tp, chance in enumerate(binom.pmf(np.arange(tp_either + 1), tp_either, 0.5)):
        p += chance * float(fp_chances[~(np.abs(difference(tp, fp)) < observed - SAME)].sum())
    return float(min(1.0, p))


def macro_p(labels: np.ndarray, first: np.ndarray, second: np.ndarray, classes: int, seed: int) -> float:
    """Two-sided permutation P of the difference of macro F1, by scipy.

    The test swaps the two variants' answers to an item. P is exact for up to 13 items. For more items it comes from
    10,000 random swaps. P is 1 for a single item, because a swap then changes only the sign of the difference.

    Args:
        labels: index of each item's true label, an array of shape (items,).
        first: index of the first variant's answer to each item, an array of shape (items,). An answer without a label
            has the index `classes`.
        second: indices of the second variant's answers, as in `first`.
        classes: number of classes.
        seed: seed of the random swaps.
    """
    if len(labels) < 2:
        return 1.0

    def difference(x: np.ndarray, y: np.ndarray, axis: int = -1) -> np.ndarray:
        return _macro(labels, x, classes, axis) - _macro(labels, y, classes, axis)

    result = permutation_test(
        (first, second), difference, permutation_type="samples", n_resamples=RESAMPLES - 1, batch=BLOCK, rng=seed
    )
    return float(result.pvalue)


def _macro(labels: np.ndarray, answers: np.ndarray, classes: int, axis: int) -> np.ndarray:
    """Macro F1 along an axis of `answers`. A class that is neither the label nor the answer of any item is left out.

    Args:
        labels: index of each item's true label, an array of shape (items,).
        answers: indices of the answers. The axis `axis` has the items, further axes have resamples.
        classes: number of classes.
        axis: axis of the items in `answers`.
    """
    scores = []
    for index in range(classes):
        labelled, answered = labels == index, answers == index
        total = labelled.sum() + answered.sum(axis=axis)
        numerator = 2 * (labelled & answered).sum(axis=axis)
        scores.append(np.divide(numerator, total, out=np.full(np.shape(total), np.nan), where=total > 0))
    return np.nanmean(scores, axis=0)
