"""Power of the paired tests, and the smallest difference that a test detects with a required power."""

from collections.abc import Callable

import numpy as np
from scipy.optimize import brentq
from scipy.special import bdtr
from scipy.stats import binom
from statsmodels.stats.power import TTestPower

POWER = 0.8


def mcnemar_power(n: int, discordance: float, difference: float, alpha: float) -> float:
    """Power of the exact two-sided McNemar test that rejects if P < alpha.

    The power is the exact unconditional power of Duffy 1984 (Biometrics 40:1005-1015), which is a sum over all possible
    numbers of discordant pairs. No maintained library has this power. Connor's formula (1987, Biometrics 43:207-211) is
    for the chi-squared test, whose power is higher than that of the exact test.

    Args:
        n: number of pairs.
        discordance: share of pairs in which one answer is right and the other answer is wrong.
        difference: difference of the shares of right answers, between -discordance and discordance.
        alpha: two-sided level of the test.
    """
    return _mcnemar_power(n, discordance, alpha)(difference)


def _mcnemar_power(n: int, discordance: float, alpha: float) -> Callable[[float], float]:
    """Return `mcnemar_power` as a function of its argument `difference`. The other arguments are fixed.

    Args:
        n, discordance, alpha: as for `mcnemar_power`.
    """
    pairs = np.arange(n + 1)
    critical, k = np.empty(n + 1, dtype=int), -1
    for m in pairs:  # critical[m]: largest significant value of min(b, c) with m discordant pairs; -1 for none
        while k < m and 2 * bdtr(k + 1, m, 0.5) < alpha:
            k += 1
        critical[m] = k
    chances = binom.pmf(pairs, n, discordance)
    possible = critical >= 0
    critical, pairs, chances = critical[possible], pairs[possible], chances[possible]

    def power(difference: float) -> float:
        share = min(max((1 + difference / discordance) / 2, 0.0), 1.0)
        return float(chances @ (bdtr(critical, pairs, share) + bdtr(critical, pairs, 1 - share)))

    return power


def detectable_accuracy_difference(n: int, discordance: float, alpha: float, power: float = POWER) -> float | None:
    """The smallest difference of accuracies that the exact McNemar test detects with `power`.

    Args:
        n: number of pairs.
        discordance: share of pairs in which one answer is right and the other answer is wrong.
        alpha: two-sided level of the test.
        power: required power.

    Returns:
        The difference. It is None if the discordance is 0. It is also None if the power is too low even for the largest
        possible difference, where all discordant pairs favour the same variant.
    """
    if discordance == 0:
        return None
    power_of = _mcnemar_power(n, discordance, alpha)
    return None if power_of(discordance) < power else _smallest(power_of, discordance, power)


def paired_t_power(n: int, d_z: float, alpha: float) -> float:
    """Power of the two-tailed paired t test (Cohen 1988, ch. 2), by statsmodels.

    Args:
        n: number of pairs, at least 2.
        d_z: mean of the differences divided by their SD.
        alpha: two-sided level of the test.
    """
    # The two tails are computed apart and NaN counts as 0, because statsmodels gives NaN for a very thin tail.
    sides = [TTestPower().power(d_z, n, alpha / 2, alternative=side) for side in ("larger", "smaller")]
    return float(np.nansum(sides))


def detectable_mean_difference(n: int, sd: float, alpha: float, power: float = POWER) -> float | None:
    """The smallest mean difference that the paired t test detects with `power`.

    The solver of statsmodels is not used. For few pairs, its result has less than the required power.

    Args:
        n: number of pairs.
        sd: SD of the differences.
        alpha: two-sided level of the test.
        power: required power.

    Returns:
        The difference; None for fewer than two pairs, and for an SD of zero.
    """
    if n < 2 or sd == 0:
        return None
    largest = 1.0
    while paired_t_power(n, largest, alpha) < power:
        largest *= 2
    return sd * _smallest(lambda d_z: paired_t_power(n, d_z, alpha), largest, power)


def _smallest(power_of: Callable[[float], float], high: float, power: float) -> float:
    """Return the smallest difference whose power is `power`. The search covers differences from 0 to `high`.

    Args:
        power_of: function that returns the power for a difference. The power increases with the difference.
        high: a difference whose power is at least `power`.
        power: required power.
    """
    return float(brentq(lambda difference: power_of(difference) - power, 0.0, high, xtol=1e-12, rtol=1e-12))
