"""Intervals of proportions, means and differences against published examples, scipy and simulation."""

import math

import numpy as np
import pytest
from scipy import stats

from clinical_dpo.statistics import intervals as effects
from clinical_dpo.statistics.paired_tests import mcnemar_exact


def test_intervals_of_a_proportion_equal_published_values_and_scipy():
    # Newcombe 1998, Stat Med 17:857-872, table I: 81/263, 15/148, 0/20, 1/29, method 3.
    published = {
        (81, 263): (0.2553, 0.3662),
        (15, 148): (0.0624, 0.1605),
        (0, 20): (0, 0.1611),
        (1, 29): (0.0061, 0.1718),
    }
    for (successes, n), interval in published.items():
        assert effects.wilson(successes, n) == pytest.approx(interval, abs=5e-5)
    for successes, n in [(81, 263), (0, 20), (20, 20), (1, 1), (399, 410)]:
        expected = stats.binomtest(successes, n).proportion_ci(0.95, "wilson")
        assert effects.wilson(successes, n) == pytest.approx((expected.low, expected.high), abs=1e-12)
        expected = stats.binomtest(successes, n).proportion_ci(0.99, "exact")
        assert effects.clopper_pearson(successes, n, 0.99) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert effects.wilson(0, 7)[0] == 0 and effects.wilson(7, 7)[1] == 1
    assert effects.wilson(0, 0) == effects.clopper_pearson(0, 0) == (None, None)


@pytest.mark.parametrize(
    ("table", "interval"),
    [
        # Newcombe 1998, Stat Med 17:2635-2650, table III, method 10.
        ((36, 12, 2, 0), (0.0569, 0.3404)),
        ((20, 12, 2, 16), (0.0562, 0.3292)),
        ((18, 12, 2, 18), (0.0562, 0.3290)),
        ((35, 14, 0, 1), (0.1461, 0.4175)),
        ((18, 14, 0, 18), (0.1441, 0.3963)),
        ((1, 97, 1, 1), (0.8736, 0.9850)),  # the print cuts 0.87367
        ((0, 30, 0, 0), (0.8395, 1.0)),
        ((54, 0, 0, 0), (-0.0664, 0.0664)),
        ((30, 0, 0, 24), (-0.0358, 0.0358)),
        ((14, 5, 0, 22), (0.011, 0.226)),  # Altman et al. 2000, Statistics with Confidence, p. 52
        ((59, 6, 16, 80), (-0.1186, -0.0046)),  # Fagerland et al. 2017, Contingency Tables, ch. 8: Cavo et al. 2012
    ],
)
def test_newcombe_interval_equals_published_values(table, interval):
    rounding = 5e-4 if interval == (0.011, 0.226) else 1e-4
    assert effects.newcombe_paired(*table) == pytest.approx(interval, abs=rounding)


def test_newcombe_interval_changes_sign_when_swapped_and_stays_in_range():
    for table in [(36, 12, 2, 0), (0, 9, 0, 0), (5, 0, 0, 5), (0, 0, 0, 4), (3, 8, 8, 1), (1, 0, 0, 0)]:
        both, b, c, neither = table
        low, high = effects.newcombe_paired(both, b, c, neither)
        assert effects.newcombe_paired(both, c, b, neither) == pytest.approx((-high, -low), abs=1e-12)
        assert -1 <= low <= (b - c) / sum(table) <= high <= 1
    assert effects.newcombe_paired(0, 0, 0, 0) == (None, None)


def test_newcombe_interval_covers_the_truth():
    shares = [0.5, 0.15, 0.08, 0.27]
    drawn = np.random.default_rng(0).multinomial(80, shares, 3000)
    intervals = [effects.newcombe_paired(*table) for table in drawn.tolist()]
    covered = np.mean([low <= 0.07 <= high for low, high in intervals])
    assert covered == pytest.approx(0.95, abs=3 * math.sqrt(0.95 * 0.05 / 3000) + 0.01)  # published: .95 to .96


def excludes_zero(interval):
    low, high = interval
    return low > 0 or high < 0


@pytest.mark.parametrize("level", [0.95, 1 - 0.05 / 3])
def test_no_interval_contradicts_mcnemars_p(level):
    """The tables are all tables of up to 12 pairs, and tables of 200 pairs with almost all answers right."""
    small = [table for table in np.ndindex(13, 13, 13, 13) if 0 < sum(table) <= 12]
    near = [(200 - b - c - d, b, c, d) for b, c, d in np.ndindex(14, 14, 6)]
    changed = 0
    for both, b, c, neither in small + near:
        n, p = both + b + c + neither, mcnemar_exact(b, c)
        published = effects.newcombe_paired(both, b, c, neither, level)
        low, high = effects.agreeing(published, (b - c) / n, p, level)
        assert -1 <= low <= (b - c) / n <= high <= 1
        assert excludes_zero((low, high)) == (p < 1 - level), (both, b, c, neither)
        if excludes_zero(published) == (p < 1 - level):
            assert (low, high) == published
        else:
            changed += 1
            swapped = effects.newcombe_paired(both, c, b, neither, level)
            assert effects.agreeing(swapped, (c - b) / n, p, level) == pytest.approx((-high, -low))
            assert (low, high)[b > c] == published[b > c]
    assert changed > 0


def test_the_changed_limit_is_miettinens():
    # Cavo et al. 2012, above: Newcombe's interval excludes zero, the exact P of 6 and 16 is .0525.
    p = mcnemar_exact(6, 16)
    low, high = effects.agreeing((-0.1186, -0.0046), -10 / 161, p)
    assert low == -0.1186 and high == pytest.approx(-10 / 161 * (1 - stats.norm.isf(0.025) / stats.norm.isf(p / 2)))
    assert 0 < high < 0.001
    assert effects.agreeing((-0.01, 0.03), 0.02, 0.04)[0] > 0
    assert effects.agreeing((None, None), 0.02, 0.04) == (None, None)
    assert effects.agreeing((0.1, 1.0), 0.5, 1.0) == (-1, 1)  # P = 1: the limit is the end of the scale


def test_t_interval_by_hand():
    # Grades 3, 4, 5: mean 4, standard error 1/sqrt(3), t(.975, 2) = 4.302653.
    half = 4.302653 / math.sqrt(3)
    assert effects.t_interval([3, 4, 5]) == pytest.approx((4 - half, 4 + half), abs=1e-6)
    assert effects.t_interval([3, 3, 3]) == effects.t_interval([3]) == (None, None)
    values = np.random.default_rng(1).integers(1, 6, 50).tolist()
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert effects.t_interval(values) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_standardised_difference_of_students_sleep_data():
    # R, effectsize::cohens_d(Pair(extra[group == 1], extra[group == 2]) ~ 1, data = sleep): -1.28 [-2.12, -0.41].
    differences = [-1.2, -2.4, -1.3, -1.3, 0.0, -1.0, -1.8, -0.8, -4.6, -1.4]
    d_z, interval = effects.cohens_dz(differences)
    assert d_z == pytest.approx(-1.28, abs=5e-3) and interval == pytest.approx((-2.12, -0.41), abs=5e-3)
    for limit, tail in zip(interval, (0.975, 0.025), strict=True):  # the definition of the limits
        assert stats.nct.cdf(d_z * math.sqrt(10), 9, limit * math.sqrt(10)) == pytest.approx(tail, abs=1e-5)
    swapped, (low, high) = effects.cohens_dz([-value for value in differences])
    assert swapped == pytest.approx(-d_z) and (low, high) == pytest.approx((-interval[1], -interval[0]), abs=1e-6)


def test_standardised_difference_needs_spread():
    assert (
        effects.cohens_dz([1.0])
        == effects.cohens_dz([0, 0, 0])
        == effects.cohens_dz([0.1] * 9)
        == (
            None,
            (None, None),
        )
    )


def test_bootstrap_interval_of_a_mean_equals_scipys():
    values = np.random.default_rng(5).beta(0.6, 3, 60)
    expected = stats.bootstrap((values,), np.mean, method="BCa", rng=2, n_resamples=10_000).confidence_interval
    interval = effects.mean_interval(values.tolist(), seed=1)
    assert interval == pytest.approx((expected.low, expected.high), abs=0.004)
    assert interval == effects.mean_interval(values.tolist(), seed=1) != effects.mean_interval(values.tolist(), seed=2)
    assert effects.mean_interval([0.5], 1) == effects.mean_interval([0.5, 0.5], 1) == (None, None)
