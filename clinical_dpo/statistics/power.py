"""The smallest difference that a paired test would find with a given power, from what this test set allows."""

from collections.abc import Callable

import numpy as np
from scipy.optimize import brentq
from scipy.special import bdtr
from scipy.stats import binom
from statsmodels.stats.power import TTestPower

POWER = 0.8


def mcnemar_power(n: int, discordance: float, difference: float, alpha: float) -> float:
    """Power of the exact two-sided McNemar test at P < alpha.

    Exact: summed over all numbers of discordant pairs (the unconditional power of Duffy 1984, Biometrics
    40:1005-1015), which no kept library has. Connor's formula (1987, Biometrics 43:207-211) is for the chi-squared
    test and promises more than the exact test keeps.

    Args:
        n: pairs.
        discordance: share of pairs in which one answer is right and the other wrong.
        difference: of the two shares of right answers; between -discordance and discordance.
        alpha: two-sided level.
    """
    return _mcnemar_power(n, discordance, alpha)(difference)


def _mcnemar_power(n: int, discordance: float, alpha: float) -> Callable[[float], float]:
    pairs = np.arange(n + 1)
    critical, k = np.empty(n + 1, dtype=int), -1
    for m in pairs:  # the largest smaller count that is significant among m discordant pairs
        while k < m and 2 * bdtr(k + 1, m, 0.5) < alpha:
            k += 1
        critical[m] = k
    seen = binom.pmf(pairs, n, discordance)
    possible = critical >= 0
    critical, pairs, seen = critical[possible], pairs[possible], seen[possible]

    def power(difference: float) -> float:
        share = min(max((1 + difference / discordance) / 2, 0.0), 1.0)
        return float(seen @ (bdtr(critical, pairs, share) + bdtr(critical, pairs, 1 - share)))

    return power


def detectable_accuracy_difference(n: int, discordance: float, alpha: float, power: float = POWER) -> float | None:
    """The smallest difference of accuracies that the exact McNemar test finds with `power`; exact search.

    None where even the largest one (every discordant pair the same way) is not found, or no pair is discordant.
    """
    if discordance == 0:
        return None
    found = _mcnemar_power(n, discordance, alpha)
    return None if found(discordance) < power else _smallest(found, discordance, power)


def paired_t_power(n: int, d_z: float, alpha: float) -> float:
    """Power of the two-tailed paired t test (Cohen 1988, ch. 2), by statsmodels.

    Args:
        n: pairs, at least 2.
        d_z: mean of the differences over their SD.
        alpha: two-sided level.
    """
    # Side by side: a tail too thin for floating point comes as NaN, and would make the sum NaN.
    sides = [TTestPower().power(d_z, n, alpha / 2, alternative=side) for side in ("larger", "smaller")]
    return float(np.nansum(sides))


def detectable_mean_difference(n: int, sd: float, alpha: float, power: float = POWER) -> float | None:
    """The smallest mean difference that the paired t test finds with `power`, given the SD of the differences.

    None for fewer than two pairs or an SD of zero. statsmodels' own solver stops short of the power for a few pairs.
    """
    if n < 2 or sd == 0:
        return None
    largest = 1.0
    while paired_t_power(n, largest, alpha) < power:
        largest *= 2
    return sd * _smallest(lambda d_z: paired_t_power(n, d_z, alpha), largest, power)


def _smallest(power: Callable[[float], float], high: float, wanted: float) -> float:
    """Where a power that rises from 0 to `high` reaches what is wanted."""
    return float(brentq(lambda difference: power(difference) - wanted, 0.0, high, xtol=1e-12, rtol=1e-12))
