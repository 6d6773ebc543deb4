"""Prediction-powered means against ppi-python; their intervals against simulation and the classical intervals."""

import numpy as np
import pytest
from scipy.stats import t, ttest_1samp
from statsmodels.regression.linear_model import OLS
from statsmodels.stats.proportion import proportion_confint
from statsmodels.stats.weightstats import DescrStatsW

from benchmarks.corrected_means import JUDGES, mean_limits, verdicts
from clinical_dpo.statistics.prediction_powered import (
    SampleGroups,
    can_correct,
    corrected_difference,
    corrected_mean,
    corrections,
    tuned_mean,
)

# ppi_mean_pointestimate of ppi-python 0.2.3 on the grades of `grades`.
RECORDED = [
    (0, 80, 330, "good", 0.7595888758924907),
    (1, 80, 330, "poor", 0.7399167615942296),
    (2, 20, 390, "contrary", 0.9),
    (3, 120, 290, "likert", 3.0156067223887617),
    (4, 80, 330, "difference", 0.10727383149842226),
    (5, 300, 20, "good", 0.79257836248489),
]


def grades(seed, n, others, kind):
    """Raters' grades of a sample, a judge's of the sample, and the judge's of all other items."""
    draw = np.random.default_rng(seed)
    if kind == "likert":
        truth = draw.integers(1, 6, n + others)
        judge = np.clip(truth + draw.integers(-1, 3, n + others), 1, 5)
    elif kind == "difference":
        truth = draw.integers(-1, 2, n + others)
        judge = np.where(draw.random(n + others) < 0.7, truth, draw.integers(-1, 2, n + others))
    else:
        truth = (draw.random(n + others) < 0.8).astype(int)
        right = {"good": 0.93, "poor": 0.6, "contrary": 0.1}[kind]
        judge = np.where(draw.random(n + others) < right, truth, 1 - truth)
    return truth[:n].astype(float), judge[:n].astype(float), judge[n:].astype(float)


@pytest.mark.parametrize(("seed", "n", "others", "kind", "estimate"), RECORDED)
def test_the_estimate_is_that_of_ppi_python(seed, n, others, kind, estimate):
    tuned = tuned_mean(*grades(seed, n, others, kind))
    assert tuned.estimate == pytest.approx(estimate, abs=1e-12) and 0 <= tuned.weight <= 1


def test_a_judge_that_knows_nothing_has_no_weight():
    raters = np.array([1.0, 0.0] * 40)
    assert tuned_mean(raters, np.ones(80), np.ones(300)) == (0.5, 0)
    assert tuned_mean(raters, 1 - raters, np.ones(300)) == (0.5, 0)


def test_a_judge_that_is_always_right_counts_as_many_raters():
    draw = np.random.default_rng(3)
    truth = (draw.random(4000) < 0.7).astype(float)
    tuned = tuned_mean(truth[:80], truth[:80], truth[80:])
    assert tuned.weight > 0.9 and abs(tuned.estimate - truth.mean()) < abs(truth[:80].mean() - truth.mean())


def test_a_constant_bias_of_the_judge_changes_nothing():
    raters, judge, others = grades(3, 120, 290, "likert")
    first, shifted = (corrected_mean(raters, judge - bias, others - bias, (1, 5)) for bias in (0, 0.5))
    assert shifted.estimate == pytest.approx(first.estimate) and shifted.interval == pytest.approx(first.interval)
    first, shifted = (corrected_difference(raters, judge - bias, others - bias, [0.9]) for bias in (0, 0.5))
    assert shifted.p_value == pytest.approx(first.p_value)
    assert shifted.intervals[0] == pytest.approx(first.intervals[0])


def test_without_weight_the_interval_is_clopper_and_pearson_s_but_for_the_degrees_of_freedom():
    draw = np.random.default_rng(4)
    raters = (draw.random(5000) < 0.9).astype(float)
    for level in (0.9, 0.95):
        corrected = corrected_mean(raters, np.ones(5000), np.ones(50), (0, 1), level)
        assert corrected.weight == 0
        expected = proportion_confint(raters.sum(), 5000, 1 - level, method="beta")
        assert corrected.interval == pytest.approx(expected, abs=2e-5)


def test_without_weight_the_interval_of_a_difference_is_that_of_the_pairs_and_two_more():
    raters = np.random.default_rng(6).integers(-1, 2, 2000).astype(float)
    corrected = corrected_difference(raters, np.zeros(2000), np.zeros(50), [0.9])
    weights = [*[1] * 2000, 0.5, 0.5, 0.5, 0.5]
    expected = DescrStatsW([*raters, 1, -1, 0, 0], weights=weights).zconfint_mean(0.1)
    assert corrected.weight == 0 and corrected.intervals[0] == pytest.approx(expected, abs=1e-4)


def test_without_weight_the_p_of_a_difference_nears_that_of_the_paired_t_test():
    raters = np.random.default_rng(7).choice([-1, 0, 1], 4000, p=[0.1, 0.785, 0.115]).astype(float)
    corrected = corrected_difference(raters, np.zeros(4000), np.zeros(50), [0.95])
    assert corrected.p_value == pytest.approx(ttest_1samp(raters, 0).pvalue, rel=0.05)


@pytest.mark.parametrize("seed", range(8))
def test_an_interval_leaves_zero_out_exactly_where_p_is_below_its_level(seed):
    differences = grades(seed, 80, 330, "difference")
    p = corrected_difference(*differences, [0.5]).p_value
    for level in (1 - p - 1e-6, 1 - p + 1e-6):
        low, high = corrected_difference(*differences, [level]).intervals[0]
        assert (low > 0 or high < 0) == (p < 1 - level)


def test_estimate_and_limits_stay_on_the_scale():
    raters = np.array([1.0] * 78 + [0.0] * 2)
    judge = np.array([1.0] * 60 + [0.0] * 20)
    for others in (np.ones(330), np.zeros(330)):
        corrected = corrected_mean(raters, judge, others, (0, 1), 0.999)
        assert 0 <= corrected.interval[0] < corrected.estimate <= corrected.interval[1] <= 1


@pytest.mark.parametrize(
    ("n", "differing", "others", "possible"),
    [(80, 10, 300, True), (79, 10, 300, False), (80, 9, 300, False), (80, 10, 0, False), (400, 200, 10, True)],
)
def test_a_correction_needs_rated_items_differences_and_other_items(n, differing, others, possible):
    raters = np.array([1.0, 0.0] * n)[:n]
    judge = np.where(np.arange(n) < differing, 1 - raters, raters)
    assert corrections(raters, judge) == differing and can_correct(raters, judge, others) == possible


def test_equal_grades_of_raters_correct_nothing():
    assert not can_correct(np.ones(80), np.zeros(80), 300)


@pytest.mark.parametrize("judge", ["good", "poor", "lenient", "harsh"])
def test_intervals_hold_the_truth_where_the_judge_s_own_do_not(judge):
    """400 studies of 410 items with 80 rated: binomial error of a coverage of .95 is .011, and 3 of it are .033."""
    draw = np.random.default_rng(11)
    truth, held, estimates, judged_means = 0.8, 0, [], []
    for _ in range(400):
        right = (draw.random(410) < truth).astype(float)
        judged = verdicts(draw, right, JUDGES[judge])
        *_, low, high, _ = mean_limits(right[:80], judged[:80], judged[80:])
        held += low <= truth <= high
        estimates.append(tuned_mean(right[:80], judged[:80], judged[80:]).estimate)
        judged_means.append(judged.mean())
    assert held / 400 >= 0.95 - 0.033
    assert abs(np.mean(estimates) - truth) < 0.01 < abs(np.mean(judged_means) - truth)


def grouped(seed):
    """Grades of 200 rated and 400 other items in 100 groups of six, whose items have like grades."""
    draw = np.random.default_rng(100 + seed)
    raters, judge, others = grades(seed, 200, 400, "difference")
    ranks = [np.argsort(np.argsort(values + draw.normal(size=len(values)))) for values in (raters, others)]
    return (raters, judge, others), SampleGroups(ranks[0] // 2, ranks[1] // 4)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_error_with_groups_is_the_cluster_robust_one_of_statsmodels(seed):
    (raters, judge, others), groups = grouped(seed)
    corrected = corrected_difference(raters, judge, others, [0.95], groups)
    n = len(np.unique(groups.rated))
    [(low, high)] = corrected.intervals
    error = (high - low) / 2 / t.ppf(0.975, n - 2)
    values = np.concatenate([raters - corrected.weight * judge, corrected.weight * others])
    halves = np.repeat(np.eye(2), [200, 400], axis=0)  # the estimate is the sum of two means
    how = {"groups": np.concatenate(groups), "use_correction": False}
    robust = OLS(values, halves).fit(cov_type="cluster", cov_kwds=how).cov_params().sum()
    alone = OLS(values, halves).fit(cov_type="HC0").cov_params().sum()
    assert robust > 1.3 * alone  # so that the error of groups, not that of items, counts
    assert error**2 == pytest.approx((robust + 1 / n**2) * n**2 / (n**2 - 4))


def test_copies_of_an_item_count_once():
    raters, judge, others = grades(4, 160, 300, "likert")
    groups = SampleGroups(np.repeat(np.arange(160), 3), np.repeat(np.arange(160, 460), 3))
    copies = [np.repeat(values, 3) for values in (raters, judge, others)]
    one, three = corrected_mean(raters, judge, others, (1, 5)), corrected_mean(*copies, (1, 5), groups=groups)
    assert three.estimate == pytest.approx(one.estimate, abs=0.005)
    assert three.interval == pytest.approx(one.interval, abs=0.01)
    wrong = corrected_mean(*copies, (1, 5)).interval
    assert wrong[1] - wrong[0] < 0.6 * (one.interval[1] - one.interval[0])


def test_groups_never_narrow_an_interval():
    raters, judge, others = np.array([1.0, 0.0] * 100), np.array([1.0, 0.0, 0.0, 0.0] * 50), np.array([1.0, 0.0] * 200)
    groups = SampleGroups(np.arange(200) // 2, 100 + np.arange(400) // 2)  # every group has one right answer of two
    one, grouped = (corrected_mean(raters, judge, others, (0, 1), groups=each).interval for each in (None, groups))
    assert grouped[0] <= one[0] < one[1] <= grouped[1]


@pytest.mark.parametrize(
    ("of_a_group", "differing", "possible"), [(1, 10, True), (2, 20, True), (2, 18, False), (3, 60, False)]
)
def test_with_groups_a_correction_needs_as_many_groups(of_a_group, differing, possible):
    raters = np.array([1.0, 0.0] * 80)
    judge = np.where(np.arange(160) < differing, 1 - raters, raters)
    groups = SampleGroups(np.arange(160) // of_a_group, np.arange(300))
    assert can_correct(raters, judge, 300, groups) == possible
