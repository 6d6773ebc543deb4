"""The headline metrics there are: what each is computed of, its scale, and the module that computes it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Metric:
    """A headline metric: the name of its row, what is computed of whose grades, and the scale they are on."""

    name: str
    title: str  # as the report calls it
    kind: str  # f1, proportion (grades 0 or 1) or mean
    graders: tuple[str, ...]  # whose grades it can be computed of
    low: float = 0.0
    high: float = 1.0
    interval: str = ""  # of a mean: t or bootstrap

    @property
    def test(self) -> str:
        """The paired test of its grades."""
        return "paired_t" if self.kind == "mean" else "mcnemar"

    @property
    def difference(self) -> str:
        """What that test compares: F1 is no mean over items, so it is right and wrong answers there."""
        return {"f1": "accuracy_difference", "mean": "mean_difference"}.get(self.kind, f"{self.name}_difference")


METRICS = {  # a task's `metric` -> what it is
    "f1": Metric("f1", "F1 score", "f1", ("label",)),
    "accuracy": Metric("accuracy", "Accuracy", "proportion", ("label", "exact", "physicians", "judge")),
    "likert": Metric("mean_likert", "Mean grade", "mean", ("judge", "rouge_likert"), 1, 5, "t"),
    "rouge_l": Metric("rouge_l", "ROUGE-L", "mean", ("rouge_l",), 0, 1, "bootstrap"),
    "helpfulness": Metric("helpfulness", "Share of helpful answers", "proportion", ("evasiveness",)),
}
HEADLINES = {key: metric.name for key, metric in METRICS.items()}


def metric_module(task: Mapping[str, Any]) -> str:
    """Name of the module that estimates and compares a task's grades.

    A rule's digest of its code names it: the code of other metrics is no part of it.

    Args:
        task: `metric`, and for a task with labels `positive`.
    """
    return f"clinical_dpo.statistics.metric_kinds.{'labels' if task.get('positive') else METRICS[task['metric']].kind}"
