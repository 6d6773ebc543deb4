"""Power against published values, enumeration and simulation."""

import math

import numpy as np
import pytest
from scipy import stats

from clinical_dpo.statistics import power
from clinical_dpo.statistics.paired_tests import mcnemar_exact, paired_t


def connor(n, discordance, alpha):
    """Smallest difference of the chi-squared test at 80% power (Connor 1987, solved for the difference)."""
    z_alpha, z_beta = stats.norm.ppf(1 - alpha / 2), stats.norm.ppf(0.8)
    root = math.sqrt(n + z_beta**2 - z_alpha**2)
    return math.sqrt(discordance) * (z_alpha * math.sqrt(n) + z_beta * root) / (n + z_beta**2)


def test_mcnemar_power_equals_rs_package_mess():
    # R, MESS 0.5: power_mcnemar_test(144, paid = .25, psi = 45/25, method = "exact"), one-sided .025: .80.
    assert power.mcnemar_power(144, 0.7, 0.2, 0.05) == pytest.approx(0.80, abs=5e-3)


def test_mcnemar_power_equals_enumeration_of_all_tables():
    n, discordance, difference, alpha = 17, 0.6, 0.4, 0.05
    p_b, p_c = (discordance + difference) / 2, (discordance - difference) / 2
    expected = sum(
        stats.multinomial.pmf([b, c, n - b - c], n, [p_b, p_c, 1 - discordance])
        for b in range(n + 1)
        for c in range(n + 1 - b)
        if mcnemar_exact(b, c) < alpha
    )
    assert power.mcnemar_power(n, discordance, difference, alpha) == pytest.approx(expected, abs=1e-12)
    assert power.mcnemar_power(n, discordance, -difference, alpha) == pytest.approx(expected, abs=1e-12)


def test_mcnemars_test_keeps_its_level_and_its_power_increases_with_the_difference():
    powers = [power.mcnemar_power(200, 0.3, difference, 0.01) for difference in (0, 0.05, 0.1, 0.15, 0.3)]
    assert powers[0] <= 0.01 and powers == sorted(powers) and powers[-1] == pytest.approx(1)


@pytest.mark.parametrize(("n", "discordance", "alpha"), [(200, 0.15, 0.01), (410, 0.2, 0.01), (500, 0.3, 0.025)])
def test_smallest_detectable_accuracy_difference(n, discordance, alpha):
    smallest = power.detectable_accuracy_difference(n, discordance, alpha)
    assert power.mcnemar_power(n, discordance, smallest, alpha) == pytest.approx(0.8, abs=1e-6)
    assert connor(n, discordance, alpha) < smallest < 1.12 * connor(n, discordance, alpha)


def test_the_solution_of_connors_formula_is_right():
    # Connor 1987: n = (z_a sqrt(psi) + z_b sqrt(psi - d^2))^2 / d^2.
    d = connor(300, 0.2, 0.05)
    n = (stats.norm.ppf(0.975) * math.sqrt(0.2) + stats.norm.ppf(0.8) * math.sqrt(0.2 - d**2)) ** 2 / d**2
    assert n == pytest.approx(300)


def test_no_accuracy_difference_is_detectable_if_too_few_pairs_differ():
    assert power.detectable_accuracy_difference(200, 0.0, 0.01) is None
    assert power.detectable_accuracy_difference(200, 0.02, 0.01) is None  # 4 pairs: the lowest P is .125
    assert power.detectable_accuracy_difference(1, 1.0, 0.05) is None
    assert power.detectable_accuracy_difference(20, 1.0, 0.05) < 0.7


def test_paired_t_power_equals_g_power():
    # G*Power 3.1 manual, "Difference between two dependent means (matched pairs)": d_z = 0.421637, n = 50.
    assert power.paired_t_power(50, 0.421637, 0.05) == pytest.approx(0.832114, abs=1e-6)
    assert power.paired_t_power(50, -0.421637, 0.05) == pytest.approx(0.832114, abs=1e-6)
    assert power.paired_t_power(50, 0, 0.05) == pytest.approx(0.05)


def test_smallest_detectable_mean_difference():
    for n, sd, alpha in [(300, 0.7, 0.01), (12, 1.3, 0.05), (2, 1, 0.01), (20_000, 1, 0.01)]:
        smallest = power.detectable_mean_difference(n, sd, alpha)
        assert power.paired_t_power(n, smallest / sd, alpha) == pytest.approx(0.8, abs=1e-6)
        noncentral = stats.nct(n - 1, smallest / sd * math.sqrt(n))
        assert noncentral.sf(stats.t.ppf(1 - alpha / 2, n - 1)) == pytest.approx(0.8, abs=1e-4)
    assert power.detectable_mean_difference(1, 1, 0.05) is power.detectable_mean_difference(9, 0, 0.05) is None


def test_the_smallest_detectable_difference_is_detected_in_80_percent_of_simulations():
    generator, runs = np.random.default_rng(0), 1500
    smallest = power.detectable_mean_difference(30, 1, 0.01)
    detected = np.mean([paired_t(x, np.zeros(30))[1] < 0.01 for x in generator.normal(smallest, 1, (runs, 30))])
    assert detected == pytest.approx(0.8, abs=3 * math.sqrt(0.8 * 0.2 / runs))
    smallest = power.detectable_accuracy_difference(150, 0.25, 0.01)
    tables = generator.multinomial(150, [(0.25 + smallest) / 2, (0.25 - smallest) / 2, 0.75], runs)
    detected = np.mean([mcnemar_exact(b, c) < 0.01 for b, c, _ in tables.tolist()])
    assert detected == pytest.approx(0.8, abs=3 * math.sqrt(0.8 * 0.2 / runs))
