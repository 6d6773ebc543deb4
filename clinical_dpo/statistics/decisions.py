"""Decisions about paired differences, from their intervals and a margin: the smallest difference that matters."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from scipy.stats import norm

from clinical_dpo.config.metrics import decision_metric
from clinical_dpo.io import Row, optional_number
from clinical_dpo.paths import parse_comparison
from clinical_dpo.statistics.comparisons import paired_rows
from clinical_dpo.statistics.corrected import SAMPLE
from clinical_dpo.statistics.headline_differences import headline_difference
from clinical_dpo.statistics.intervals import Interval
from clinical_dpo.statistics.metrics import Grades
from clinical_dpo.statistics.power import POWER
from clinical_dpo.variants import EXTERNAL

COLUMNS = (
    *("task", "model", "comparison", "metric", "n", "margin", "margin_source", "margin_sha256", "effect"),
    *("level", "ci_low", "ci_high", "margin_level", "margin_ci_low", "margin_ci_high", "p_equivalent"),
    *("decision", "items_to_decide", "sentence", "grader", "basis", "rated", "proxy", "data", "status"),
)
GRADES = "grades"  # basis of a decision from the grades of all test items
NO_BETTER_THAN_TRIVIAL = "no better than trivial"  # replaces the decision "better"


def decide(interval: Interval, margin_interval: Interval, margin: float) -> str:
    """The decision about a difference, first variant minus second.

    The first rule that applies gives the decision:

    - `equivalent`: both one-sided tests against the margin reject, so the difference is between -margin and margin.
    - `better` or `worse`: the two-sided test of no difference rejects.
    - `not inferior` or `not superior`: exactly one of the one-sided tests rejects.
    - `undecided`: no test rejects, or there is no interval.

    Args:
        interval: two-sided interval of confidence level 1 - alpha. It excludes zero if the test of no difference has
            P < alpha.
        margin_interval: two-sided interval of confidence level 1 - 2 alpha. Each limit belongs to a one-sided test of
            level alpha.
        margin: the smallest difference that matters, above zero.
    """
    (low, high), (margin_low, margin_high) = interval, margin_interval
    if low is None or high is None or margin_low is None or margin_high is None:
        return "undecided"
    above, below = margin_low > -margin, margin_high < margin
    if above and below:
        return "equivalent"
    if low > 0:
        return "better"
    if high < 0:
        return "worse"
    return "not inferior" if above else "not superior" if below else "undecided"


def items_to_decide(effect: float, margin_interval: Interval, n: int, margin: float, alpha: float) -> int | None:
    """Number of test items that would show with 80% power whether the first variant is better.

    There are two ways to settle the question. Either the first variant is shown to be better than the second, or it is
    shown to be less than one margin better. The computation treats the estimate as the true effect. The standard error
    is computed from the interval, and falls with the square root of the number of items.

    Args:
        effect: the estimate.
        margin_interval: interval of the effect, of confidence level 1 - 2 alpha.
        n: number of items behind the estimate.
        margin: the smallest difference that matters.
        alpha: level of the two-sided test of no difference and of the one-sided test against the margin.

    Returns:
        The smaller of the two numbers of items, one for each way to settle the question; None without an interval.
    """
    low, high = margin_interval
    if low is None or high is None:
        return None
    error = (high - low) / (2 * norm.isf(alpha)) * math.sqrt(n)  # standard error of one item
    routes = ((norm.isf(alpha / 2), effect), (norm.isf(alpha), margin - effect))  # quantile, distance to go
    needed = [((z + norm.ppf(POWER)) * error / distance) ** 2 for z, distance in routes if distance > 0]
    return math.ceil(min(needed))


def _further_items(effect: float, margin_interval: Interval, n: int, margin: float, alpha: float) -> int | None:
    """Number of test items, at least n + 1, that would show with 80% power whether the first variant is better.

    The n items at hand did not settle the question, so more than n are needed. If the interval is skewed,
    `items_to_decide` may return n or fewer. The result is then n + 1. Otherwise it is the result of `items_to_decide`,
    which takes the same arguments. If a limit of the interval is None, the result is None.
    """
    needed = items_to_decide(effect, margin_interval, n, margin, alpha)
    return None if needed is None else max(needed, n + 1)


def decisions(
    stats: Sequence[Mapping[str, str]],
    grades: Grades,
    task: Mapping[str, Any],
    margin: Mapping[str, Any],
    trivial: Sequence[Mapping[str, str]] = (),
    corrected: Sequence[Mapping[str, str]] = (),
) -> list[Row]:
    """Rows with the columns COLUMNS: one decision per comparison of a task. The column `sentence` is still empty.

    If raters grade a sample and a judge grades all items, the decision is about the estimate in corrected.csv. This is
    the judge's estimate, corrected by the sample, or the estimate from the sample alone (see
    `corrected.corrected_table`).

    Args:
        stats: rows of the task's stats.csv, as read. The column `threshold` is the significance level alpha of a
            decision.
        grades: maps (model, variant) to the variant's grades, one row per test item.
        task: task settings with `name`, `metric` and `seed`. For a task with labels also the labels, as `positive` and
            `negative` or as `labels`.
        margin: `value` is the smallest difference that matters. `source` says whether the task file sets this value.
            `sha256` is the SHA-256 of the metric and this value, as in the task's margin file (see
            `config.margins.margin_record`).
        trivial: rows of the task's trivial.csv, as read; empty for a task without labels. Trivial answers need no
            model. If a comparison's first variant is not shown to beat a trivial answer, the decision `better` becomes
            `no better than trivial`.
        corrected: rows of the task's corrected.csv, as read; empty unless raters grade a sample and a judge grades all
            items.
    """
    corrected_by_comparison = {(row["model"], row["compared"]): row for row in corrected}
    below = {(row["model"], row["variant"]) for row in trivial if row["above_trivial"] == "false"}
    rows = []
    for stat in stats:
        row = dict.fromkeys(COLUMNS) | {key: stat[key] for key in COLUMNS if key in stat and key != "effect"}
        alpha = float(stat["threshold"])
        row |= {"metric": decision_metric(task["metric"])}
        row |= {"margin": margin["value"], "margin_source": margin["source"]}
        row |= {"margin_sha256": margin["sha256"], "level": 1 - alpha, "margin_level": 1 - 2 * alpha}
        row["basis"] = GRADES
        if from_sample := corrected_by_comparison.get((stat["model"], stat["comparison"])):
            row |= _corrected_decision(from_sample, margin["value"], alpha)
        elif stat["status"] == "complete":
            row |= _decision(stat, grades, task, margin["value"], alpha)
        if row["decision"] == "better" and (stat["model"], parse_comparison(stat["comparison"])[0]) in below:
            row["decision"] = NO_BETTER_THAN_TRIVIAL
        rows.append(row)
    return rows


def _corrected_decision(corrected: Mapping[str, str], margin: float, alpha: float) -> Row:
    """Columns of the decision about a comparison, from the comparison's row of corrected.csv.

    Args:
        corrected: the row of corrected.csv.
        margin: the smallest difference that matters.
        alpha: significance level of the decision.
    """
    row: Row = {"grader": "physicians and judge", "rated": int(corrected["rated"]), "status": corrected["status"]}
    row["basis"] = corrected["basis"] or None
    row["n"] = row["rated"] if row["basis"] == SAMPLE else int(corrected["items"])
    if corrected["status"] == "pending":
        return row
    numbers = {
        name: optional_number(corrected[name])
        for name in ("estimate", "level_ci_low", "level_ci_high", "margin_ci_low", "margin_ci_high")
    }
    interval = numbers["level_ci_low"], numbers["level_ci_high"]
    margin_interval = numbers["margin_ci_low"], numbers["margin_ci_high"]
    row |= {"effect": numbers["estimate"], "ci_low": interval[0], "ci_high": interval[1]}
    row |= {"margin_ci_low": margin_interval[0], "margin_ci_high": margin_interval[1]}
    row["decision"] = decide(interval, margin_interval, margin)
    if row["decision"] in ("undecided", "not inferior") and numbers["estimate"] is not None:
        row["items_to_decide"] = _further_items(numbers["estimate"], margin_interval, row["n"], margin, alpha)
    return row


def _decision(stat: Mapping[str, str], grades: Grades, task: Mapping[str, Any], margin: float, alpha: float) -> Row:
    model = stat["model"]
    first, second = parse_comparison(stat["comparison"])
    other = grades.get((model, second)) or grades[second, EXTERNAL]
    x, y = paired_rows(grades[model, first], other, f"{task['name']}/{model}", first, second)
    difference = headline_difference(x, y, task, [1 - alpha, 1 - 2 * alpha], margin)
    interval, margin_interval = difference.intervals
    decision = decide(interval, margin_interval, margin)
    row: Row = {"effect": difference.effect, "p_equivalent": difference.p_equivalent, "decision": decision}
    row |= {"ci_low": interval[0], "ci_high": interval[1]}
    row |= {"margin_ci_low": margin_interval[0], "margin_ci_high": margin_interval[1]}
    if decision in ("undecided", "not inferior") and difference.effect is not None:
        row["items_to_decide"] = _further_items(difference.effect, margin_interval, len(x), margin, alpha)
    return row
