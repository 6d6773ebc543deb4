"""Krippendorff's alpha and the intraclass correlation against published examples, statsmodels and a bootstrap."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm

from clinical_dpo.grading.raters.ratings import collect_ratings
from clinical_dpo.statistics.agreement import agreement, cohen_kappa, fleiss_kappa, quadratic_kappa
from clinical_dpo.statistics.rater_reliability import (
    intraclass_correlation,
    jackknife_interval,
    krippendorff_alpha,
)
from tests.helpers.rating import rate, sheet

# Krippendorff 2011, "Computing Krippendorff's alpha-reliability", section C: four observers, twelve units, "." missing.
OBSERVERS = ("1 2 3 3 2 1 4 1 2 . . .", "1 2 3 3 2 2 4 1 2 5 . 3", ". 3 3 3 2 3 4 2 2 5 1 .", "1 2 3 3 2 4 4 1 2 5 1 .")
UNITS = [[vote for vote in unit if vote != "."] for unit in zip(*(line.split() for line in OBSERVERS), strict=True)]
# Shrout & Fleiss 1979, table 2: six targets, four judges.
TARGETS = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]


@pytest.mark.parametrize(("level", "printed"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_alpha_equals_the_published_example_with_missing_ratings(level, printed):
    alpha, (low, high) = krippendorff_alpha(UNITS, level)
    assert alpha == pytest.approx(printed, abs=5e-4) and low < alpha < high
    in_another_order = [UNITS[i] for i in np.random.default_rng(1).permutation(len(UNITS))]
    assert krippendorff_alpha([*in_another_order, ["3"], []], level)[0] == pytest.approx(alpha)


def test_the_interval_of_alpha_agrees_with_a_bootstrap():
    generator = np.random.default_rng(2)
    truth = generator.integers(1, 6, 150)
    votes = [
        [str(t if generator.random() < 0.6 else generator.integers(1, 6)) for _ in range(3)][: generator.integers(1, 4)]
        for t in truth
    ]
    for level in ("nominal", "ordinal", "interval"):
        alpha, (low, high) = krippendorff_alpha(votes, level)
        resampled = [
            krippendorff_alpha([votes[i] for i in generator.integers(0, 150, 150)], level)[0] for _ in range(100)
        ]
        assert (low + high) / 2 == pytest.approx(alpha)
        assert (high - low) / 2 / 1.959964 == pytest.approx(np.std(resampled), rel=0.25)


def test_ordinal_alpha_takes_grades_as_numbers():
    far, near = ([["1", "2"], ["2", "1"], ["10", other], ["9", "9"]] for other in ("1", "9"))
    assert krippendorff_alpha(near, "ordinal")[0] > krippendorff_alpha(far, "ordinal")[0]


def test_the_intraclass_correlation_equals_the_published_one():
    icc, (low, high) = intraclass_correlation(TARGETS)
    assert icc == pytest.approx(0.29, abs=5e-3)
    assert (low, high) == pytest.approx((0.019, 0.761), abs=5e-4)  # ICC2 of R package psych


def test_the_intraclass_correlation_is_that_of_the_mean_squares_of_statsmodels():
    generator = np.random.default_rng(3)
    for n, k in ((9, 2), (20, 3), (12, 5)):
        grades = np.clip(generator.integers(1, 6, (n, 1)) + generator.integers(-1, 2, (n, k)), 1, 5)
        frame = pd.DataFrame({"grade": grades.ravel().astype(float)})
        frame["item"], frame["rater"] = np.repeat(np.arange(n), k), np.tile(np.arange(k), n)
        items, raters, rest = anova_lm(ols("grade ~ C(item) + C(rater)", frame).fit())["mean_sq"]
        expected = (items - rest) / (items + (k - 1) * rest + k * (raters - rest) / n)
        icc, (low, high) = intraclass_correlation(grades.tolist())
        assert icc == pytest.approx(expected) and low < icc < high <= 1


def test_a_rater_who_grades_lower_throughout_lowers_the_absolute_agreement():
    high = [3, 4, 5, 4, 3]
    assert intraclass_correlation([[x, x] for x in high]) == (1, (None, None))
    icc, (low, _) = intraclass_correlation([[x, x - 2] for x in high])
    assert 0 < icc < 0.5 and low is not None


def test_the_interval_of_the_intraclass_correlation_covers_the_truth():
    generator, hits, runs = np.random.default_rng(4), 0, 1000
    for _ in range(runs):
        items, raters = generator.normal(0, 1, (30, 1)), generator.normal(0, 0.5, (1, 4))
        low, high = intraclass_correlation((items + raters + generator.normal(0, 1, (30, 4))).tolist())[1]
        hits += low <= 1 / 2.25 <= high
    assert 0.93 <= hits / runs <= 0.97


def test_coefficients_are_none_where_they_are_not_defined():
    undefined = (None, (None, None))
    assert (
        krippendorff_alpha([])
        == krippendorff_alpha([["a", "a"]] * 3)
        == krippendorff_alpha([["a"], ["b"]])
        == undefined
    )
    assert krippendorff_alpha([["a", "a"], ["b", "b"], ["b", "b"], ["a", "a"]]) == (1, (None, None))
    assert krippendorff_alpha([["a", "a"], ["a", "b"]])[1] == (None, None)  # undefined without the second item
    assert intraclass_correlation([]) == intraclass_correlation([[1, 2]]) == undefined
    assert intraclass_correlation([[3, 3]] * 4) == intraclass_correlation([[1, 3], [3, 1]]) == undefined


def rated(items, seed=8):
    """Two raters' grades from 1 to 3 as text."""
    draw = np.random.default_rng(seed)
    truth = draw.integers(1, 4, items)
    return [np.where(draw.random(items) < 0.7, truth, draw.integers(1, 4, items)).astype(str) for _ in range(2)]


def fleiss_of_two(first, second):
    return fleiss_kappa(list(zip(first, second, strict=True)))


@pytest.mark.parametrize("measure", [cohen_kappa, quadratic_kappa, fleiss_of_two])
def test_the_jackknife_of_repeated_items_is_that_of_single_items_and_near_the_large_sample_interval(measure):
    first, second = rated(60)
    estimate, large_sample = measure(first, second)

    def interval(times):
        x, y = np.repeat(first, times), np.repeat(second, times)
        return jackknife_interval(estimate, lambda kept: measure(x[kept], y[kept])[0], np.repeat(np.arange(60), times))

    assert interval(3) == pytest.approx(interval(1), abs=1e-9)
    assert interval(1) == pytest.approx(large_sample, abs=0.03)


def test_with_a_group_per_item_alpha_has_the_jackknife_over_items_with_its_t_quantile():
    votes = [list(item) for item in zip(*rated(60), strict=True)]
    for level in ("nominal", "ordinal"):
        alpha, (low, high) = krippendorff_alpha(votes, level)
        same, limits = krippendorff_alpha(votes, level, np.arange(60))
        half = (high - low) / 2 * stats.t.isf(0.025, 59) / stats.norm.isf(0.025)
        assert same == alpha and limits == pytest.approx((alpha - half, alpha + half))


def test_repeated_visits_tell_no_more_than_one():
    """Alpha corrects for few ratings, so that equal visits change it a little; the interval keeps its width."""
    votes = [list(item) for item in zip(*rated(60), strict=True)]
    groups = np.repeat(np.arange(60), 4)
    repeated = [item for item in votes for _ in range(4)]
    for coefficient in (krippendorff_alpha, intraclass_correlation):
        if coefficient is intraclass_correlation:
            votes, repeated = ([[float(vote) for vote in item] for item in rows] for rows in (votes, repeated))
        grouped, independent = coefficient(repeated, groups=groups)[1], coefficient(repeated)[1]
        once = coefficient(votes, groups=np.arange(60))[1]
        assert grouped[1] - grouped[0] == pytest.approx(once[1] - once[0], rel=0.05)
        assert independent[1] - independent[0] < 0.6 * (grouped[1] - grouped[0])


def test_one_group_and_full_agreement_have_no_interval():
    votes = [["a", "a"], ["a", "b"], ["b", "b"], ["b", "a"]]
    assert krippendorff_alpha(votes, groups=np.zeros(4, dtype=int))[1] == (None, None)
    assert krippendorff_alpha(votes, groups=np.array([0, 0, 0, 1]))[1] != (None, None)
    assert krippendorff_alpha([["a", "a"], ["b", "b"]] * 2, groups=np.array([0, 0, 1, 1])) == (1, (None, None))


def test_a_grade_that_a_rater_cannot_give_is_missing(tmp_path):
    raters, draw = ("r1", "r2", "r3"), np.random.default_rng(6)
    items, _ = sheet("correctness", raters)
    key = [row | {"kind": "likert"} for row in sheet("correctness", raters)[1]]
    words = {rater: [str(grade) for grade in draw.integers(1, 6, len(items))] for rater in raters}
    words["r1"][0] = words["r1"][1] = words["r2"][1] = "cannot judge"
    files = {rater: rate(tmp_path / f"correctness.{rater}.csv", key, rater, words[rater]) for rater in raters}
    rows = agreement(key, collect_ratings(key, files), {"task": "t", "model": "m", "data": "real"})
    numbers = {(row["raters"], row["metric"]): (row["n"], row["estimate"]) for row in rows}
    by_item = list(zip(*words.values(), strict=True))
    complete = [[float(word) for word in item] for item in by_item[2:]]
    n = len(items)
    assert numbers["r1 r2 r3", "icc_2_1"] == (n - 2, intraclass_correlation(complete)[0])
    assert numbers["r1 r2 r3", "krippendorff_alpha"][0] == n - 1
    assert numbers["r1 r2", "icc_2_1"][0] == numbers["r1 r2", "krippendorff_alpha"][0] == n - 2
    assert numbers["r2 r3", "icc_2_1"][0] == n - 1
    assert {row["status"] for row in rows} == {"complete"}
