"""Rows of two tables of the report page: sensitivity and specificity; further metrics of labels and probabilities."""

from collections.abc import Mapping, Sequence
from typing import Any

from clinical_dpo.io import Row
from clinical_dpo.report.page.tables import estimates
from clinical_dpo.variants import sorted_variants

MARK = "balanced_accuracy"  # a task with this metric has the other metrics of labels too
SENSITIVITIES = {"sensitivity": "sensitivity", "specificity": "specificity"}
DETAILS = {
    "macro_f1": "Macro F1",
    "weighted_f1": "Weighted F1",
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "quadratic_kappa": "Quadratic-weighted kappa",
    "mean_absolute_error": "Mean absolute error, steps",
    "off_by_two": "Off by two steps or more",
    "auroc": "AUROC",
    "average_precision": "Average precision",
    "brier": "Brier score",
    "calibration_slope": "Calibration slope",
    "ece": "Expected calibration error",
    "ppv": "PPV",
    "npv": "NPV",
    "f1": "F1",
    "ppv_at_prevalence": "PPV at the stated prevalence",
    "npv_at_prevalence": "NPV at the stated prevalence",
}


def label_rows(
    metrics: Sequence[Mapping[str, Any]],
    tasks: Mapping[str, Mapping[str, Any]],
    models: Mapping[str, str],
    names: Mapping[str, str],
) -> list[Row]:
    """Make a row per task, model and metric: the estimates of the variants with their intervals.

    If a metric has an estimate for each label, each label has a row.

    Args:
        metrics: rows of all tasks with the columns `statistics.metrics.COLUMNS`.
        tasks: task -> settings with `title`.
        models: model -> the model's name on the page.
        names: metric -> the metric's name on the page, either SENSITIVITIES or DETAILS. Other metrics get no row. With
            DETAILS, a task gets rows only if `metrics` has a row with the balanced accuracy of this task.
    """
    detailed = {row["task"] for row in metrics if row["metric"] == MARK or names is SENSITIVITIES}
    shown = [row for row in metrics if row["task"] in detailed and row["metric"] in names]
    lines = dict.fromkeys((row["task"], row["model"], row["metric"], row["positive_class"]) for row in shown)
    columns = sorted_variants(row["variant"] for row in metrics)
    by_line: dict[tuple[str, ...], dict[str, Mapping[str, Any]]] = {line: {} for line in lines}
    for row in shown:
        line = (row["task"], row["model"], row["metric"], row["positive_class"])
        by_line[line][row["variant"]] = row
    return [
        {
            "task": tasks[task]["title"],
            "model": models[model],
            "metric": f"{label}: {names[metric]}" if label else names[metric],
            "estimates": list(estimates(by_line[line], columns).values()),
        }
        for line in lines
        for task, model, metric, label in [line]
    ]
