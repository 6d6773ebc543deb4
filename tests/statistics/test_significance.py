"""Paired tests and corrections against R, scipy, statsmodels, published examples and simulation."""

import itertools

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar

from clinical_dpo.report.p_values import format_p
from clinical_dpo.statistics import comparisons as significance
from clinical_dpo.statistics import paired_tests


def test_mcnemar_by_hand():
    assert paired_tests.mcnemar_exact(0, 0) == 1
    assert paired_tests.mcnemar_exact(0, 5) == pytest.approx(2 / 32)
    assert paired_tests.mcnemar_exact(1, 5) == pytest.approx(2 * (1 + 6) / 64)
    assert paired_tests.mcnemar_exact(3, 3) == 1  # both tails hold the middle term: capped


def test_mcnemar_equals_scipy_and_statsmodels_and_is_symmetric():
    for b in range(0, 30, 3):
        for c in range(1, 30, 4):
            p = paired_tests.mcnemar_exact(b, c)
            assert p == pytest.approx(stats.binomtest(b, b + c, 0.5).pvalue, abs=1e-12)
            assert p == pytest.approx(mcnemar([[9, b], [c, 9]], exact=True).pvalue, abs=1e-12)
            assert p == paired_tests.mcnemar_exact(c, b)


@pytest.mark.parametrize(
    ("b", "c", "statistic", "p", "corrected", "p_corrected"),
    [
        # R 4, mcnemar.test(correct = FALSE) and (correct = TRUE).
        (15, 7, 2.9091, 0.08808, 2.2273, 0.1356),
        (46, 9, 24.89090909, None, 23.564, 1.208499116e-06),
        (150, 86, 17.3559, 3.099e-05, None, None),  # Agresti 1990, p. 350
        (14, 8, None, None, 1.1364, 0.2864),
        (1, 7, 4.5, 0.0339, 3.125, 0.0771),  # Fagerland et al. 2013: Bentur et al. 2009
    ],
)
def test_mcnemar_chi_squared_as_printed_by_r(b, c, statistic, p, corrected, p_corrected):
    printed = {(False, 0): statistic, (False, 1): p, (True, 0): corrected, (True, 1): p_corrected}
    for (correction, index), expected in printed.items():
        if expected is not None:
            ours = paired_tests.mcnemar_chi2(b, c, corrected=correction)
            assert ours[index] == pytest.approx(expected, rel=1e-3)
            assert ours == paired_tests.mcnemar_chi2(c, b, corrected=correction)


def test_mcnemar_exact_as_printed_by_r():
    # R: binom.test(46, 55)$p.value; exact2x2::mcnemar.exact with b = 2, c = 9.
    assert paired_tests.mcnemar_exact(46, 9) == pytest.approx(4.336383137e-07, rel=1e-9)
    assert paired_tests.mcnemar_exact(2, 9) == pytest.approx(0.06543, abs=5e-6)


def test_mcnemar_mid_p():
    # Fagerland et al. 2013, BMC Med Res Methodol 13:91, Bentur's data: exact .070, mid-P .039 for b = 1, c = 7.
    assert paired_tests.mcnemar_exact(1, 7) == pytest.approx(0.0703, abs=5e-5)
    assert paired_tests.mcnemar_mid_p(1, 7) == pytest.approx(0.0391, abs=5e-5)
    for b, c in itertools.product(range(0, 40, 3), repeat=2):
        smaller = min(b, c)
        tail = stats.binom.cdf(smaller - 1, b + c, 0.5) + stats.binom.pmf(smaller, b + c, 0.5) / 2
        assert paired_tests.mcnemar_mid_p(b, c) == pytest.approx(2 * tail, abs=1e-12)
        assert paired_tests.mcnemar_mid_p(b, c) == paired_tests.mcnemar_mid_p(c, b)
    assert paired_tests.mcnemar_mid_p(2000, 2100) < paired_tests.mcnemar_exact(2000, 2100)  # no overflow


def test_every_mcnemar_test_has_a_p_of_one_if_b_equals_c():
    for count in (0, 1, 7):
        assert paired_tests.mcnemar_exact(count, count) == paired_tests.mcnemar_mid_p(count, count) == 1
        for corrected in (True, False):
            assert paired_tests.mcnemar_chi2(count, count, corrected=corrected) == (0, 1)


def test_mcnemar_keeps_its_level_under_the_null():
    tables = np.random.default_rng(0).multinomial(120, [0.12, 0.12, 0.76], 4000)
    exact = np.array([paired_tests.mcnemar_exact(b, c) for b, c, _ in tables.tolist()])
    middle = np.array([paired_tests.mcnemar_mid_p(b, c) for b, c, _ in tables.tolist()])
    for level in (0.01, 0.05, 0.2, 0.5):
        error = 3 * np.sqrt(level * (1 - level) / 4000)
        assert np.mean(exact <= level) < level + error
        # P is discrete, so the error rate of the mid-P differs from the level by about the probability of one table.
        assert np.mean(middle <= level) == pytest.approx(level, abs=error + 0.1 * level)


def test_paired_t_equals_scipy_and_changes_sign_when_swapped():
    generator = np.random.default_rng(0)
    x, y = generator.integers(1, 6, 40).tolist(), generator.integers(1, 6, 40).tolist()
    t, p = paired_tests.paired_t(x, y)
    expected = stats.ttest_rel(x, y)
    assert (t, p) == pytest.approx((expected.statistic, expected.pvalue), abs=1e-12)
    assert paired_tests.paired_t(y, x) == pytest.approx((-t, p), abs=1e-12)


def test_paired_t_of_students_sleep_data():
    # Student 1908 (R's `sleep`): t = -4.0621, df = 9, P = .002833.
    first = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
    second = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]
    assert paired_tests.paired_t(first, second) == (pytest.approx(-4.0621, abs=5e-5), pytest.approx(0.002833, abs=5e-7))


def test_paired_t_is_none_if_not_defined():
    assert paired_tests.paired_t([4], [3]) == (None, None)
    assert paired_tests.paired_t([3, 4, 5], [3, 4, 5]) == (0, 1)
    assert paired_tests.paired_t([4, 5], [3, 4]) == (None, None)
    assert paired_tests.paired_t([4.1, 3.2], [4.0, 3.1]) == (None, None)  # constant up to rounding


def test_wilcoxon_of_the_depression_data():
    # Hollander & Wolfe 1973, p. 29 (R's ?wilcox.test): V = 40, one-sided P = .01953.
    first = [1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30]
    second = [0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29]
    assert paired_tests.wilcoxon(first, second) == (40, pytest.approx(2 * 0.01953, abs=1e-5))
    assert paired_tests.wilcoxon(second, first) == (5, pytest.approx(2 * 0.01953, abs=1e-5))


def test_wilcoxon_with_ties_equals_all_sign_flips():
    first, second = [5, 4, 3, 5, 2, 4, 4, 5, 1, 4, 2], [3, 3, 4, 1, 2, 3, 2, 4, 2, 4, 3]
    differences = [x - y for x, y in zip(first, second, strict=True) if x != y]
    ranks = stats.rankdata(np.abs(differences))
    observed = ranks[np.array(differences) > 0].sum()
    sums = [ranks @ np.array(signs) for signs in itertools.product((0, 1), repeat=len(ranks))]
    distance = abs(observed - ranks.sum() / 2)
    exact = np.mean([abs(rank_sum - ranks.sum() / 2) >= distance - 1e-9 for rank_sum in sums])
    assert paired_tests.wilcoxon(first, second) == (observed, pytest.approx(exact, abs=1e-12))


def test_wilcoxon_equals_scipy():
    generator = np.random.default_rng(2)
    for n, method in ((40, "exact"), (300, "exact"), (800, "asymptotic")):
        x, y = generator.normal(0.1, 1, n), generator.normal(0, 1, n)
        expected = stats.wilcoxon(x, y, method=method)
        rank_sum, p = paired_tests.wilcoxon(x, y)
        assert p == pytest.approx(expected.pvalue, rel=1e-6)
        assert min(rank_sum, n * (n + 1) / 2 - rank_sum) == expected.statistic
    grades = generator.integers(1, 6, (2, 1200))  # ties, and over 500 pairs that differ
    assert paired_tests.wilcoxon(*grades)[1] == pytest.approx(stats.wilcoxon(*grades, method="asymptotic").pvalue)
    assert paired_tests.wilcoxon([1, 2], [1, 2]) == (0, 1)


def test_holm_equals_rs_p_adjust():
    # R: p.adjust(c(.01, .02, .03, .04, .05), "holm"); p.adjust(c(.04, .001, .01, .3, .04), "holm").
    assert significance.holm([0.01, 0.02, 0.03, 0.04, 0.05], 5) == pytest.approx([0.05, 0.08, 0.09, 0.09, 0.09])
    assert significance.holm([0.04, 0.001, 0.01, 0.3, 0.04], 5) == pytest.approx([0.12, 0.005, 0.04, 0.3, 0.12])
    assert significance.holm([0.6, 0.5], 2) == [1, 1]


def test_holm_with_pending_tests_is_never_too_small():
    generator = np.random.default_rng(0)
    for _ in range(40):
        p_values = generator.uniform(0, 0.2, 5).tolist()
        with_pending = [None if index in (1, 3) else p for index, p in enumerate(p_values)]
        early, complete = significance.holm(with_pending, 5), significance.holm(p_values, 5)
        assert early[1] is early[3] is None
        assert all(early[index] >= complete[index] - 1e-15 for index in (0, 2, 4))
        assert all(adjusted <= significance.bonferroni(p, 5) for adjusted, p in zip(complete, p_values, strict=True))


def test_bonferroni_is_capped():
    assert significance.bonferroni(0.004, 5) == pytest.approx(0.02)
    assert significance.bonferroni(0.3, 5) == 1


@pytest.mark.parametrize(
    ("p", "printed"),
    [
        *[(0.0, "<.001"), (0.00099, "<.001"), (0.001, ".001"), (0.0034, ".003"), (0.0096, ".0096"), (0.0151, ".02")],
        *[(0.0094, ".009"), (0.00997, ".00997"), (0.0497, ".0497"), (0.04951, ".0495")],
        *[(0.04, ".04"), (0.0461, ".046"), (0.0512, ".05"), (0.55, ".55"), (0.99, ".99"), (0.995, ">.99"), (1, ">.99")],
        (None, "n/a"),
    ],
)
def test_p_as_printed(p, printed):
    assert format_p(p) == printed


@pytest.mark.parametrize(
    ("p", "level", "printed"),
    [
        (0.016, 0.05 / 3, ".016"),  # .02 would be above it
        (0.0166, 0.05 / 3, ".0166"),
        (0.01668, 0.05 / 3, ".02"),
        (0.0169, 0.05 / 3, ".02"),
        (0.0124, 0.0125, ".01"),
        (0.0126, 0.0125, ".013"),  # .01 would be below it
        (0.0102, 0.0101, ".0102"),
        (0.0003, 0.0005, "<.0005"),
        (0.0007, 0.0005, ".0007"),
        (0.00052, 0.0005, ".0005"),
        (0.0007, 0.01, "<.001"),
        (0.02, 0.02, ".02"),
    ],
)
def test_p_is_printed_on_its_side_of_the_threshold(p, level, printed):
    assert format_p(p, level) == printed


def test_no_printed_p_contradicts_its_threshold():
    generator = np.random.default_rng(0)
    for m in range(1, 40):
        level = 0.05 / m
        for p in (*generator.uniform(0, 2 * level, 30), level, np.nextafter(level, 0), np.nextafter(level, 1)):
            printed = format_p(float(p), level)
            shown = float(printed.strip("<>"))
            assert (shown <= level if printed[0] == "<" else shown < level) == (p < level), (p, level, printed)
