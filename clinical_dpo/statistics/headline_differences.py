"""The headline metric of a variant, and the paired difference of two variants on which decisions are based.

The headline metric of a task is the metric that its task file names. The difference has intervals at any confidence
level.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from statsmodels.stats.weightstats import ttost_paired

from clinical_dpo.config.metrics import METRICS, MetricDefinition, decision_metric
from clinical_dpo.grading.scale import grade_values, mean
from clinical_dpo.records import Grade
from clinical_dpo.statistics.clustered import clustered_mean, share_difference, share_interval
from clinical_dpo.statistics.f1_effects import f1_differences
from clinical_dpo.statistics.groups import groups_of
from clinical_dpo.statistics.intervals import SAME, Interval, agreeing, mean_interval, newcombe_paired, t_interval
from clinical_dpo.statistics.label_headlines import headline_interval, headline_score
from clinical_dpo.statistics.metrics import classes_of
from clinical_dpo.statistics.paired_tests import mcnemar_exact, paired_counts

Rows = Sequence[Grade]


class HeadlineDifference(NamedTuple):
    """A difference of two variants, first minus second, with one interval for each requested level.

    Values that are not defined are None.
    """

    effect: float | None
    intervals: list[Interval]
    p_equivalent: float | None = None  # of two one-sided t tests


def headline_estimate(rows: Rows, task: Mapping[str, Any]) -> tuple[float | None, Interval]:
    """The headline metric (main metric) of one variant, with its 95% interval.

    The headline metric is a metric of labels, a share of items, or a mean.

    Args:
        rows: the variant's grades, one row per item. No grade is pending. If there are no rows, the estimate is None.
        task: task settings with `metric` (a key of METRICS, but not AUROC) and `seed`. A metric of labels also needs
            `positive` and `negative`, or `labels`.
    """
    metric, groups = METRICS[task["metric"]], groups_of(rows)
    if metric.kind == "labels":
        labels, parsed = [row["label"] for row in rows], [row["parsed"] for row in rows]
        return headline_score(labels, parsed, task), headline_interval(labels, parsed, task, groups)
    values = grade_values(rows, metric)
    if metric.kind != "mean":
        return mean(values), share_interval(np.array(values), np.ones(len(values)), groups)[0]
    if groups is not None:
        return mean(values), clustered_mean(np.array(values), groups).interval
    interval = t_interval(values) if metric.interval == "t" else mean_interval(values, task["seed"])
    return mean(values), interval


def headline_difference(
    x: Rows, y: Rows, task: Mapping[str, Any], levels: Sequence[float], margin: float
) -> HeadlineDifference:
    """Difference of the headline metric (main metric), first variant minus second: F1, macro F1, a share, or a mean.

    If the headline metric has no interval for paired differences, accuracy takes its place
    (`config.metrics.decision_metric`). The intervals are computed as in stats.csv, but at the requested levels:

    - F1 and macro F1: MOVER interval (`intervals.mover_interval`), adjusted to agree with P of the permutation test.
    - A share: Newcombe's interval, adjusted to agree with McNemar's P.
    - A mean: paired t interval. `p_equivalent` is P of the two one-sided t tests (Schuirmann 1987), by statsmodels.

    If the items are in groups, the intervals are those of `clustered`, and `p_equivalent` is None. The result of the
    one-sided tests at the level alpha can then be read from the interval at the level 1 - 2 alpha.

    Args:
        x, y: grades of the first and of the second variant, with the items in the same order. No grade is pending.
        task: task settings with `metric` (a key of METRICS) and `seed`. F1 and macro F1 also need `positive` and
            `negative`, or `labels`.
        levels: confidence levels of the intervals.
        margin: margin of the two one-sided tests, on the metric's scale.
    """
    metric = METRICS[decision_metric(task["metric"])]
    if metric.kind == "labels":
        return _f1(x, y, task, levels, macro=metric.name == "macro_f1")
    return _share(x, y, metric, levels) if metric.kind == "proportion" else _mean(x, y, metric, levels, margin)


def _share(x: Rows, y: Rows, metric: MetricDefinition, levels: Sequence[float]) -> HeadlineDifference:
    first, second = grade_values(x, metric), grade_values(y, metric)
    if (groups := groups_of(x)) is not None:
        clustered = [share_difference(first, second, groups, level) for level in levels]
        return HeadlineDifference(clustered[0].effect, [each.interval for each in clustered])
    both, b, c, neither = paired_counts(first, second)
    effect, p = (b - c) / len(x), mcnemar_exact(b, c)
    intervals = [agreeing(newcombe_paired(both, b, c, neither, level), effect, p, level) for level in levels]
    return HeadlineDifference(effect, intervals)


def _f1(x: Rows, y: Rows, task: Mapping[str, Any], levels: Sequence[float], *, macro: bool) -> HeadlineDifference:
    labels, first, second = [row["label"] for row in x], [row["parsed"] for row in x], [row["parsed"] for row in y]
    by_level = f1_differences(
        labels, first, second, classes_of(task), task["seed"], levels, macro=macro, groups=groups_of(x)
    )
    return HeadlineDifference(by_level[0].difference, [each.interval for each in by_level])


def _mean(x: Rows, y: Rows, metric: MetricDefinition, levels: Sequence[float], margin: float) -> HeadlineDifference:
    first, second = np.array(grade_values(x, metric)), np.array(grade_values(y, metric))
    differences = first - second
    if (groups := groups_of(x)) is not None:
        clustered = [clustered_mean(differences, groups, level) for level in levels]
        return HeadlineDifference(clustered[0].mean, [each.interval for each in clustered])
    intervals = [t_interval(differences, level) for level in levels]
    # If all differences are equal, statsmodels' P is 0 or NaN, as if two equal differences were a proof.
    spread = len(differences) > 1 and np.ptp(differences) > SAME
    p = float(ttost_paired(first, second, -margin, margin)[0]) if spread else None
    return HeadlineDifference(float(differences.mean()), intervals, p)
