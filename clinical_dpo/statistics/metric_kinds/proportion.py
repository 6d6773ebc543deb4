"""The share of grades that are 1 among grades of 0 and 1, and McNemar's test of two variants."""

from collections.abc import Mapping, Sequence
from typing import Any

from clinical_dpo.config.metrics import METRICS
from clinical_dpo.grading.scale import grade_values, mean
from clinical_dpo.io import Row
from clinical_dpo.records import Answer, Grade
from clinical_dpo.statistics.estimate import Estimate
from clinical_dpo.statistics.intervals import agreeing, newcombe_paired, wilson
from clinical_dpo.statistics.paired_tests import mcnemar_chi2, mcnemar_exact, mcnemar_mid_p, paired_counts
from clinical_dpo.statistics.planning import smallest_detectable

Rows = Sequence[Grade]


def estimates(rows: Rows, task: Mapping[str, Any], answers: Sequence[Answer]) -> list[Estimate]:
    """The share of grades that are 1, with its Wilson interval."""
    metric = METRICS[task["metric"]]
    grades = grade_values(rows, metric)
    interval = wilson(int(sum(grades)), len(grades))
    return [Estimate(metric.name, "", mean(grades), interval, "wilson", len(grades))]


def difference(x: Rows, y: Rows, task: Mapping[str, Any], threshold: float) -> Row:
    """The difference of the shares of two variants, first minus second, with McNemar's tests.

    The interval is Newcombe's. If it contradicts the exact P, its limit next to zero is changed (`intervals.agreeing`).

    Args:
        x, y: complete rows of both variants, in the same order of items.
        task: `metric`, a key of METRICS.
        threshold: a P below it is significant.
    """
    metric = METRICS[task["metric"]]
    both, b, c, neither = paired_counts(grade_values(x, metric), grade_values(y, metric))
    effect, p = (b - c) / len(x), mcnemar_exact(b, c)
    low, high = agreeing(newcombe_paired(both, b, c, neither), effect, p)
    return {
        **{"b": b, "c": c, "statistic": min(b, c), "p_value": p, "p_mid": mcnemar_mid_p(b, c)},
        **{"effect": effect, "effect_ci_low": low, "effect_ci_high": high},
        "smallest_detectable": smallest_detectable(metric, len(x), threshold),
        "p_chi2": mcnemar_chi2(b, c, corrected=False)[1],
        "p_chi2_corrected": mcnemar_chi2(b, c, corrected=True)[1],
    }
