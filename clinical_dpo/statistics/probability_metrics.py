"""Metrics of the probabilities that a variant gives the labels.

With two labels, all metrics are about the probability of the first label, the positive class. With more labels, AUROC
and average precision are unweighted means over the classes, each against the rest. The Brier score is the sum over the
classes. Calibration slope, expected calibration error and reliability table compare the largest probability with
whether its label is right (Guo et al. 2017, arXiv:1706.04599).
"""

from collections.abc import Callable, Mapping, Sequence

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

BINS = 10  # of equal width
CLIP = 1e-12  # a probability is kept this far from 0 and 1 before its logit is taken
Ranking = Callable[[np.ndarray, np.ndarray], Statistic]
PROBABILITY_METRICS = ("auroc", "average_precision", "brier", "calibration_slope", "ece")


def auroc(scores: np.ndarray, positive: np.ndarray) -> Statistic:
    """Area under the ROC curve: the chance that a positive item has a higher score than a negative item.

    Equal scores count half.

    Args:
        scores: (items,).
        positive: (items,) bool.

    Returns:
        A function from (resamples, items) weights to the (resamples,) areas. The area is NaN if either class has no
        item.
    """
    hits, alarms = _by_threshold(scores, positive)

    def statistic(weights: np.ndarray) -> np.ndarray:
        above, false = hits(weights), alarms(weights)
        before = np.pad(above, ((0, 0), (1, 0)))[:, :-1]
        area = (np.diff(false, axis=1, prepend=0) * (above + before) / 2).sum(axis=1)
        return _share(area, above[:, -1] * false[:, -1])

    return statistic


def average_precision(scores: np.ndarray, positive: np.ndarray) -> Statistic:
    """Average precision: the precision at every threshold, weighted by the recall that the threshold adds.

    Args:
        scores: (items,).
        positive: (items,) bool.

    Returns:
        A function from (resamples, items) weights to (resamples,) values, NaN without positive items.
    """
    hits, alarms = _by_threshold(scores, positive)

    def statistic(weights: np.ndarray) -> np.ndarray:
        above, false = hits(weights), alarms(weights)
        precision = np.nan_to_num(_share(above, above + false))
        gained = (np.diff(above, axis=1, prepend=0) * precision).sum(axis=1)
        return _share(gained, above[:, -1])

    return statistic


def _by_threshold(scores: np.ndarray, positive: np.ndarray) -> tuple[Statistic, Statistic]:
    """Cumulative weights of the positive items, and of the negative items, at or above each distinct score.

    Both functions return (resamples, distinct scores), the highest score first.
    """
    order = np.argsort(-scores, kind="stable")
    last = np.flatnonzero(np.diff(scores[order], append=np.nan) != 0)  # position of the last item with each score

    def of(kind: np.ndarray) -> Statistic:
        return lambda weights: np.cumsum((weights * kind)[:, order], axis=1)[:, last]

    return of(positive.astype(float)), of((~positive).astype(float))


def brier(probabilities: np.ndarray, codes: np.ndarray) -> Statistic:
    """Brier score (1950): mean squared distance of the probabilities from the label.

    The squared distance is the sum over the labels, with two labels half of this sum. The score therefore lies between
    0 and 1 for two labels, and between 0 and 2 for more labels.

    Args:
        probabilities: (items, k).
        codes: (items,) index of each item's label.

    Returns:
        A function from (resamples, items) weights to the (resamples,) scores.
    """
    carried = np.eye(probabilities.shape[1])[codes]
    each = ((probabilities - carried) ** 2).sum(axis=1) / (2 if probabilities.shape[1] == 2 else 1)
    return lambda weights: weights @ each / weights.sum(axis=1)


def bin_of(confidence: np.ndarray) -> np.ndarray:
    """Index of each probability's bin, 0 to 9, as in scikit-learn.

    Bin k holds the probabilities above k / 10 up to (k + 1) / 10. The first bin also holds 0.
    """
    return np.searchsorted(np.linspace(0, 1, BINS + 1)[1:-1], confidence)


def calibration_error(confidence: np.ndarray, right: np.ndarray) -> Statistic:
    """Expected calibration error in ten bins of equal width (Naeini et al. 2015, AAAI).

    The error of a bin is the distance between its mean probability and its share of events. The errors are averaged
    over the items.

    Args:
        confidence: (items,) probabilities.
        right: (items,) bool, whether the event with this probability is true.

    Returns:
        A function from (resamples, items) weights to the (resamples,) errors.
    """
    positions = bin_of(confidence)
    gaps = np.zeros((len(confidence), BINS))
    gaps[np.arange(len(confidence)), positions] = confidence - right
    return lambda weights: np.abs(weights @ gaps).sum(axis=1) / weights.sum(axis=1)


def calibration_slope(
    confidence: np.ndarray, right: np.ndarray, groups: Groups | None = None
) -> tuple[float | None, Interval]:
    """Slope of a logistic regression of an event on the logit of its probability (Cox 1958), by statsmodels.

    With a slope of 1 the probabilities are calibrated, below 1 too extreme, above 1 not extreme enough. The 95%
    interval is Wald's. With groups it uses the cluster-robust standard error.

    Args:
        confidence: (items,) probabilities. They are clipped to between 1e-12 and 1 - 1e-12.
        right: (items,) bool, whether the event with this probability is true.
        groups: (items,) index of each item's group; None for independent items.

    Returns:
        Slope and interval. All values are None if all events are true or all are false, or if all probabilities are
        equal. They are also None if the probabilities separate true from false events, because the likelihood then has
        no maximum.
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


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.full(np.shape(part), np.nan), where=whole > 0)


def _mean_over_classes(metric: Ranking, probabilities: np.ndarray, codes: np.ndarray) -> Statistic:
    """The positive class's metric for two labels. For more labels, its mean over the classes where it is defined."""
    positions = range(1 if probabilities.shape[1] == 2 else probabilities.shape[1])
    parts = [metric(probabilities[:, index], codes == index) for index in positions]

    def statistic(weights: np.ndarray) -> np.ndarray:
        values = np.array([part(weights) for part in parts])
        return _share(np.nansum(values, axis=0), (~np.isnan(values)).sum(axis=0))

    return statistic


def confidence_of(probabilities: np.ndarray, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each item, the probability whose calibration is measured, and whether its event is true, (items,) each.

    With two labels, the event is that the item is positive. With more labels, the event is that the most probable label
    is right; of equally probable labels the first counts.

    Args:
        probabilities: (items, k).
        codes: (items,) index of each item's label.
    """
    if probabilities.shape[1] == 2:
        return probabilities[:, 0], codes == 0
    return probabilities.max(axis=1), probabilities.argmax(axis=1) == codes


def as_arrays(
    probabilities: Sequence[Mapping[str, float]], labels: Sequence[str], classes: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the probabilities, (items, k), and the index of each item's label, (items,)."""
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

    All have bootstrap intervals except the slope, which has Wald's interval.

    Args:
        probabilities: for each item, label -> probability; they add up to 1.
        labels: true labels.
        classes: all labels of the task; of two labels, the positive class first.
        seed: seed of the bootstrap.
        groups: (items,) index of each item's group; None for independent items.
    """
    values, codes = as_arrays(probabilities, labels, classes)
    confidence, right = confidence_of(values, codes)
    items, of = len(labels), classes[0] if len(classes) == 2 else ""
    statistics = {
        "auroc": _mean_over_classes(auroc, values, codes),
        "average_precision": _mean_over_classes(average_precision, values, codes),
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
    """A row for each bin with items: limits, number of items, mean probability, share of true events and its interval.

    The interval is Wilson's or, if the items are in groups, the interval of `clustered.ratio`. Its limits are None for
    a bin whose items are all of the same group.

    Args:
        probabilities: for each item, label -> probability.
        labels: true labels.
        classes: all labels of the task; of two labels, the positive class first.
        groups: (items,) index of each item's group; None for independent items.
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
    """Each graded item's label probabilities, in the order of the grades; None if any answer has no probabilities."""
    by_id = {answer["id"]: answer.get("probabilities") for answer in answers}
    probabilities = [each for row in graded if (each := by_id[row["id"]]) is not None]
    return probabilities if len(probabilities) == len(graded) else None
