"""Intervals over training seeds against scipy, an analysis of variance written out, and simulation."""

import math
import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

from clinical_dpo.errors import UserError
from clinical_dpo.statistics.seed_intervals import seed_effect
from tests.conftest import ROOT


def drawn(generator, seeds, items, of_seeds, of_items=0.3, rest=0.4):
    """Differences (seeds, items) around 0 with these SDs."""
    shape = [(seeds, 1), (1, items), (seeds, items)]
    return sum(generator.normal(0, sd, size) for sd, size in zip((of_seeds, of_items, rest), shape, strict=True))


def test_one_seed_has_the_t_test_of_its_items():
    values = drawn(np.random.default_rng(1), 1, 50, 0) + 0.1
    found, expected = seed_effect(values), stats.ttest_1samp(values[0], 0)
    assert (found.ci_low, found.ci_high) == pytest.approx(tuple(expected.confidence_interval()))
    assert found.p_value == pytest.approx(expected.pvalue) and found.seed_sd is None


def test_seeds_without_an_item_effect_have_the_t_test_of_their_means():
    values = drawn(np.random.default_rng(2), 4, 30, 0.5, of_items=0, rest=0.01)
    values -= values.mean(axis=0) - values.mean()  # all items are alike over the seeds
    found, expected = seed_effect(values), stats.ttest_1samp(values.mean(axis=1), 0)
    assert (found.ci_low, found.ci_high) == pytest.approx(tuple(expected.confidence_interval()))
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-6)


def test_both_sources_by_hand():
    values = drawn(np.random.default_rng(3), 3, 40, 0.1) + 0.2
    mean, seeds, items = values.mean(), values.mean(axis=1), values.mean(axis=0)
    square_seeds = 40 * ((seeds - mean) ** 2).sum() / 2
    square_items = 3 * ((items - mean) ** 2).sum() / 39
    square_rest = ((values - seeds[:, np.newaxis] - items + mean) ** 2).sum() / 78
    reach = math.hypot(
        stats.t.isf(0.025, 2) * math.sqrt(square_seeds / 120),
        stats.t.isf(0.025, 39) * math.sqrt((square_items - square_rest) / 120),
    )
    found = seed_effect(values)
    assert (found.ci_low, found.ci_high) == pytest.approx((mean - reach, mean + reach))
    assert found.per_seed == pytest.approx(tuple(seeds)) and found.seed_sd == pytest.approx(seeds.std(ddof=1))
    # P is the level at which the interval ends at zero.
    low, high = (getattr(seed_effect(values, level=1 - found.p_value), end) for end in ("ci_low", "ci_high"))
    assert min(abs(low), abs(high)) == pytest.approx(0, abs=1e-6)


def test_seeds_that_differ_widen_the_interval_and_signs_turn_with_the_values():
    alike = np.tile(np.random.default_rng(1).normal(0.2, 1, 300), (6, 1))
    found = seed_effect(alike)
    assert found.seed_sd == pytest.approx(0, abs=1e-12)
    width = 2 * stats.t.isf(0.025, 299) * alike[0].std(ddof=1) / math.sqrt(300)
    assert found.ci_high - found.ci_low == pytest.approx(width)
    shifted = alike + np.array([-0.5, -0.3, -0.1, 0.1, 0.3, 0.5])[:, np.newaxis]
    wider = seed_effect(shifted)
    assert wider.effect == pytest.approx(found.effect) and wider.p_value > found.p_value
    turned = seed_effect(-shifted)
    assert (turned.ci_low, turned.ci_high, turned.p_value) == pytest.approx(
        (-wider.ci_high, -wider.ci_low, wider.p_value)
    )


def test_a_statistic_of_means_enters_by_pseudo_values():
    generator = np.random.default_rng(2)
    array = generator.integers(0, 2, (4, 150, 2)).astype(float)
    found = seed_effect(array, lambda means: means[..., 0] - means[..., 1])
    plain = seed_effect(array[..., 0] - array[..., 1])
    assert found[1:4] == pytest.approx(plain[1:4]) and found.per_seed == pytest.approx(plain.per_seed)
    ratio = seed_effect(array[:1] + 1, lambda means: means[..., 0] / means[..., 1])
    tops, bases = array[0].T + 1
    r, n = tops.mean() / bases.mean(), 150
    linear = stats.t.isf(0.025, n - 1) * np.std((tops - r * bases) / bases.mean(), ddof=1) / math.sqrt(n)
    assert (ratio.ci_low, ratio.ci_high) == pytest.approx((r - linear, r + linear), abs=0.01)  # the delta method


@pytest.mark.parametrize("spread", [0.005, 0.02, 0.1])
@pytest.mark.parametrize("seeds", [2, 3, 5, 10])
def test_the_interval_covers_the_truth(seeds, spread):
    generator, runs = np.random.default_rng(3), 300
    found = [seed_effect(drawn(generator, seeds, 100, spread)) for _ in range(runs)]
    covered = np.mean([each.ci_low <= 0 <= each.ci_high for each in found])
    assert covered >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / runs)
    assert all((each.p_value < 0.05) == (each.ci_low > 0 or each.ci_high < 0) for each in found)


def test_where_little_is_known():
    one_item = seed_effect([[1], [0]])
    assert one_item == (0.5, None, None, None, (1, 0), pytest.approx(math.sqrt(0.5)))
    equal = seed_effect(np.zeros((3, 5)))
    assert (equal.effect, equal.ci_low, equal.ci_high, equal.p_value) == (0, None, None, 1)
    better = seed_effect(np.ones((3, 5)))  # no spread known, so nothing can be said
    assert (better.effect, better.ci_low, better.ci_high, better.p_value) == (1, None, None, None)
    certain = seed_effect(np.ones((3, 5)) + drawn(np.random.default_rng(0), 3, 5, 0, 0, 1e-9))
    assert certain.p_value < 1e-6 and certain.ci_low > 0.99


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([1, 0, 1], r"shape \(3,\)\. Every seed needs"),
        ([[], []], r"shape \(2, 0\)"),
        ([[1, 0], [0, float("nan")]], "seed 1, item 1 is no number"),
    ],
)
def test_what_is_no_array_of_seeds_and_items_is_refused(values, said):
    with pytest.raises(UserError, match=said):
        seed_effect(values)


def test_statistics_import_no_model_library():
    """Nor those of figures: a table of statistics starts within its four seconds."""
    modules = [f"clinical_dpo.statistics.{name}" for name in ("comparisons", "metrics", "training_seeds")]
    modules += [f"clinical_dpo.statistics.metric_kinds.{name}" for name in ("labels", "mean", "proportion")]
    code = f"import sys, {', '.join(modules)}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert {"torch", "transformers", "datasets", "matplotlib"}.isdisjoint(done.stdout.split())
