"""Planned numbers of items against statsmodels, Connor's formula and the test's own power."""

import math

import pytest
from scipy import stats
from statsmodels.stats.power import TTestPower

from clinical_dpo.config.metrics import METRICS
from clinical_dpo.statistics.planning import items_needed, smallest_detectable, spreads
from clinical_dpo.statistics.power import mcnemar_power

F1, LIKERT = METRICS["f1"], METRICS["likert"]


@pytest.mark.parametrize("discordance", spreads(F1))
@pytest.mark.parametrize(("margin", "alpha"), [(0.05, 0.05), (0.1, 0.01)])
def test_the_fewest_items_of_mcnemars_test(discordance, margin, alpha):
    """Connor 1987 plans for the chi-squared test, which needs fewer items than the exact one."""
    n = items_needed(F1, margin, discordance, alpha)
    assert mcnemar_power(n, discordance, margin, alpha) >= 0.8 > mcnemar_power(n - 1, discordance, margin, alpha)
    z, z_power = stats.norm.ppf(1 - alpha / 2), stats.norm.ppf(0.8)
    connor = (z * math.sqrt(discordance) + z_power * math.sqrt(discordance - margin**2)) ** 2 / margin**2
    if discordance > margin:  # otherwise all differing items differ the same way, far from a normal distribution
        assert connor < n < 1.05 * connor + 20


@pytest.mark.parametrize("sd", spreads(LIKERT))
@pytest.mark.parametrize(("margin", "alpha"), [(0.2, 0.05), (0.5, 0.01)])
def test_the_fewest_items_of_the_t_test(sd, margin, alpha):
    expected = TTestPower().solve_power(margin / sd, power=0.8, alpha=alpha)
    assert items_needed(LIKERT, margin, sd, alpha) == math.ceil(expected)


def test_a_margin_that_cannot_be_reached_needs_no_number():
    assert items_needed(F1, 0.2, 0.1, 0.05) is None  # a difference is at most the discordance
    assert items_needed(LIKERT, 1e-6, 1.0, 0.05) is None  # more than a million


def test_a_number_just_below_a_million_is_found():
    expected = ((stats.norm.ppf(0.975) + stats.norm.ppf(0.8)) / 0.003) ** 2
    assert 2**19 < expected < 1_000_000
    assert items_needed(LIKERT, 0.003, 1.0, 0.05) == pytest.approx(expected, rel=1e-4)


def test_with_the_items_that_a_margin_needs_it_is_detectable():
    n = items_needed(F1, 0.05, 0.3, 0.01)
    assert smallest_detectable(F1, n, 0.01, 0.3) <= 0.05 < smallest_detectable(F1, n - 1, 0.01, 0.3)
    n = items_needed(LIKERT, 0.2, 1.0, 0.01)
    assert smallest_detectable(LIKERT, n, 0.01) <= 0.2 < smallest_detectable(LIKERT, n - 1, 0.01)
    assert smallest_detectable(F1, 6, 0.01) is None
