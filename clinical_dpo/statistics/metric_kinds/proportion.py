"""The share of grades that are 1, where grades are 0 or 1, and McNemar's test of two variants."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from clinical_dpo.config.metrics import METRICS
from clinical_dpo.grading.scale import grade_values, mean
from clinical_dpo.io import Row
from clinical_dpo.records import Answer, Grade
from clinical_dpo.statistics.clustered import share_difference, share_interval
from clinical_dpo.statistics.estimate import Estimate
from clinical_dpo.statistics.groups import groups_of
from clinical_dpo.statistics.intervals import agreeing, newcombe_paired
from clinical_dpo.statistics.paired_tests import mcnemar_chi2, mcnemar_exact, mcnemar_mid_p, paired_counts
from clinical_dpo.statistics.planning import smallest_detectable

Rows = Sequence[Grade]


def estimates(rows: Rows, task: Mapping[str, Any], answers: Sequence[Answer]) -> list[Estimate]:
    """Estimate the share of grades that are 1, with its 95% Wilson interval.

    If the items are in groups, the interval is that of `clustered.ratio`.

    Args:
        rows: a variant's grades, one row per test item. No grade is pending.
        task: task settings with `metric`, a key of METRICS.
        answers: not used; all modules of `metric_kinds` have the same signature.
    """
    metric = METRICS[task["metric"]]
    grades = grade_values(rows, metric)
    interval, method = share_interval(np.array(grades), np.ones(len(grades)), groups_of(rows))
    return [Estimate(metric.name, "", mean(grades), interval, method, len(grades))]


def difference(x: Rows, y: Rows, task: Mapping[str, Any], threshold: float) -> Row:
    """Columns of the difference of two variants' shares, first minus second, with McNemar's tests.

    The interval is Newcombe's. If the interval contradicts the exact P, the limit that is closer to zero is changed
    (`intervals.agreeing`). If the items are in groups, the test is Obuchowski's and the interval is that of
    `clustered.share_difference`. The row then has no McNemar test and no `smallest_detectable`, because these assume
    independent items.

    Args:
        x, y: grades of the first and of the second variant, with the items in the same order. No grade is pending.
        task: the task's settings. Only `metric`, a key of METRICS, is used.
        threshold: significance level; P below this level is significant.
    """
    metric = METRICS[task["metric"]]
    first, second = grade_values(x, metric), grade_values(y, metric)
    both, b, c, neither = paired_counts(first, second)
    if (groups := groups_of(x)) is not None:
        share = share_difference(first, second, groups)
        low, high = share.interval
        return {
            **{"test": "obuchowski", "b": b, "c": c, "statistic": share.statistic, "p_value": share.p_value},
            **{"effect": share.effect, "effect_ci_low": low, "effect_ci_high": high},
        }
    effect, p = (b - c) / len(x), mcnemar_exact(b, c)
    low, high = agreeing(newcombe_paired(both, b, c, neither), effect, p)
    return {
        **{"b": b, "c": c, "statistic": min(b, c), "p_value": p, "p_mid": mcnemar_mid_p(b, c)},
        **{"effect": effect, "effect_ci_low": low, "effect_ci_high": high},
        "smallest_detectable": smallest_detectable(metric, len(x), threshold),
        "p_chi2": mcnemar_chi2(b, c, corrected=False)[1],
        "p_chi2_corrected": mcnemar_chi2(b, c, corrected=True)[1],
    }
