"""Effects and their intervals against published examples, scipy and simulation."""

import math

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import f1_score
from statsmodels.stats.proportion import proportion_confint

from clinical_dpo.statistics import f1_effects, resampling
from clinical_dpo.statistics import intervals as effects

CLASSES = ["UTI", "No UTI"]


def answered(generator, labels, right, invalid=0.05):
    other = {"UTI": "No UTI", "No UTI": "UTI"}
    draws = generator.random((len(labels), 2))
    return [
        None if bad < invalid else label if good < right else other[label]
        for label, (good, bad) in zip(labels, draws, strict=True)
    ]


def items(seed, n=200, first=0.85, second=0.7):
    generator = np.random.default_rng(seed)
    labels = generator.choice(CLASSES, n).tolist()
    return labels, answered(generator, labels, first), answered(generator, labels, second)


def test_wilson_interval_is_the_published_one():
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
        expected = proportion_confint(successes, n, method="wilson")
        assert effects.wilson(successes, n) == pytest.approx(expected, abs=1e-12)
    assert effects.wilson(0, 7)[0] == 0 and effects.wilson(7, 7)[1] == 1
    assert effects.wilson(0, 0) == (None, None)


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
def test_newcombe_interval_is_the_published_one(table, interval):
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
    assert covered == pytest.approx(0.95, abs=3 * math.sqrt(0.95 * 0.05 / 3000) + 0.01)  # the method: .95 to .96


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
    for limit, tail in zip(interval, (0.975, 0.025), strict=True):  # what the limits are by definition
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
    found = effects.mean_interval(values.tolist(), seed=1)
    assert found == pytest.approx((expected.low, expected.high), abs=0.004)
    assert found == effects.mean_interval(values.tolist(), seed=1) != effects.mean_interval(values.tolist(), seed=2)
    assert effects.mean_interval([0.5], 1) == effects.mean_interval([0.5, 0.5], 1) == (None, None)


def test_counted_f1_equals_sklearns():
    labels, first, _ = items(1)
    said = [answer or "INVALID" for answer in first]
    counts = f1_effects.answer_counts(labels, [first], CLASSES)
    assert f1_effects.class_f1(counts) == pytest.approx(f1_score(labels, said, labels=CLASSES, average=None))
    assert f1_effects.macro_f1(counts) == pytest.approx(f1_score(labels, said, labels=CLASSES, average="macro"))


def test_f1_difference_equals_scipys_paired_bootstrap():
    labels, first, second = items(2, n=120)
    found = f1_effects.f1_difference(labels, first, second, CLASSES, seed=1)
    codes = np.array([CLASSES.index(label) for label in labels])
    answers = [np.array([2 if one is None else CLASSES.index(one) for one in said]) for said in (first, second)]

    def gain(label, one, other, axis=-1):
        def f1(said):
            return 2 * ((label == 0) & (said == 0)).sum(axis) / ((label == 0).sum(axis) + (said == 0).sum(axis))

        return f1(one) - f1(other)

    assert found.difference == pytest.approx(gain(codes, *answers))
    expected = stats.bootstrap((codes, *answers), gain, paired=True, method="BCa", rng=3, n_resamples=10_000)
    interval = expected.confidence_interval
    assert found.interval == pytest.approx((interval.low, interval.high), abs=0.01)
    swapped = stats.permutation_test(
        answers, lambda one, other, axis: gain(codes, one, other, axis), permutation_type="samples", rng=4
    )
    assert found.p_permutation == pytest.approx(swapped.pvalue, abs=0.01)


def test_f1_difference_changes_sign_when_swapped():
    labels, first, second = items(3)
    one = f1_effects.f1_difference(labels, first, second, CLASSES, 1)
    other = f1_effects.f1_difference(labels, second, first, CLASSES, 1)
    assert other.difference == -one.difference
    assert (-other.interval[1], -other.interval[0]) == pytest.approx(one.interval, abs=0.01)
    assert (other.p_bootstrap, other.p_permutation) == pytest.approx((one.p_bootstrap, one.p_permutation), abs=0.01)
    assert one == f1_effects.f1_difference(labels, first, second, CLASSES, 1)


def test_f1_difference_where_little_is_known():
    labels, first, _ = items(4)
    assert f1_effects.f1_difference(labels, first, first, CLASSES, 1) == (0, (None, None), 1, 1)
    right = [CLASSES[0], CLASSES[1]] * 3
    assert f1_effects.f1_intervals(right, right, CLASSES, 1) == ((None, None), (None, None))
    never = f1_effects.f1_difference(["No UTI"] * 3, ["No UTI"] * 3, ["No UTI", "No UTI", None], CLASSES, 1)
    assert never == (None, (None, None), None, None)  # 0 / 0: no item and no answer is positive
    assert f1_effects.f1_difference(["UTI"], ["UTI"], ["No UTI"], CLASSES, 1) == (1, (None, None), None, 1)
    assert f1_effects.f1_intervals(["No UTI"] * 4, ["No UTI"] * 4, CLASSES, 1) == ((None, None), (None, None))


def test_f1_difference_interval_covers_the_truth_and_its_p_values_are_level(monkeypatch):
    monkeypatch.setattr(resampling, "RESAMPLES", 1000)
    generator, runs, covered, small = np.random.default_rng(6), 300, 0, np.zeros(2)
    for run in range(runs):
        labels = generator.choice(CLASSES, 120).tolist()
        first, second = (answered(generator, labels, 0.8) for _ in range(2))  # equal: the true difference is 0
        found = f1_effects.f1_difference(labels, first, second, CLASSES, run)
        covered += found.interval[0] <= 0 <= found.interval[1]
        small += [found.p_bootstrap < 0.1, found.p_permutation < 0.1]
    assert covered / runs == pytest.approx(0.95, abs=3 * math.sqrt(0.95 * 0.05 / runs) + 0.01)
    assert small / runs == pytest.approx(0.1, abs=3 * math.sqrt(0.1 * 0.9 / runs) + 0.01)
