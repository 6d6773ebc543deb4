"""Metrics of many labels against scikit-learn, with invalid answers and absent classes; their intervals."""

import warnings

import numpy as np
import pytest
from sklearn import metrics as sk
from statsmodels.stats.proportion import proportion_confint

from clinical_dpo.grading import scores
from clinical_dpo.statistics.bootstrap_intervals import bootstrap_interval
from clinical_dpo.statistics.intervals import wilson
from clinical_dpo.statistics.label_metrics import label_estimates, resampled_counts
from tests.helpers.labelled_answers import CLASSES, drawn

CASES = [
    drawn(0),
    drawn(1, invalid=0),
    drawn(2, absent=("maybe",)),
    drawn(3, items=7, skill=0.1),
    drawn(4, classes=["a", "b", "c", "d", "e"]),
    (["yes", "yes", "no"], ["", "", ""]),
    (["yes", "yes"], ["yes", "yes"]),
]


def classes_of(labels, answers):
    return sorted({*labels, *answers} - {""} | (set(CLASSES) if set(labels) <= set(CLASSES) else set()))


def close(value, expected):
    """Equal numbers; None where scikit-learn has NaN."""
    return value is None if np.isnan(expected) else value == pytest.approx(expected, abs=1e-12)


def estimates(labels, answers, classes, **more):
    return {(row.metric, row.label): row for row in label_estimates(labels, answers, classes, 1, **more)}


@pytest.mark.parametrize(("labels", "answers"), CASES)
def test_point_estimates_equal_scikit_learn_s(labels, answers):
    classes = classes_of(labels, answers)
    results = estimates(labels, answers, classes)
    options = {"labels": classes, "zero_division": np.nan}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        precision, recall, f1, support = sk.precision_recall_fscore_support(labels, answers, **options)
        assert close(results["macro_f1", ""].value, np.nanmean(f1))
        assert close(results["balanced_accuracy", ""].value, sk.balanced_accuracy_score(labels, answers))
    assert close(results["accuracy", ""].value, sk.accuracy_score(labels, answers))
    known = ~np.isnan(f1)
    assert close(results["weighted_f1", ""].value, np.average(f1[known], weights=support[known]))
    for index, name in enumerate(classes):
        assert close(results["ppv", name].value, precision[index])
        assert close(results["sensitivity", name].value, recall[index])
        assert close(results["f1", name].value, f1[index])


@pytest.mark.parametrize(("labels", "answers"), CASES)
def test_specificity_and_npv_equal_scikit_learn_s_of_valid_answers(labels, answers):
    """Without invalid answers they are the shares of the reverse class; an invalid one is no true negative."""
    classes = classes_of(labels, answers)
    results = estimates(labels, answers, classes)
    for name in classes:
        others = [(label, answer) for label, answer in zip(labels, answers, strict=True) if label != name]
        rejected = sum(answer not in ("", name) for _, answer in others)
        assert close(results["specificity", name].value, rejected / len(others) if others else np.nan)
        valid = [(label, answer) for label, answer in zip(labels, answers, strict=True) if answer]
        negative = [label != name for label, _ in valid]
        said = [answer != name for _, answer in valid]
        npv = sk.precision_score(negative, said, zero_division=np.nan) if valid else np.nan
        assert close(results["npv", name].value, npv)


def test_an_absent_class_is_left_out_of_means_and_has_no_estimate():
    results = estimates(["yes", "no"], ["yes", "yes"], CLASSES)
    assert results["f1", "maybe"].value is None and results["f1", "maybe"].interval == (None, None)
    assert results["macro_f1", ""].value == pytest.approx((2 / 3 + 0) / 2)
    assert results["balanced_accuracy", ""].value == 0.5
    assert results["sensitivity", "maybe"].value is None and results["ppv", "no"].value is None


def test_invalid_answers_stand_in_the_last_column_of_the_counts():
    counts = scores.confusion_counts(["yes", "yes", "no"], ["yes", None, ""], CLASSES)
    assert counts.tolist() == [[1, 0, 0, 1], [0, 0, 0, 1], [0, 0, 0, 0]]


def test_shares_of_a_class_have_wilson_s_interval_of_their_own_items():
    labels, answers = drawn(5, items=80)
    results = estimates(labels, answers, CLASSES)["ppv", "yes"]
    said = [label == "yes" for label, answer in zip(labels, answers, strict=True) if answer == "yes"]
    assert results.n == len(said) and results.method == "wilson"
    assert results.interval == pytest.approx(proportion_confint(sum(said), len(said), method="wilson"))


def test_each_resample_s_metrics_are_scikit_learn_s_with_those_weights():
    labels, answers = drawn(6)
    weights = np.random.default_rng(0).multinomial(40, np.ones(40) / 40, size=25).astype(float)
    counts = resampled_counts(labels, answers, CLASSES)(weights)
    for row, weight in zip(counts, weights, strict=True):
        options = {"labels": CLASSES, "zero_division": np.nan, "sample_weight": weight}
        assert scores.macro_f1(row) == pytest.approx(sk.f1_score(labels, answers, average="macro", **options))
        weighted = sk.f1_score(labels, answers, average="weighted", **options)
        assert scores.weighted_f1(row) == pytest.approx(weighted)
        balanced = sk.recall_score(labels, answers, average="macro", **options)
        assert scores.balanced_accuracy(row) == pytest.approx(balanced)


def test_macro_f1_has_a_bootstrap_interval_that_covers():
    """Ninety-five of a hundred samples of a known population, give or take."""
    wide = drawn(7, items=60_000)
    truth = sk.f1_score(*wide, labels=CLASSES, average="macro")
    covered = 0
    for start in range(0, 100 * 120, 120):
        part = [column[start : start + 120] for column in wide]
        low, high = bootstrap_interval(_macro(*part), 120, 1)
        covered += low <= truth <= high
    assert 88 <= covered <= 99


def _macro(labels, answers):
    counts = resampled_counts(labels, answers, CLASSES)
    return lambda weights: scores.macro_f1(counts(weights))


@pytest.mark.parametrize("groups", [None, np.repeat(np.arange(5), 3)])
def test_if_all_answers_are_right_means_over_labels_have_an_interval_from_those_of_the_labels(groups):
    """Each label has 5 items, or 5 groups. F1 of labels without an error goes with that of others, so limits are added;
    items of different labels are independent, so sensitivities are not."""
    results = estimates(CLASSES * 5, CLASSES * 5, CLASSES, groups=groups)
    lowest, _ = wilson(5, 5)
    lowest_f1 = 2 * lowest / (1 + lowest)
    method = "mover" if groups is None else "clustered_mover"
    for name in ("macro_f1", "weighted_f1"):
        assert (results[name, ""].value, results[name, ""].method) == (1, method)
        assert results[name, ""].interval == pytest.approx((lowest_f1, 1))
    low, high = results["balanced_accuracy", ""].interval
    assert high == 1 and low == pytest.approx(1 - (1 - lowest) / 3**0.5 if groups is None else lowest)


def test_one_label_for_all_items_has_an_interval_of_balanced_accuracy():
    """In every resample one sensitivity is 1 and the others are 0, so that the bootstrap has a width of zero."""
    labels = ["yes"] * 20 + ["no"] * 30
    result = estimates(labels, ["yes"] * 50, ["yes", "no"])["balanced_accuracy", ""]
    below, above = 1 - wilson(20, 20)[0], wilson(0, 30)[1]
    assert (result.value, result.method) == (0.5, "mover")
    assert result.interval == pytest.approx((0.5 - below / 2, 0.5 + above / 2))


def test_a_single_item_has_the_interval_of_one_item_and_none_of_the_bootstrap():
    results = estimates(["yes"], ["no"], CLASSES, prevalence={"yes": 0.2})
    assert results["macro_f1", ""].interval == pytest.approx((0, 2 * wilson(0, 1)[1] / (1 + wilson(0, 1)[1])))
    assert results["ppv_at_prevalence", "yes"].interval == (None, None)
    low, high = estimates(CLASSES * 5, CLASSES * 5, CLASSES)["accuracy", ""].interval
    assert low < 1 and high == 1


def test_ppv_and_npv_at_a_prevalence_follow_bayes_theorem():
    labels, answers = drawn(8, items=200)
    results = estimates(labels, answers, CLASSES, prevalence={"yes": 0.02})
    sensitivity, specificity = (results[name, "yes"].value for name in ("sensitivity", "specificity"))
    ppv = 0.02 * sensitivity / (0.02 * sensitivity + 0.98 * (1 - specificity))
    npv = 0.98 * specificity / (0.98 * specificity + 0.02 * (1 - sensitivity))
    assert results["ppv_at_prevalence", "yes"].value == pytest.approx(ppv)
    assert results["npv_at_prevalence", "yes"].value == pytest.approx(npv)
    low, high = results["ppv_at_prevalence", "yes"].interval
    assert low < ppv < high < results["ppv", "yes"].value
    assert ("ppv_at_prevalence", "no") not in results


def test_at_the_sample_s_own_prevalence_ppv_is_that_of_the_sample():
    labels, answers = drawn(9, items=150, invalid=0)
    share = labels.count("no") / 150
    results = estimates(labels, answers, CLASSES, prevalence={"no": share})
    assert results["ppv_at_prevalence", "no"].value == pytest.approx(results["ppv", "no"].value)
    assert results["npv_at_prevalence", "no"].value == pytest.approx(results["npv", "no"].value)
