"""The headline metrics: their graders, their scales, and the modules that compute them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class MetricDefinition:
    """A headline metric: how it is computed, from which graders, and on which scale."""

    name: str  # name in metrics.csv
    title: str  # name in the report
    kind: str  # labels (a metric of labels that is not a mean over items), proportion (grades 0 or 1) or mean
    graders: tuple[str, ...]  # graders from whose grades the metric can be computed
    low: float = 0.0  # lowest grade
    high: float = 1.0  # highest grade
    interval: str = ""  # method of the interval of a mean: t or bootstrap

    @property
    def test(self) -> str:
        """The paired test for grades of this metric: paired_t or mcnemar."""
        return "paired_t" if self.kind == "mean" else "mcnemar"

    @property
    def difference(self) -> str:
        """Name of the difference that the paired test is about, such as `mean_difference`.

        Metrics of kind `labels` are tested by the difference in accuracy, `accuracy_difference`.
        """
        return {"labels": "accuracy_difference", "mean": "mean_difference"}.get(self.kind, f"{self.name}_difference")


METRICS = {  # `metric` in a task file -> definition
    "f1": MetricDefinition("f1", "F1 score", "labels", ("label",)),
    "macro_f1": MetricDefinition("macro_f1", "Macro F1 score", "labels", ("label",)),
    "weighted_f1": MetricDefinition("weighted_f1", "Weighted F1 score", "labels", ("label",)),
    "balanced_accuracy": MetricDefinition("balanced_accuracy", "Balanced accuracy", "labels", ("label",)),
    "quadratic_kappa": MetricDefinition("quadratic_kappa", "Quadratic-weighted kappa", "labels", ("label",), -1),
    "auroc": MetricDefinition("auroc", "AUROC", "labels", ("label",)),
    "accuracy": MetricDefinition("accuracy", "Accuracy", "proportion", ("label", "exact", "physicians", "judge")),
    "likert": MetricDefinition("mean_likert", "Mean grade", "mean", ("judge", "rouge_likert", "physicians"), 1, 5, "t"),
    "rubric": MetricDefinition("rubric_score", "Rubric score", "mean", ("judge", "physicians"), 0, 1, "t"),
    "rouge_l": MetricDefinition("rouge_l", "ROUGE-L", "mean", ("rouge_l",), 0, 1, "bootstrap"),
    "helpfulness": MetricDefinition("helpfulness", "Share of helpful answers", "proportion", ("evasiveness",)),
}
HEADLINES = {key: metric.name for key, metric in METRICS.items()}
# Headline metrics for whose paired differences this package has no interval.
WITHOUT_PAIRED_INTERVAL = ("weighted_f1", "balanced_accuracy", "quadratic_kappa", "auroc")


def decision_metric(metric: str) -> str:
    """The metric that decisions compare: the headline metric, or accuracy instead of it.

    Accuracy is compared if this package has no interval for paired differences of the headline metric.

    Args:
        metric: a task's headline metric, a key of METRICS.
    """
    return "accuracy" if metric in WITHOUT_PAIRED_INTERVAL else metric


def metric_module(task: Mapping[str, Any]) -> str:
    """Name of the module that estimates and compares the metrics of a task's grades.

    The jobs for the task's metrics and comparisons run again if the code of this module changes, or the code of a
    module that it imports. A change to any other module of the package `statistics.metric_kinds` does not rerun them.

    Args:
        task: settings from `display.task_facts`: `metric`, and optionally one of `positive` and `labels`.
    """
    if task.get("labels"):
        kind = "all_labels"
    elif task.get("positive"):
        kind = "labels"
    else:
        kind = METRICS[task["metric"]].kind
    return f"clinical_dpo.statistics.metric_kinds.{kind}"
