"""The mean of grades on a scale, and the paired t test of two variants."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from clinical_dpo.config.metrics import METRICS
from clinical_dpo.grading.scale import grade_values, mean
from clinical_dpo.io import Row
from clinical_dpo.records import Answer, Grade
from clinical_dpo.statistics.clustered import clustered_mean
from clinical_dpo.statistics.estimate import Estimate
from clinical_dpo.statistics.groups import groups_of
from clinical_dpo.statistics.intervals import cohens_dz, mean_interval, t_interval
from clinical_dpo.statistics.paired_tests import paired_t, wilcoxon
from clinical_dpo.statistics.planning import smallest_detectable

Rows = Sequence[Grade]


def estimates(rows: Rows, task: Mapping[str, Any], answers: Sequence[Answer]) -> list[Estimate]:
    """Estimate the mean grade with its 95% interval.

    The metric's definition in METRICS says whether this is a t interval or a bootstrap interval. If the items are in
    groups, `clustered.clustered_mean` computes a t interval for every metric.

    Args:
        rows: a variant's grades, one row per test item. No grade is pending.
        task: two settings of the task: `metric` (a key of METRICS) and `seed` (for the bootstrap).
        answers: not used; all modules of `metric_kinds` have the same signature.
    """
    metric = METRICS[task["metric"]]
    grades = grade_values(rows, metric)
    if (groups := groups_of(rows)) is not None:
        interval, method = clustered_mean(np.array(grades), groups).interval, "clustered_t"
    else:
        interval = t_interval(grades) if metric.interval == "t" else mean_interval(grades, task["seed"])
        method = metric.interval
    return [Estimate(metric.name, "", mean(grades), interval, method, len(grades))]


def difference(x: Rows, y: Rows, task: Mapping[str, Any], threshold: float) -> Row:
    """Columns of the difference of two variants' means, first minus second, with the paired t test and Wilcoxon's test.

    If the items are in groups, the test and the interval are those of `clustered.clustered_mean`. The row then has no
    Wilcoxon test, no interval of Cohen's d_z and no `smallest_detectable`, because these assume independent items.

    Args:
        x, y: grades of the first and of the second variant, with the items in the same order. No grade is pending.
        task: task settings with `metric`, a key of METRICS.
        threshold: significance level; P below this level is significant.
    """
    metric = METRICS[task["metric"]]
    first, second = grade_values(x, metric), grade_values(y, metric)
    differences = np.subtract(first, second)
    if (groups := groups_of(x)) is not None:
        clustered = clustered_mean(differences, groups)
        low, high = clustered.interval
        return {
            **{"test": "clustered_t", "statistic": clustered.statistic, "p_value": clustered.p_value},
            **{"effect": clustered.mean, "effect_ci_low": low, "effect_ci_high": high},
            **{"secondary_measure": "cohens_dz", "secondary_effect": cohens_dz(differences)[0]},
        }
    statistic, p = paired_t(first, second)
    (low, high), (d_z, (d_low, d_high)) = t_interval(differences), cohens_dz(differences)
    return {
        **{"statistic": statistic, "p_value": p, "p_wilcoxon": wilcoxon(first, second)[1]},
        **{"effect": float(differences.mean()), "effect_ci_low": low, "effect_ci_high": high},
        "smallest_detectable": smallest_detectable(metric, len(differences), threshold),
        **{"secondary_measure": "cohens_dz", "secondary_effect": d_z},
        **{"secondary_ci_low": d_low, "secondary_ci_high": d_high},
    }
