"""Metrics of probabilities against scikit-learn, with ties and absent classes; calibration against a known truth."""

import numpy as np
import pytest
from sklearn import metrics as sk
from sklearn.calibration import calibration_curve
from sklearn.linear_model import LogisticRegression

from clinical_dpo.statistics import probability_metrics as metrics
from clinical_dpo.statistics.clustered import share_interval
from clinical_dpo.statistics.probability_metrics import probability_estimates, reliability_rows
from clinical_dpo.statistics.ranking_metrics import auroc, average_precision
from tests.helpers.labelled_answers import CLASSES, drawn_probabilities

TWO = ["UTI", "No UTI"]


def estimates(probabilities, labels, classes):
    return {row.metric: row for row in probability_estimates(probabilities, labels, classes, 1)}


def binary(seed, **more):
    """The case, the positive class's probabilities and which items are positive."""
    probabilities, labels = drawn_probabilities(seed, classes=TWO, **more)
    return probabilities, labels, np.array([row["UTI"] for row in probabilities]), np.array(labels) == "UTI"


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_two_labels_equal_scikit_learn(seed, tied):
    probabilities, labels, scores, positive = binary(seed, tied=tied)
    results = estimates(probabilities, labels, TWO)
    assert results["auroc"].value == pytest.approx(sk.roc_auc_score(positive, scores))
    assert results["average_precision"].value == pytest.approx(sk.average_precision_score(positive, scores))
    assert results["brier"].value == pytest.approx(sk.brier_score_loss(positive, scores))
    observed, mean = calibration_curve(positive, scores, n_bins=10)
    rows = reliability_rows(probabilities, labels, TWO)
    assert [row["observed"] for row in rows] == pytest.approx(observed)
    assert [row["mean_probability"] for row in rows] == pytest.approx(mean)
    sizes = [row["n"] for row in rows]
    assert results["ece"].value == pytest.approx(np.average(np.abs(observed - mean), weights=sizes))
    assert {row.label for row in results.values()} == {"UTI"}


@pytest.mark.parametrize("seed", range(3))
def test_more_labels_equal_scikit_learn(seed):
    probabilities, labels = drawn_probabilities(seed)
    results = estimates(probabilities, labels, CLASSES)
    values = np.array([list(row.values()) for row in probabilities])
    carried = np.array([[label == name for name in CLASSES] for label in labels])
    assert results["auroc"].value == pytest.approx(sk.roc_auc_score(carried, values, average="macro"))
    precision = sk.average_precision_score(carried, values, average="macro")
    assert results["average_precision"].value == pytest.approx(precision)
    by_name = values[:, [CLASSES.index(name) for name in sorted(CLASSES)]]
    assert results["brier"].value == pytest.approx(sk.brier_score_loss(labels, by_name))
    right = values.argmax(axis=1) == carried.argmax(axis=1)
    observed, mean = calibration_curve(right, values.max(axis=1), n_bins=10)
    rows = reliability_rows(probabilities, labels, CLASSES)
    assert [row["observed"] for row in rows] == pytest.approx(observed)
    assert [row["mean_probability"] for row in rows] == pytest.approx(mean)
    assert {row.label for row in results.values()} == {""}


@pytest.mark.parametrize("tied", [False, True])
def test_each_resample_s_metrics_are_scikit_learn_s_with_those_weights(tied):
    probabilities, labels, scores, positive = binary(3, tied=tied)
    weights = np.random.default_rng(0).multinomial(60, np.ones(60) / 60, size=20).astype(float)
    for statistic, reference in (
        (auroc(scores, positive), sk.roc_auc_score),
        (average_precision(scores, positive), sk.average_precision_score),
        (metrics.brier(*metrics.as_arrays(probabilities, labels, TWO)), sk.brier_score_loss),
    ):
        expected = [reference(positive, scores, sample_weight=weight) for weight in weights]
        assert statistic(weights) == pytest.approx(expected)


def test_metrics_without_items_of_both_kinds_are_none():
    probabilities, labels, *_ = binary(4)
    chosen = [row for row, label in zip(probabilities, labels, strict=True) if label == "UTI"]
    results = estimates(chosen, ["UTI"] * len(chosen), TWO)
    for name in ("auroc", "calibration_slope"):
        assert results[name].value is None and results[name].interval == (None, None)
    assert results["average_precision"].value == 1 and results["brier"].value is not None


def test_a_class_without_items_is_left_out_of_the_means():
    probabilities, labels = drawn_probabilities(5)
    kept = [(row, label) for row, label in zip(probabilities, labels, strict=True) if label != "maybe"]
    results = estimates(*zip(*kept, strict=True), CLASSES)
    areas = [
        sk.roc_auc_score([label == name for _, label in kept], [row[name] for row, _ in kept]) for name in ("yes", "no")
    ]
    assert results["auroc"].value == pytest.approx(np.mean(areas))


def test_calibration_slope_is_that_of_an_unpenalised_logistic_regression():
    *_, scores, positive = binary(6, items=300)
    slope, (low, high) = metrics.calibration_slope(scores, positive)
    x = np.log(scores / (1 - scores))
    fitted = LogisticRegression(C=np.inf, tol=1e-10).fit(x[:, np.newaxis], positive)
    assert slope == pytest.approx(fitted.coef_[0, 0], abs=1e-4)

    fits = fitted.predict_proba(x[:, np.newaxis])[:, 1]
    design = np.column_stack([np.ones(300), x])
    covariance = np.linalg.inv(design.T * (fits * (1 - fits)) @ design)
    assert high - low == pytest.approx(2 * 1.959964 * covariance[1, 1] ** 0.5, rel=1e-3)


def test_calibration_slope_tells_sure_from_unsure_models():
    draw = np.random.default_rng(7)
    truth = draw.uniform(0.05, 0.95, 4000)
    happened = draw.random(4000) < truth
    logits = np.log(truth / (1 - truth))
    for factor, expected in ((1, 1), (3, 1 / 3), (0.5, 2)):
        slope, (low, high) = metrics.calibration_slope(1 / (1 + np.exp(-factor * logits)), happened)
        assert slope == pytest.approx(expected, rel=0.1) and low < expected < high


@pytest.mark.parametrize(
    ("scores", "positive"),
    [([0.1, 0.2, 0.8], [False, False, True]), ([0.5] * 4, [True, False] * 2), ([0.9, 0.1], [False, True])],
)
def test_calibration_slope_without_a_maximum_of_its_likelihood_is_none(scores, positive):
    assert metrics.calibration_slope(np.array(scores), np.array(positive)) == (None, (None, None))


def test_a_probability_of_one_has_a_finite_slope():
    slope, _ = metrics.calibration_slope(np.array([1.0, 0.0, 0.6, 0.3, 1.0, 0.0]), np.array([1, 0, 0, 1, 0, 1], bool))
    assert np.isfinite(slope)


def test_bins_take_their_upper_limit():
    assert metrics.bin_of(np.array([0, 0.1, 0.1 + 1e-9, 0.95, 1])).tolist() == [0, 0, 1, 9, 9]


METHODS = dict.fromkeys(("auroc", "average_precision", "brier"), "percentile_bootstrap")
METHODS |= {"calibration_slope": "wald", "ece": "basic_bootstrap"}


def test_intervals_hold_the_estimate_and_are_named():
    results = estimates(*drawn_probabilities(8, items=200), CLASSES)
    assert {name: row.method for name, row in results.items()} == METHODS
    for row in results.values():
        low, high = row.interval
        assert low <= row.value <= high and low < high


def test_the_interval_of_a_small_calibration_error_holds_it_and_reaches_zero():
    """Probabilities that are right: the true error is 0. Percentiles of resamples would lie above the estimate."""
    reached = 0
    for seed in range(8):
        draw = np.random.default_rng(seed)
        shares = draw.random(80)
        labels = np.where(draw.random(80) < shares, *TWO).tolist()
        row = estimates([{TWO[0]: share, TWO[1]: 1 - share} for share in shares], labels, TWO)["ece"]
        low, high = row.interval
        assert 0 <= low <= row.value <= high
        reached += low == 0
    assert reached >= 2


def test_bins_of_items_in_groups_have_the_interval_of_groups():
    probabilities, labels = drawn_probabilities(3, items=60)
    groups = np.repeat(np.arange(20), 3)
    single = reliability_rows(probabilities, labels, CLASSES)
    grouped = reliability_rows(probabilities, labels, CLASSES, groups)
    values, codes = metrics.as_arrays(probabilities, labels, CLASSES)
    confidence, right = metrics.confidence_of(values, codes)
    for row, before in zip(grouped, single, strict=True):
        inside = metrics.bin_of(confidence) == round(10 * row["bin_low"])
        limits, _ = share_interval(right & inside, inside, groups)
        assert row == before | dict(zip(("ci_low", "ci_high"), limits, strict=True))
    alone = reliability_rows(probabilities[:2], labels[:2], CLASSES, np.zeros(2, dtype=int))
    assert {row["ci_low"] for row in alone} == {None}
