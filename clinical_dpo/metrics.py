"""Metrics of every model and variant on one task, with 95% confidence intervals."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clinical_dpo import scores
from clinical_dpo.effects import f1_intervals, mean_interval, t_interval, wilson
from clinical_dpo.errors import UserError
from clinical_dpo.records import Row
from clinical_dpo.resampling import Interval

COLUMNS = (
    *("task", "model", "variant", "metric", "estimate", "ci_low", "ci_high", "ci_method", "n", "invalid_rate"),
    *("positive_class", "grader", "proxy", "data", "status"),
)


@dataclass(frozen=True)
class Metric:
    """A headline metric: the name of its row, what is computed of the grades, and the scale they are on."""

    name: str
    kind: str  # f1, proportion (grades 0 or 1) or mean
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
    "f1": Metric("f1", "f1"),
    "accuracy": Metric("accuracy", "proportion"),
    "helpfulness": Metric("helpfulness", "proportion"),
    "likert": Metric("mean_likert", "mean", 1, 5, "t"),
    "rouge_l": Metric("rouge_l", "mean", 0, 1, "bootstrap"),
}
HEADLINES = {key: metric.name for key, metric in METRICS.items()}

Grades = Mapping[tuple[str, str], Sequence[Mapping[str, str]]]
Found = dict[str, tuple[float | None, Interval, str, int]]  # metric -> estimate, interval, its method, n


def read_grades(rows: Sequence[Mapping[str, str]], metric: Metric) -> list[float]:
    """Grades of complete rows as numbers: 0 or 1 for F1 and proportions, anything on the scale for a mean.

    Raises:
        UserError: a grade that is not on the metric's scale; the message names the item.
    """
    grades = []
    for row in rows:
        try:
            grade = float(row["grade"])
        except ValueError:
            grade = float("nan")
        if not (metric.low <= grade <= metric.high if metric.kind == "mean" else grade in (0, 1)):
            scale = f"a number from {metric.low:g} to {metric.high:g}" if metric.kind == "mean" else "0 or 1"
            raise UserError(f"grades, item {row['id']}, field 'grade': '{row['grade']}', where {scale} is needed.")
        grades.append(grade)
    return grades


def check_labels(rows: Sequence[Mapping[str, str]], task: Mapping[str, Any]) -> None:
    """Raises UserError, naming task, item and field, where a label or a parsed answer is none of the task's."""
    classes = [task["positive"], task["negative"]]
    for row in rows:
        for field, allowed in (("label", classes), ("parsed", [*classes, ""])):
            if row[field] not in allowed:
                raise UserError(
                    f"grades of {task['name']}, item {row['id']}, field '{field}': '{row[field]}' is no label of this "
                    f"task. Its labels: {', '.join(classes)}."
                )


def graded_items(rows: Iterable[Mapping[str, Any]]) -> Any:
    """n of the first of these rows that is complete, None while all are pending: theirs counts what is awaited."""
    return next((row["n"] for row in rows if row["status"] != "pending"), None)


def task_metrics(grades: Grades, task: Mapping[str, Any]) -> list[Row]:
    """Rows of COLUMNS: every metric of every model and variant, the headline metric first.

    A task with labels has f1, macro_f1, accuracy, sensitivity and specificity, any other its headline metric alone;
    all have invalid_rate. Where grades are still awaited the numbers are None, `status` is pending and `n` counts the
    items awaited. A metric that is not defined (no positive item) is None too.

    Args:
        grades: (model, variant) -> rows of its grades table.
        task: `name`, `metric` (headline, a key of METRICS), `data` (real or synthetic), `seed`, and for a task with
            labels `positive` and `negative`.

    Raises:
        UserError: no rows, a label the task does not have, or a grade off its scale; the message names the item.
    """
    return [
        row
        for (model, variant), rows in grades.items()
        for row in _variant_metrics(rows, task, {"task": task["name"], "model": model, "variant": variant})
    ]


def _variant_metrics(rows: Sequence[Mapping[str, str]], task: Mapping[str, Any], names: Row) -> list[Row]:
    if not rows:
        raise UserError(f"grades of {'/'.join(names.values())}: no rows. The test split needs at least one item.")
    shared = names | {
        "positive_class": task.get("positive") or "",
        "grader": rows[0]["grader"],
        "proxy": rows[0]["proxy"],
        "data": task["data"],
    }
    blank = dict.fromkeys(COLUMNS)
    awaited = sum(row["status"] == "pending" for row in rows)
    if awaited:
        pending = {"n": awaited, "status": "pending"}
        return [blank | shared | pending | {"metric": metric} for metric in _metric_names(task)]
    invalid = sum(row["valid"] == "false" for row in rows)
    found = _label_metrics(rows, task) if task.get("positive") else _graded_metrics(rows, task)
    found["invalid_rate"] = (invalid / len(rows), wilson(invalid, len(rows)), "wilson", len(rows))
    complete = {"invalid_rate": invalid / len(rows), "status": "complete"}
    return [
        blank
        | shared
        | complete
        | {"metric": metric, "estimate": estimate, "ci_low": low, "ci_high": high}
        # A method without its interval would claim what was not computed.
        | {"ci_method": None if low is None else method, "n": n}
        for metric in _metric_names(task)
        for estimate, (low, high), method, n in [found[metric]]
    ]


def _metric_names(task: Mapping[str, Any]) -> list[str]:
    headline = HEADLINES[task["metric"]]
    others = ["f1", "macro_f1", "accuracy", "sensitivity", "specificity"] if task.get("positive") else []
    return [headline, *(name for name in others if name != headline), "invalid_rate"]


def _label_metrics(rows: Sequence[Mapping[str, str]], task: Mapping[str, Any]) -> Found:
    check_labels(rows, task)
    classes = [task["positive"], task["negative"]]
    labels, parsed = [row["label"] for row in rows], [row["parsed"] for row in rows]
    positive, n = classes[0], len(rows)
    positives = labels.count(positive)
    negatives = n - positives
    right = [label for label, found in zip(labels, parsed, strict=True) if label == found]
    hits, rejections = right.count(positive), len(right) - right.count(positive)
    f1_interval, macro_interval = f1_intervals(labels, parsed, classes, task["seed"])
    return {
        "f1": (scores.f1(labels, parsed, positive), f1_interval, "bootstrap", n),
        "macro_f1": (scores.macro_f1(labels, parsed, classes), macro_interval, "bootstrap", n),
        "accuracy": (scores.accuracy(labels, parsed), wilson(len(right), n), "wilson", n),
        "sensitivity": (scores.sensitivity(labels, parsed, positive), wilson(hits, positives), "wilson", positives),
        "specificity": (
            scores.specificity(labels, parsed, positive),
            wilson(rejections, negatives),
            "wilson",
            negatives,
        ),
    }


def _graded_metrics(rows: Sequence[Mapping[str, str]], task: Mapping[str, Any]) -> Found:
    metric = METRICS[task["metric"]]
    grades = read_grades(rows, metric)
    if metric.kind == "proportion":
        return {metric.name: (scores.mean(grades), wilson(int(sum(grades)), len(grades)), "wilson", len(grades))}
    interval = t_interval(grades) if metric.interval == "t" else mean_interval(grades, task["seed"])
    return {metric.name: (scores.mean(grades), interval, metric.interval, len(grades))}
