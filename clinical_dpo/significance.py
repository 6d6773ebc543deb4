"""Paired comparisons of the variants on one task: McNemar's test, paired t test, effects with intervals."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import stats

from clinical_dpo.errors import UserError
from clinical_dpo.metrics import Grades, Interval, t_interval, wilson
from clinical_dpo.records import Row
from clinical_dpo.scores import read_grades

Rows = Sequence[Mapping[str, str]]
COLUMNS = (
    *("task", "model", "comparison", "test", "b", "c", "n", "statistic", "p_value", "p_adjusted", "family_size"),
    *("alpha", "threshold", "significant", "effect_measure", "effect", "effect_ci_low", "effect_ci_high"),
    *("grader", "proxy", "data", "status"),
)
COMPARISONS = {  # comparison -> the variant compared, the variant it is compared with
    "sft_vs_base": ("sft", "base"),
    "dpo_vs_sft": ("dpo", "sft"),
    "dpo_vs_base": ("dpo", "base"),
}
EFFECTS = {"mcnemar": "accuracy_difference", "paired_t": "mean_difference"}


def mcnemar_exact(b: int, c: int) -> float:
    """Two-sided exact P of McNemar's test (McNemar 1947): twice the smaller binomial(b + c, 1/2) tail, at most 1.

    Args:
        b: items right under the first variant only.
        c: items right under the second variant only.

    Returns:
        1 for b = c = 0: without a discordant pair nothing speaks against equality.
    """
    return min(1.0, 2 * float(stats.binom.cdf(min(b, c), b + c, 0.5)))


def paired_t(x: Sequence[float], y: Sequence[float]) -> tuple[float | None, float | None]:
    """t and two-tailed P of the paired t test (Student 1908) of x - y, n - 1 degrees of freedom.

    Returns:
        (0, 1) where all differences are zero. (None, None) where the test is not defined: fewer than two pairs, or
        the same difference in every pair. The formula's limit there, P = 0, would call two pairs a proof.
    """
    differences = np.subtract(x, y)
    if len(differences) < 2:
        return None, None
    if np.ptp(differences) < 1e-12:
        return (0.0, 1.0) if abs(differences[0]) < 1e-12 else (None, None)
    result = stats.ttest_1samp(differences, 0.0)
    return float(result.statistic), float(result.pvalue)


def newcombe_paired(both: int, first_only: int, second_only: int, neither: int) -> Interval:
    """95% interval of the difference of two paired proportions, first minus second.

    Method 10 of Newcombe 1998 (Stat Med 17:2635-2650): the two Wilson intervals joined by square-and-add, with the
    correlation phi of the pairs, corrected for continuity. (None, None) without pairs.

    Args:
        both: pairs in which both are right.
        first_only: only the first is (b).
        second_only: only the second is (c).
        neither: none is.
    """
    n = both + first_only + second_only + neither
    first, second = both + first_only, both + second_only
    (low_1, high_1), (low_2, high_2) = wilson(first, n), wilson(second, n)
    if low_1 is None or high_1 is None or low_2 is None or high_2 is None:
        return None, None
    margins = first * (n - first) * second * (n - second)
    product = both * neither - first_only * second_only
    corrected = max(product - n / 2, 0.0) if product > 0 else product
    phi = corrected / math.sqrt(margins) if margins else 0.0
    p_1, p_2 = first / n, second / n
    below = _added(p_1 - low_1, high_2 - p_2, phi)
    above = _added(high_1 - p_1, p_2 - low_2, phi)
    return max(p_1 - p_2 - below, -1.0), min(p_1 - p_2 + above, 1.0)  # beyond only by rounding


def _added(first: float, second: float, correlation: float) -> float:
    # Rounding may take a square of zero just below it.
    return math.sqrt(max(first**2 - 2 * correlation * first * second + second**2, 0.0))


def bonferroni(p: float, m: int) -> float:
    """P adjusted for a family of m tests (Dunn 1961): m * p, at most 1."""
    return min(1.0, p * m)


def format_p(p: float | None) -> str:
    """P as journals print it (AMA Manual of Style, 11th ed.): no leading zero, "<.001" to ">.99".

    Two digits from .01 on, three below it and where two would round a P under .05 up to it; "n/a" for None.
    """
    if p is None:
        return "n/a"
    if p < 0.001:
        return "<.001"
    if p > 0.99:
        return ">.99"
    digits = 3 if p < 0.01 or 0.045 <= p < 0.05 else 2
    return f"{p:.{digits}f}".removeprefix("0")


def compare_variants(grades: Grades, task: Mapping[str, Any], *, alpha: float, family_size: int) -> list[Row]:
    """Rows of COLUMNS: every comparison of every model.

    In "sft_vs_base" sft is the first variant: b counts items right with sft and wrong with base, c the reverse, and
    the effect is sft minus base. A P below alpha / family_size is significant. Where grades are awaited the numbers
    are None, `status` is pending and `n` counts the pairs awaited.

    Args:
        grades: (model, variant) -> rows of its grades table, for the variants base, sft and dpo.
        task: `name`, `test` (mcnemar or paired_t), `data` (real or synthetic).
        alpha: two-sided level of the whole family.
        family_size: tests that share it (the study's tasks).

    Raises:
        UserError: two variants with different items, an item twice, or a grade off its scale.
    """
    family = {"family_size": family_size, "alpha": alpha, "threshold": alpha / family_size}
    shared = {"task": task["name"], "test": task["test"], "data": task["data"], "effect_measure": EFFECTS[task["test"]]}
    rows = []
    for model in dict.fromkeys(model for model, _ in grades):
        for comparison, (first, second) in COMPARISONS.items():
            x, y = _paired(grades[model, first], grades[model, second], f"{task['name']}/{model}", first, second)
            row = dict.fromkeys(COLUMNS) | shared | family | {"model": model, "comparison": comparison}
            row["grader"] = x[0]["grader"]
            row["proxy"] = "true" if "true" in (x[0]["proxy"], y[0]["proxy"]) else "false"
            awaited = sum("pending" in (one["status"], other["status"]) for one, other in zip(x, y, strict=True))
            if awaited:
                rows.append(row | {"n": awaited, "status": "pending"})
                continue
            row |= {"n": len(x), "status": "complete"} | (_mcnemar(x, y) if task["test"] == "mcnemar" else _t(x, y))
            if row["p_value"] is not None:
                row["p_adjusted"] = bonferroni(row["p_value"], family_size)
                row["significant"] = "true" if row["p_value"] < family["threshold"] else "false"
            rows.append(row)
    return rows


def _mcnemar(x: Rows, y: Rows) -> Row:
    pairs = list(zip(read_grades(x, "binary"), read_grades(y, "binary"), strict=True))
    both, b, c, neither = (pairs.count(pair) for pair in ((1, 1), (1, 0), (0, 1), (0, 0)))
    low, high = newcombe_paired(both, b, c, neither)
    effect = {"effect": (b - c) / len(pairs), "effect_ci_low": low, "effect_ci_high": high}
    return {"b": b, "c": c, "statistic": min(b, c), "p_value": mcnemar_exact(b, c)} | effect


def _t(x: Rows, y: Rows) -> Row:
    first, second = read_grades(x, "likert"), read_grades(y, "likert")
    differences = np.subtract(first, second)
    statistic, p = paired_t(first, second)
    low, high = t_interval(differences.tolist())
    effect = {"effect": float(differences.mean()), "effect_ci_low": low, "effect_ci_high": high}
    return {"statistic": statistic, "p_value": p} | effect


def _paired(x: Rows, y: Rows, where: str, first: str, second: str) -> tuple[Rows, Rows]:
    """Rows of both variants in the order of the first's items."""
    if not x:
        raise UserError(f"grades of {where}/{first}: no rows. The test split needs at least one item.")
    ours, theirs = {row["id"]: row for row in x}, {row["id"]: row for row in y}
    for variant, rows, items, others in ((first, x, ours, theirs), (second, y, theirs, ours)):
        if len(items) < len(rows):
            raise UserError(f"grades of {where}/{variant}: an item stands there twice. Each item needs one grade.")
        missing = [item for item in others if item not in items]
        if missing:
            raise UserError(
                f"grades of {where}/{variant}: {len(missing)} items of the other variant are missing, first "
                f"{', '.join(missing[:3])}. Both variants must answer the same test items; grade them again."
            )
    return x, [theirs[row["id"]] for row in x]
