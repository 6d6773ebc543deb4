"""The choice among a sweep's trials: an automatic score on dev, never a person's or a paid judge's."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from clinical_dpo.grading import scores
from clinical_dpo.grading.grade import grade_answers
from clinical_dpo.io import Row, read_csv, read_jsonl
from clinical_dpo.training.plateau import eval_curve

COLUMNS = ("trial", "metric", "score", "n", "invalid_rate", "final_eval_loss", "chosen")
GRADERS = {
    "f1": "label",
    "exact": "exact",
    "rouge_l": "rouge_l",
}  # a task's `selection_metric` -> the grader it scores by


def scored_trials(
    trials: Sequence[str], logs: Sequence[str], task: Mapping[str, Any], dev: str, answers: Sequence[str]
) -> list[Row]:
    """One row of COLUMNS per trial, in the sweep's order. A trial that is the only one has no score and is chosen.

    Args:
        trials: names.
        logs: log.csv of each.
        task: `selection_metric` and what its grader needs.
        dev: JSON Lines of the dev split.
        answers: JSON Lines of each trial's answers to it; none where there is one trial.
    """
    table: list[Row] = [
        dict.fromkeys(COLUMNS, "") | {"trial": trial, "n": 0, "final_eval_loss": eval_curve(read_csv(log))[-1][1]}
        for trial, log in zip(trials, logs, strict=True)
    ]
    if answers:
        rows = read_jsonl(dev)
        for row, path in zip(table, answers, strict=True):
            score, invalid_rate = dev_score(rows, read_jsonl(path), task)
            row |= {"metric": task["selection_metric"], "score": score, "n": len(rows), "invalid_rate": invalid_rate}
    winner = choose(table)
    return [row | {"chosen": "true" if row["trial"] == winner else "false"} for row in table]


def dev_score(rows: Sequence[Row], answers: Sequence[Row], task: Mapping[str, Any]) -> tuple[float, float]:
    """Score of one trial on dev by the task's `selection_metric`, and the share of invalid answers.

    `f1` is that of the positive class, `exact` the share of normalised exact matches, `rouge_l` the mean ROUGE-L F1.
    """
    graded = grade_answers(rows, answers, task, GRADERS[task["selection_metric"]])
    invalid_rate = sum(row["valid"] == "false" for row in graded) / len(graded)
    if task["selection_metric"] == "f1":
        labels, parsed = [row["label"] for row in graded], [row["parsed"] for row in graded]
        return scores.f1(labels, parsed, task["labels"][0]) or 0.0, invalid_rate
    return sum(row["grade"] for row in graded) / len(graded), invalid_rate


def choose(trials: Sequence[Row]) -> str:
    """The trial with the highest score; equal scores go to the lower final eval loss, then to the sweep's order.

    A loss that is no finite number loses to every other.
    """
    if len(trials) == 1:
        return trials[0]["trial"]
    losses = {trial["trial"]: trial["final_eval_loss"] for trial in trials}
    finite = {name: loss if math.isfinite(loss) else math.inf for name, loss in losses.items()}
    return min(trials, key=lambda trial: (-trial["score"], finite[trial["trial"]]))["trial"]
