"""Bootstrap, permutation and hierarchical bootstrap against enumeration, theory and simulation."""

import itertools
import math
import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

from clinical_dpo.errors import UserError
from clinical_dpo.statistics import resampling
from tests.conftest import ROOT


def gain(counts):
    """Accuracy of the first answer minus that of the second, from counts (..., right or wrong, right or wrong)."""
    return (counts[..., 0, 1] - counts[..., 1, 0]) / counts.sum(axis=(-1, -2))


def test_permutation_equals_enumeration_of_all_swaps():
    counts = np.array([[3, 5], [1, 2]])
    found = resampling.swap_p(counts, gain, seed=1)
    signs = [1] * 5 + [-1]
    totals = [abs(sum(flips)) for flips in itertools.product((1, -1), repeat=6)]
    exact = np.mean([total >= abs(sum(signs)) for total in totals])  # 0.21875, McNemar's exact P of b = 5, c = 1
    assert found == pytest.approx(exact, abs=4 * math.sqrt(exact * (1 - exact) / 10_000))
    assert resampling.swap_p(counts.T, gain, seed=1) == pytest.approx(found, abs=0.02)
    assert resampling.swap_p(np.diag([4, 2]), gain, seed=1) == 1
    assert resampling.swap_p(np.array([[0, 60], [0, 0]]), gain, seed=1) == 1 / 10_001  # never 0


def test_bootstrap_p_and_interval_agree():
    for b, c in [(12, 2), (9, 3), (8, 4), (7, 6)]:
        counts = np.array([[40, b], [c, 10]])
        found = resampling.bootstrap(counts, gain, seed=3)
        low, high = found.interval()
        assert (found.p_value() < 0.05) == (low > 0 or high < 0)
        assert found.estimate == (b - c) / counts.sum()


VALUES, COUNTS = np.array([0.0, 1, 2, 4, 9, 20]), np.array([3, 6, 5, 3, 2, 1])


def variance_beyond(limit):
    def statistic(counts):
        n = counts.sum(axis=-1)
        return counts @ VALUES**2 / n - (counts @ VALUES / n) ** 2 - limit

    return statistic


def test_bca_of_a_skewed_statistic_equals_scipys():
    found = resampling.bootstrap(COUNTS, variance_beyond(0), seed=1)
    items = np.repeat(VALUES, COUNTS)
    expected = stats.bootstrap((items,), np.var, method="BCa", rng=2, n_resamples=50_000).confidence_interval
    assert found.interval() == pytest.approx((expected.low, expected.high), rel=0.06)
    assert np.quantile(found.drawn, [0.025, 0.975])[1] < 0.75 * expected.high  # percentiles are far off
    without = np.array([np.var(np.delete(items, place)) for place in range(len(items))])
    away = without.mean() - without
    assert found.acceleration == pytest.approx((away**3).sum() / (6 * (away**2).sum() ** 1.5), abs=1e-12)
    assert found.bias > 0.1 and found.acceleration > 0.1


def test_p_is_the_level_at_which_the_interval_ends_at_zero():
    for limit in resampling.bootstrap(COUNTS, variance_beyond(0), seed=1).interval():
        assert resampling.bootstrap(COUNTS, variance_beyond(limit), seed=1).p_value() == pytest.approx(0.05, abs=2e-3)


def test_many_cells_are_drawn_as_theory_says():
    values = np.random.default_rng(0).random(400)

    def mean(counts):
        return counts @ values / len(values)

    found = resampling.bootstrap(np.ones(400, dtype=int), mean, seed=1)
    assert found.drawn.mean() == pytest.approx(values.mean(), abs=4 * values.std() / math.sqrt(400 * 10_000))
    assert found.drawn.std() == pytest.approx(values.std() / math.sqrt(400), rel=0.03)
    # The mean's acceleration is skewness / (6 sqrt(n)) (Efron & Tibshirani 1993, p. 187).
    skewness = np.mean((values - values.mean()) ** 3) / values.std() ** 3
    assert found.acceleration == pytest.approx(skewness / (6 * math.sqrt(400)), abs=1e-9)


def test_one_item_and_undefined_statistics_have_no_bootstrap():
    assert resampling.bootstrap(np.array([[0, 1], [0, 0]]), gain, 1) is None
    assert resampling.bootstrap(np.array([3, 2]), lambda counts: np.full(len(counts), np.nan), 1) is None


def test_hierarchical_bootstrap_takes_seeds_and_items_into_account():
    generator = np.random.default_rng(1)
    alike = np.tile(generator.normal(0.2, 1, 300), (6, 1))
    found = resampling.hierarchical_bootstrap(alike, seed=1)
    assert found.seed_sd == pytest.approx(0, abs=1e-12) and found.effect == pytest.approx(alike.mean())
    width = 2 * 1.96 * alike[0].std() / math.sqrt(300)  # seeds that agree: the items' uncertainty alone
    assert found.ci_high - found.ci_low == pytest.approx(width, rel=0.05)
    shifted = alike + np.array([-0.5, -0.3, -0.1, 0.1, 0.3, 0.5])[:, np.newaxis]
    wider = resampling.hierarchical_bootstrap(shifted, seed=1)
    assert wider.effect == pytest.approx(found.effect) and wider.p_value > found.p_value
    assert wider.per_seed == pytest.approx(shifted.mean(axis=1)) and wider.seed_sd == pytest.approx(0.37417, abs=1e-5)
    both = math.hypot(width, 2 * 1.96 * wider.seed_sd / math.sqrt(6))
    assert wider.ci_high - wider.ci_low == pytest.approx(both, rel=0.07)
    swapped = resampling.hierarchical_bootstrap(-shifted, seed=1)
    assert (swapped.ci_low, swapped.ci_high) == pytest.approx((-wider.ci_high, -wider.ci_low), abs=1e-12)
    assert swapped.effect == -wider.effect and swapped.p_value == pytest.approx(wider.p_value)


def test_hierarchical_bootstrap_of_a_statistic_of_means():
    generator = np.random.default_rng(2)
    array = generator.integers(0, 2, (4, 150, 2))

    def difference(means):
        return means[..., 0] - means[..., 1]

    found = resampling.hierarchical_bootstrap(array, 1, difference)
    plain = resampling.hierarchical_bootstrap(array[..., 0] - array[..., 1], 1)
    assert found.effect == pytest.approx(plain.effect) and found.per_seed == pytest.approx(plain.per_seed)
    assert (found.ci_low, found.ci_high) == pytest.approx((plain.ci_low, plain.ci_high), abs=1e-12)


def test_hierarchical_interval_covers_the_truth(monkeypatch):
    monkeypatch.setattr(resampling, "RESAMPLES", 1000)
    generator, runs, covered, small = np.random.default_rng(3), 300, 0, 0
    for run in range(runs):
        seeds, items = generator.normal(0, 0.1, (8, 1)), generator.normal(0, 0.5, (1, 40))
        found = resampling.hierarchical_bootstrap(seeds + items + generator.normal(0, 0.2, (8, 40)), run)
        covered += found.ci_low <= 0 <= found.ci_high
        small += found.p_value < 0.1
    assert covered / runs == pytest.approx(0.95, abs=3 * math.sqrt(0.95 * 0.05 / runs) + 0.01)
    assert small / runs == pytest.approx(0.1, abs=3 * math.sqrt(0.1 * 0.9 / runs) + 0.02)


def test_hierarchical_bootstrap_of_one_seed_or_one_item():
    one_seed = resampling.hierarchical_bootstrap([[1, 0, 1, -1, 0, 1]], 1)
    assert one_seed.seed_sd is None and one_seed.ci_low < 1 / 3 < one_seed.ci_high
    one_item = resampling.hierarchical_bootstrap([[1], [0]], 1)
    assert one_item == (0.5, None, None, None, (1, 0), pytest.approx(math.sqrt(0.5)))
    equal = resampling.hierarchical_bootstrap(np.zeros((3, 5)), 1)
    assert (equal.effect, equal.ci_low, equal.ci_high, equal.p_value) == (0, None, None, 1)
    better = resampling.hierarchical_bootstrap(np.ones((3, 5)), 1)  # no spread known, so nothing can be said
    assert (better.effect, better.ci_low, better.ci_high, better.p_value) == (1, None, None, None)


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
        resampling.hierarchical_bootstrap(values, 1)


def test_statistics_import_no_heavy_package():
    """A task's statistics start within a second: scipy.stats, statsmodels and pandas take one to four each."""
    modules = [f"clinical_dpo.statistics.{name}" for name in ("comparisons", "metrics", "power")]
    code = f"import sys, {', '.join(modules)}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert {"torch", "pandas", "statsmodels", "scipy.stats", "sklearn"}.isdisjoint(done.stdout.split())
