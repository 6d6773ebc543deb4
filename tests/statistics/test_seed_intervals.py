"""Intervals over training seeds against scipy, an analysis of variance by hand, and simulation."""

import math
import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

from clinical_dpo.errors import UserError
from clinical_dpo.statistics.seed_intervals import seed_effect
from tests.conftest import ROOT


def random_differences(generator, seeds, items, seed_sd, item_sd=0.3, residual_sd=0.4):
    """Differences (seeds, items) with mean 0 and these SDs."""
    parts = [((seeds, 1), seed_sd), ((1, items), item_sd), ((seeds, items), residual_sd)]
    return sum(generator.normal(0, sd, shape) for shape, sd in parts)


def test_one_seed_has_the_t_test_of_its_items():
    values = random_differences(np.random.default_rng(1), 1, 50, 0) + 0.1
    effect, expected = seed_effect(values), stats.ttest_1samp(values[0], 0)
    assert (effect.ci_low, effect.ci_high) == pytest.approx(tuple(expected.confidence_interval()))
    assert effect.p_value == pytest.approx(expected.pvalue) and effect.seed_sd is None


def test_seeds_without_an_item_effect_have_the_t_test_of_their_means():
    values = random_differences(np.random.default_rng(2), 4, 30, 0.5, item_sd=0, residual_sd=0.01)
    values -= values.mean(axis=0) - values.mean()  # the mean of each item over the seeds is the same
    effect, expected = seed_effect(values), stats.ttest_1samp(values.mean(axis=1), 0)
    assert (effect.ci_low, effect.ci_high) == pytest.approx(tuple(expected.confidence_interval()))
    assert effect.p_value == pytest.approx(expected.pvalue, rel=1e-6)


def test_the_interval_of_seeds_and_items_by_hand():
    values = random_differences(np.random.default_rng(3), 3, 40, 0.1) + 0.2
    mean, seeds, items = values.mean(), values.mean(axis=1), values.mean(axis=0)
    ms_seeds = 40 * ((seeds - mean) ** 2).sum() / 2
    ms_items = 3 * ((items - mean) ** 2).sum() / 39
    ms_residual = ((values - seeds[:, np.newaxis] - items + mean) ** 2).sum() / 78
    half_width = math.hypot(
        stats.t.isf(0.025, 2) * math.sqrt(ms_seeds / 120),
        stats.t.isf(0.025, 39) * math.sqrt((ms_items - ms_residual) / 120),
    )
    effect = seed_effect(values)
    assert (effect.ci_low, effect.ci_high) == pytest.approx((mean - half_width, mean + half_width))
    assert effect.per_seed == pytest.approx(tuple(seeds)) and effect.seed_sd == pytest.approx(seeds.std(ddof=1))


def test_the_interval_at_level_one_minus_p_ends_at_zero():
    values = random_differences(np.random.default_rng(3), 3, 40, 0.1) + 0.2
    p = seed_effect(values).p_value
    low, high = (getattr(seed_effect(values, level=1 - p), end) for end in ("ci_low", "ci_high"))
    assert min(abs(low), abs(high)) == pytest.approx(0, abs=1e-6)


EQUAL_SEEDS = np.tile(np.random.default_rng(1).normal(0.2, 1, 300), (6, 1))
DIFFERENT_SEEDS = EQUAL_SEEDS + np.array([-0.5, -0.3, -0.1, 0.1, 0.3, 0.5])[:, np.newaxis]


def test_equal_seeds_have_the_interval_of_the_items():
    effect = seed_effect(EQUAL_SEEDS)
    assert effect.seed_sd == pytest.approx(0, abs=1e-12)
    width = 2 * stats.t.isf(0.025, 299) * EQUAL_SEEDS[0].std(ddof=1) / math.sqrt(300)
    assert effect.ci_high - effect.ci_low == pytest.approx(width)


def test_different_seeds_have_the_same_effect_and_a_larger_p():
    equal, different = seed_effect(EQUAL_SEEDS), seed_effect(DIFFERENT_SEEDS)
    assert different.effect == pytest.approx(equal.effect) and different.p_value > equal.p_value


def test_the_interval_changes_sign_with_the_values():
    effect, negative = seed_effect(DIFFERENT_SEEDS), seed_effect(-DIFFERENT_SEEDS)
    expected = (-effect.ci_high, -effect.ci_low, effect.p_value)
    assert (negative.ci_low, negative.ci_high, negative.p_value) == pytest.approx(expected)


def test_a_difference_of_means_has_the_interval_of_a_mean_difference():
    array = np.random.default_rng(2).integers(0, 2, (4, 150, 2)).astype(float)
    effect = seed_effect(array, lambda means: means[..., 0] - means[..., 1])
    expected = seed_effect(array[..., 0] - array[..., 1])
    assert effect[1:4] == pytest.approx(expected[1:4]) and effect.per_seed == pytest.approx(expected.per_seed)


def test_a_ratio_of_means_has_an_interval_close_to_that_of_the_delta_method():
    array = np.random.default_rng(2).integers(0, 2, (4, 150, 2)).astype(float)
    ratio = seed_effect(array[:1] + 1, lambda means: means[..., 0] / means[..., 1])
    tops, bases = array[0].T + 1
    r, n = tops.mean() / bases.mean(), 150
    half_width = stats.t.isf(0.025, n - 1) * np.std((tops - r * bases) / bases.mean(), ddof=1) / math.sqrt(n)
    assert (ratio.ci_low, ratio.ci_high) == pytest.approx((r - half_width, r + half_width), abs=0.01)


@pytest.mark.parametrize("spread", [0.005, 0.02, 0.1])
@pytest.mark.parametrize("seeds", [2, 3, 5, 10])
def test_the_interval_covers_the_truth(seeds, spread):
    generator, runs = np.random.default_rng(3), 300
    effects = [seed_effect(random_differences(generator, seeds, 100, spread)) for _ in range(runs)]
    covered = np.mean([effect.ci_low <= 0 <= effect.ci_high for effect in effects])
    assert covered >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / runs)
    assert all((effect.p_value < 0.05) == (effect.ci_low > 0 or effect.ci_high < 0) for effect in effects)


def test_one_item_has_no_interval():
    one_item = seed_effect([[1], [0]])
    assert one_item == (0.5, None, None, None, (1, 0), pytest.approx(math.sqrt(0.5)))


def test_equal_values_have_no_interval():
    equal = seed_effect(np.zeros((3, 5)))
    assert (equal.effect, equal.ci_low, equal.ci_high, equal.p_value) == (0, None, None, 1)
    better = seed_effect(np.ones((3, 5)))  # the spread is unknown
    assert (better.effect, better.ci_low, better.ci_high, better.p_value) == (1, None, None, None)


def test_almost_equal_values_have_a_narrow_interval():
    certain = seed_effect(np.ones((3, 5)) + random_differences(np.random.default_rng(0), 3, 5, 0, 0, 1e-9))
    assert certain.p_value < 1e-6 and certain.ci_low > 0.99


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1, 0, 1], r"shape \(3,\)\. Pass an array of the shape \(seeds, items\)"),
        ([[], []], r"shape \(2, 0\)\."),
        (
            [[1, 0], [0, float("nan")]],
            r"the grade of item 2 of 2 with seed 2 of 2 is not a finite number\. Grade all items",
        ),
    ],
)
def test_another_shape_or_a_missing_number_is_refused(values, message):
    with pytest.raises(UserError, match=message):
        seed_effect(values)


def test_statistics_import_no_model_library():
    """Nor a library of figures: importing these takes most of the time of a job."""
    modules = [f"clinical_dpo.statistics.{name}" for name in ("comparisons", "metrics", "training_seeds")]
    modules += [f"clinical_dpo.statistics.metric_kinds.{name}" for name in ("labels", "mean", "proportion")]
    code = f"import sys, {', '.join(modules)}; print(*sys.modules)"
    process = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert {"torch", "transformers", "datasets", "matplotlib"}.isdisjoint(process.stdout.split())
