"""Metrics of the probabilities that a variant assigns to the labels.

With two labels, all metrics are about the probability of the first label, the positive class. With more labels:

- AUROC and average precision are computed for each class against all other classes. Their mean over the classes is
  unweighted.
- The Brier score is a sum over the classes.
- The calibration slope, the expected calibration error and the reliability table are about the event that the most
  probable label is right, and about the probability of that label (Guo et al. 2017, arXiv:1706.04599).
"""

from collections.abc import Mapping, Sequence

import numpy as np
import statsmodels.api as sm
from scipy.special import logit

from clinical_dpo.io import Row
from clinical_dpo.records import Answer, Grade
from clinical_dpo.statistics.bootstrap_intervals import Statistic, bootstrapped
from clinical_dpo.statistics.clustered import share_interval
from clinical_dpo.statistics.estimate import Estimate
from clinical_dpo.statistics.groups import Groups, interval_method
from clinical_dpo.statistics.intervals import LEVEL, Interval
from clinical_dpo.statistics.ranking_metrics import auroc, average_precision, mean_over_classes

BINS = 10  # of equal width
CLIP = 1e-12  # a probability is kept this far from 0 and 1 before its logit is taken
PROBABILITY_METRICS = ("auroc", "average_precision", "brier", "calibration_slope", "ece")


def brier(probabilities: np.ndarray, codes: np.ndarray) -> Statistic:
    """Return a function that computes the Brier score (1950) of the items with given weights.

    The Brier score is the mean squared distance between the probabilities of the labels and the true label. An item's
    squared distance is a sum over the labels. With two labels, this sum is halved. The score therefore lies between 0
    and 1 for two labels, and between 0 and 2 for more labels.

    Args:
        probabilities: probability of each label for each item, shape (items, labels).
        codes: index of each item's true label, shape (items,).

    Returns:
        A function. It takes weights, an array of shape (resamples, items), and returns one score per resample.
    """
    carried = np.eye(probabilities.shape[1])[codes]
    each = ((probabilities - carried) ** 2).sum(axis=1) / (2 if probabilities.shape[1] == 2 else 1)
    return lambda weights: weights @ each / weights.sum(axis=1)


def bin_of(confidence: np.ndarray) -> np.ndarray:
    """Index of each probability's bin, from 0 to 9, as in scikit-learn.

    Bin k holds the probabilities above k / 10 up to (k + 1) / 10. The first bin also holds the probability 0.
    """
    return np.searchsorted(np.linspace(0, 1, BINS + 1)[1:-1], confidence)


def calibration_error(confidence: np.ndarray, right: np.ndarray) -> Statistic:
    """Return a function that computes the expected calibration error of the items with given weights.

    Each item has an event, such as that its most probable label is right (see `confidence_of`). The probabilities of
    the events are put into ten bins of equal width (Naeini et al. 2015, AAAI). The error of a bin is the absolute
    difference between its mean probability and the share of its items whose event is true. The result is the mean error
    of the bins. Each bin is weighted by the total weight of its items.

    Args:
        confidence: probability of each item's event, shape (items,).
        right: whether each item's event is true, shape (items,), boolean.

    Returns:
        A function. It takes weights, an array of shape (resamples, items), and returns one error per resample.
    """
    positions = bin_of(confidence)
    gaps = np.zeros((len(confidence), BINS))
    gaps[np.arange(len(confidence)), positions] = confidence - right
    return lambda weights: np.abs(weights @ gaps).sum(axis=1) / weights.sum(axis=1)


def calibration_slope(
    confidence: np.ndarray, right: np.ndarray, groups: Groups | None = None
) -> tuple[float | None, Interval]:
    """Slope of a logistic regression of an event on the logit of its probability (Cox 1958), by statsmodels.

    A slope of 1 means that the probabilities are calibrated. Below 1 they are too extreme, above 1 not extreme enough.
    The 95% interval is Wald's. If the items are in groups, the interval uses the cluster-robust standard error.

    Args:
        confidence: probability of each item's event, shape (items,). A probability that is closer than 1e-12 to 0 or 1
            is moved to this distance.
        right: whether each item's event is true, shape (items,), boolean.
        groups: index of each item's group, an array of shape (items,); None for independent items.

    Returns:
        Slope and interval. All values are None if all events are true, if all are false, or if all probabilities are
        equal. All values are also None if a threshold of the probability separates the true events from the false ones,
        because the likelihood then has no maximum.
    """
    x = logit(np.clip(confidence, CLIP, 1 - CLIP))
    yes, no = x[right], x[~right]
    if not len(yes) or not len(no) or np.ptp(x) == 0 or yes.min() >= no.max() or yes.max() <= no.min():
        return None, (None, None)
    model = sm.GLM(right.astype(float), sm.add_constant(x), family=sm.families.Binomial())
    covariance = {} if groups is None else {"cov_type": "cluster", "cov_kwds": {"groups": groups}}
    fitted = model.fit(**covariance)
    low, high = fitted.conf_int(1 - LEVEL)[1]
    return float(fitted.params[1]), (float(low), float(high))


def confidence_of(probabilities: np.ndarray, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each item, the predicted probability of an event, and whether the event occurs. Calibration compares the two.

    With two labels, the event is that the item is positive (its true label is the first label). With more labels, the
    event is that the most probable label is the true label. If several labels are equally probable, the first of them
    counts as the most probable.

    Args:
        probabilities: probability of each label for each item, shape (items, labels).
        codes: index of each item's true label, shape (items,).

    Returns:
        The probabilities of the events, and whether the events occur; two arrays of shape (items,).
    """
    if probabilities.shape[1] == 2:
        return probabilities[:, 0], codes == 0
    return probabilities.max(axis=1), probabilities.argmax(axis=1) == codes


def as_arrays(
    probabilities: Sequence[Mapping[str, float]], labels: Sequence[str], classes: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the probabilities as an array of shape (items, labels), and the index of each item's true label.

    Args:
        probabilities: for each item, a mapping from label to probability.
        labels: the true label of each item.
        classes: all labels of the task, in the order of the array's second axis.

    Returns:
        The array of probabilities, and the indices of the true labels, an array of shape (items,).
    """
    return np.array([[row[name] for name in classes] for row in probabilities]), np.array(
        [list(classes).index(label) for label in labels]
    )


def probability_estimates(
    probabilities: Sequence[Mapping[str, float]],
    labels: Sequence[str],
    classes: Sequence[str],
    seed: int,
    groups: Groups | None = None,
) -> list[Estimate]:
    """AUROC, average precision, Brier score, calibration slope and expected calibration error.

    The slope has Wald's interval. All other metrics have bootstrap intervals.

    Args:
        probabilities: for each item, a mapping from label to probability. The probabilities of an item add up to 1.
        labels: the true label of each item.
        classes: all labels of the task; of two labels, the positive class first.
        seed: seed of the bootstrap.
        groups: index of each item's group, an array of shape (items,); None for independent items.
    """
    values, codes = as_arrays(probabilities, labels, classes)
    confidence, right = confidence_of(values, codes)
    items, of = len(labels), classes[0] if len(classes) == 2 else ""
    statistics = {
        "auroc": mean_over_classes(auroc, values, codes),
        "average_precision": mean_over_classes(average_precision, values, codes),
        "brier": brier(values, codes),
        "ece": calibration_error(confidence, right),
    }
    rows = {
        name: bootstrapped(name, of, statistic, items, seed, groups, is_error=name == "ece")
        for name, statistic in statistics.items()
    }
    slope, interval = calibration_slope(confidence, right, groups)
    rows["calibration_slope"] = Estimate(
        "calibration_slope", of, slope, interval, interval_method("wald", groups), items
    )
    return [rows[name] for name in PROBABILITY_METRICS]


def reliability_rows(
    probabilities: Sequence[Mapping[str, float]],
    labels: Sequence[str],
    classes: Sequence[str],
    groups: Groups | None = None,
) -> list[Row]:
    """Rows of a reliability table: one row for each bin of probabilities that has items.

    Each item has an event and the event's probability (see `confidence_of`). With two labels, the event is that the
    item belongs to the positive class. With more labels, the event is that the most probable label is the true label. A
    row has the limits of the bin, the number of its items, the mean probability, and the share of items whose event
    occurs. The share has a 95% interval. For independent items, this is Wilson's interval. For items in groups, it is
    the interval of `clustered.ratio`. If all items of a bin belong to one group, both limits of the interval are None.

    Args:
        probabilities: for each item, a mapping from label to probability.
        labels: the true label of each item.
        classes: all labels of the task. If there are two, the positive class comes first.
        groups: index of each item's group, an array of shape (items,); None for independent items.
    """
    values, codes = as_arrays(probabilities, labels, classes)
    confidence, right = confidence_of(values, codes)
    positions, rows = bin_of(confidence), []
    for index in sorted(set(positions.tolist())):
        inside = positions == index
        n, so = int(inside.sum()), int(right[inside].sum())
        (low, high), _ = share_interval(right & inside, inside, groups)
        limits = {"bin_low": index / BINS, "bin_high": (index + 1) / BINS}
        shares = {"mean_probability": float(confidence[inside].mean()), "observed": so / n}
        rows.append(limits | {"n": n} | shares | {"ci_low": low, "ci_high": high})
    return rows


def probabilities_of(graded: Sequence[Grade], answers: Sequence[Answer]) -> Sequence[Mapping[str, float]] | None:
    """Each graded item's mapping from label to probability, in the order of `graded`.

    The result is None if an answer has no probabilities.

    Args:
        graded: a variant's grades, one row per item.
        answers: the variant's answers, in any order.
    """
    by_id = {answer["id"]: answer.get("probabilities") for answer in answers}
    probabilities = [each for row in graded if (each := by_id[row["id"]]) is not None]
    return probabilities if len(probabilities) == len(graded) else None
