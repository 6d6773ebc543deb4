"""Tests and intervals of items in groups, against published values, closed forms and independent items."""

import itertools
import math

import numpy as np
import pytest
from scipy.stats import chi2, t

from clinical_dpo.statistics.bootstrap_intervals import bootstrap_interval
from clinical_dpo.statistics.clustered import (
    clustered_mean,
    combined_interval,
    obuchowski,
    ratio,
    share_difference,
    share_interval,
)
from clinical_dpo.statistics.f1_effects import f1_difference, f1_interval
from clinical_dpo.statistics.intervals import newcombe_paired, wilson
from clinical_dpo.statistics.seed_intervals import seed_effect

# PET and SPECT of 21 patients (Obuchowski 1998): glands, and glands that only PET or only SPECT reads rightly.
GLANDS = (3, 3, 3, 1, 3, 4, 3, 2, 2, 1, 3, 2, 3, 2, 2, 3, 3, 3, 2, 1, 2)
ONLY_PET = {8: 1}
ONLY_SPECT = {0: 2, 1: 1, 4: 1, 14: 2, 17: 1}
# Patients and their psychiatrists (Petryshen et al. 1989): pairs, and pairs in which only one of them names an item.
PAIRS = (7, 6, 7, 6, 4, 6, 5, 8, 4, 7, 3, 6, 7, 6, 5, 4, 6, 5, 4, 3, 5, 4, 4, 2, 3, 2, 2, 3, 1)
ONLY_PATIENT = dict(enumerate((0, 1, 1, 1, 0, 3, 3, 3, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 3, 1, 1, 2, 0, 0, 0, 0, 0, 0, 0)))
ONLY_DOCTOR = dict(enumerate((4, 2, 3, 2, 1, 3, 0, 2, 2, 4, 2, 4, 3, 2, 1, 3, 1, 2, 0, 0, 0, 2, 1, 2, 2, 0, 0, 1, 1)))


def pairs(sizes, only_first, only_second):
    """First, second and group of each item; the other items are right with both."""
    rows = []
    for group, size in enumerate(sizes):
        b, c = only_first.get(group, 0), only_second.get(group, 0)
        rows += [(1, 0, group)] * b + [(0, 1, group)] * c + [(1, 1, group)] * (size - b - c)
    return tuple(map(np.array, zip(*rows, strict=True)))


def drawn(seed, groups=30, largest=5, classes=2):
    """Labels, two variants' answers and groups; answers of a group tend to be right or wrong together."""
    rng = np.random.default_rng(seed)
    codes = np.repeat(np.arange(groups), rng.integers(1, largest + 1, groups))
    labels = rng.integers(0, classes, len(codes))
    ease = rng.normal(1, 1.5, groups)[codes]
    answers = [
        np.where(rng.random(len(codes)) < 1 / (1 + np.exp(-ease - shift)), labels, rng.integers(0, classes, len(codes)))
        for shift in (0.5, 0.0)
    ]
    names = np.array(["a", "b", "c", "d"][:classes])
    return names[labels].tolist(), names[answers[0]].tolist(), names[answers[1]].tolist(), codes


def test_obuchowskis_test_equals_the_published_example():
    """As printed by R's package clust.bin.pair: chi-square = 2.8571, p-value = 0.09097."""
    statistic, p = obuchowski(*pairs(GLANDS, ONLY_PET, ONLY_SPECT))
    assert (round(statistic, 4), round(p, 5)) == (2.8571, 0.09097)


def test_obuchowskis_test_equals_her_variance_of_the_pooled_proportion():
    """Her formula: the variances of both proportions around their pooled value, minus twice their covariance."""
    first, second, groups = pairs(PAIRS, ONLY_PATIENT, ONLY_DOCTOR)
    n, k = len(first), len(PAIRS)
    pooled = (first.mean() + second.mean()) / 2
    x, y = (np.bincount(groups, hits - pooled) for hits in (first, second))
    variance = k / (k - 1) * ((x**2).sum() + (y**2).sum() - 2 * (x * y).sum()) / n**2
    expected = (first.mean() - second.mean()) ** 2 / variance
    assert obuchowski(first, second, groups) == pytest.approx((expected, chi2.sf(expected, 1)), rel=1e-12)


def test_obuchowskis_test_of_single_items_is_mcnemars_with_her_factor():
    first, second, groups = pairs([1] * 50, dict.fromkeys(range(12), 1), dict.fromkeys(range(12, 17), 1))
    assert obuchowski(first, second, groups)[0] == pytest.approx(49 / 50 * (12 - 5) ** 2 / (12 + 5), rel=1e-12)


def test_equal_differences_give_p_of_one_and_a_single_group_gives_none():
    assert obuchowski(*pairs([3, 3], {}, {})) == (0.0, 1.0)
    assert obuchowski(*pairs([2, 2], {0: 1, 1: 1}, {0: 1, 1: 1})) == (0.0, 1.0)
    assert obuchowski(*pairs([5], {0: 2}, {})) == (None, None)
    assert share_difference(*pairs([5], {0: 2}, {})).interval == (None, None)


def test_repeated_items_tell_no_more_than_one_of_them():
    """Every item five times is the same information: P and interval stay, and the unclustered interval does not."""
    first, second, _ = pairs([1] * 60, dict.fromkeys(range(20), 1), dict.fromkeys(range(20, 26), 1))
    once = share_difference(first, second, np.arange(60))
    five = share_difference(np.repeat(first, 5), np.repeat(second, 5), np.repeat(np.arange(60), 5))
    assert five.p_value == pytest.approx(once.p_value, rel=1e-12)
    assert five.interval == pytest.approx(once.interval, abs=1e-9)


def test_many_independent_items_have_the_interval_of_newcombe():
    first, second, groups = pairs([1] * 4000, dict.fromkeys(range(300), 1), dict.fromkeys(range(300, 520), 1))
    clustered = share_difference(first, second, groups).interval
    assert clustered == pytest.approx(newcombe_paired(3480, 300, 220, 0), abs=2e-4)


def test_items_that_are_all_right_have_the_interval_of_as_many_groups():
    hits, groups = np.ones(60), np.repeat(np.arange(12), 5)
    assert share_interval(hits, hits, groups) == (wilson(12, 12), "clustered_wilson")
    assert share_interval(hits, hits, None) == (wilson(60, 60), "wilson")


def test_the_effective_number_of_items_is_that_of_the_cluster_robust_variance():
    rng = np.random.default_rng(3)
    groups = np.repeat(np.arange(40), 4)
    hits = (rng.random(160) < rng.beta(2, 1, 40)[groups]).astype(float)
    robust = clustered_mean(hits, groups)  # statsmodels
    half = (robust.interval[1] - robust.interval[0]) / 2
    low, high = ratio(hits, np.ones(160), groups).interval
    assert (high - low) / 2 == pytest.approx(half, rel=0.03)  # Wilson's and the t interval have nearly the same width


@pytest.mark.parametrize("seed", range(4))
def test_the_mean_has_the_cluster_robust_t_interval(seed):
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(25), rng.integers(1, 6, 25))
    values = rng.normal(0.3, 1, len(groups)) + rng.normal(0, 1, 25)[groups]
    sums = np.bincount(groups, values - values.mean())
    error = math.sqrt(25 / 24 * (sums**2).sum()) / len(values)
    expected = values.mean() / error
    mean, statistic, p, interval = clustered_mean(values, groups)
    assert (mean, statistic, p) == pytest.approx((values.mean(), expected, 2 * t.sf(abs(expected), 24)), rel=1e-9)
    assert interval == pytest.approx((mean - t.isf(0.025, 24) * error, mean + t.isf(0.025, 24) * error), rel=1e-9)


def test_means_without_spread_have_no_interval():
    groups = np.array([0, 0, 1])
    assert clustered_mean(np.zeros(3), groups)[1:] == (0.0, 1.0, (None, None))
    assert clustered_mean(np.ones(3), groups)[1:] == (None, None, (None, None))
    assert clustered_mean(np.array([1.0, 2.0]), np.zeros(2, dtype=int))[1:] == (None, None, (None, None))


@pytest.mark.parametrize("classes", [2, 3])
def test_the_permutation_p_of_f1_covers_all_swaps_of_groups(classes):
    labels, first, second, groups = drawn(5, groups=8, classes=classes)
    names = ["a", "b", "c"][:classes]

    def difference(x, y):
        values = [
            [2 * sum(label == each == name for label, each in zip(labels, answers, strict=True))
             / max(1, labels.count(name) + list(answers).count(name)) for name in names]
            for answers in (x, y)
        ]  # fmt: skip
        return values[0][0] - values[1][0] if classes == 2 else float(np.mean(values[0]) - np.mean(values[1]))

    observed, extreme = abs(difference(first, second)), 0
    for swaps in itertools.product([False, True], repeat=8):
        swapped = np.array(swaps)[groups]
        extreme += (
            abs(difference(np.where(swapped, second, first), np.where(swapped, first, second))) > observed - 1e-12
        )
    f1 = f1_difference(labels, first, second, names, 1, groups=groups)
    assert f1.p_permutation == pytest.approx(extreme / 2**8, rel=1e-12)
    assert f1.difference == pytest.approx(difference(first, second), rel=1e-12)


@pytest.mark.parametrize("seed", range(40))
def test_no_interval_contradicts_its_p(seed):
    labels, first, second, groups = drawn(seed, groups=12 + seed % 9)
    right = [np.array([a == b for a, b in zip(labels, answers, strict=True)], float) for answers in (first, second)]
    f1 = f1_difference(labels, first, second, ["a", "b"], seed, groups=groups)
    share = share_difference(*right, groups)
    for effect, (low, high), p in (
        (f1.difference, f1.interval, f1.p_permutation),
        (share.effect, share.interval, share.p_value),
    ):
        assert low <= effect <= high
        assert (low > 0 or high < 0) == (p < 0.05)


def test_the_interval_of_f1_is_that_of_its_ratio():
    labels, first, _, groups = drawn(2)
    low, high = f1_interval(labels, first, ["a", "b"], groups=groups)
    hits = np.array([a == b == "a" for a, b in zip(labels, first, strict=True)], float)
    union = np.array([a == "a" or b == "a" for a, b in zip(labels, first, strict=True)], float)
    j = ratio(hits, union, groups).interval
    assert (low, high) == pytest.approx([2 * limit / (1 + limit) for limit in j])
    assert combined_interval([ratio(hits, union, groups)], [1.0]) == pytest.approx(j)


def test_the_cluster_bootstrap_draws_whole_groups():
    """Its spread is that of the groups: a mean of 4 groups of 50 equal items has the spread of 4 values."""
    values, groups = np.repeat([0.0, 1.0, 2.0, 3.0], 50), np.repeat(np.arange(4), 50)

    def mean(weights):
        return weights @ values / weights.sum(axis=1)

    low, high = bootstrap_interval(mean, 200, 1, groups)
    narrow = bootstrap_interval(mean, 200, 1)
    assert (low, high) == (0.0, 3.0)  # expanded percentiles of four values are the extremes
    assert narrow[1] - narrow[0] < 0.35
    assert bootstrap_interval(mean, 200, 1, np.zeros(200, dtype=int)) == (None, None)


def test_expanded_percentiles_of_many_groups_are_the_t_interval():
    rng = np.random.default_rng(4)
    values = rng.normal(size=40)
    low, high = bootstrap_interval(lambda weights: weights @ values / weights.sum(axis=1), 40, 1, np.arange(40))
    half = t.isf(0.025, 39) * values.std(ddof=1) / math.sqrt(40)
    assert (high - low) / 2 == pytest.approx(half, rel=0.05)


def test_seeds_with_groups_count_groups():
    """Sums of groups that are single items are the items."""
    from clinical_dpo.statistics.seed_intervals import mean_of_items
    from clinical_dpo.statistics.training_seeds import _effect

    rng = np.random.default_rng(6)
    values = [rng.integers(-1, 2, (30, 1)).astype(float) for _ in range(3)]
    expected = seed_effect([each[:, 0] for each in values])
    single = _effect(values, mean_of_items, np.arange(30))
    assert (single.effect, single.ci_low, single.ci_high) == pytest.approx(
        (expected.effect, expected.ci_low, expected.ci_high), rel=1e-9
    )
    twice = _effect([np.repeat(each, 2, axis=0) for each in values], mean_of_items, np.repeat(np.arange(30), 2))
    assert (twice.ci_low, twice.ci_high) == pytest.approx((expected.ci_low, expected.ci_high), rel=1e-9)
