"""Select among a sweep's trials by an automatic score on dev. Grades by people or by paid judges are never used."""

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from clinical_dpo.grading.answers import read_answers, read_task_rows
from clinical_dpo.grading.grade import grade_answers
from clinical_dpo.io import Row, read_csv
from clinical_dpo.paths import parse
from clinical_dpo.records import Answer, Grade, TaskRow
from clinical_dpo.training.plateau import eval_curve

COLUMNS = ("trial", "metric", "score", "n", "invalid_rate", "final_eval_loss", "chosen")
GRADERS = {
    "f1": "label",
    "macro_f1": "label",
    "balanced_accuracy": "label",
    "exact": "exact",
    "rouge_l": "rouge_l",
}  # a task's `selection_metric` -> its grader


def scored_trials(
    trials: Sequence[str], logs: Sequence[str], task: Mapping[str, Any], dev: str, answers: Sequence[str]
) -> list[Row]:
    """Return one row of COLUMNS for each trial, in the order of the sweep. The best trial is marked as chosen.

    If the sweep has only one trial, this trial is chosen without a score.

    Args:
        trials: names of the trials.
        logs: path of each trial's log.csv.
        task: settings of the task: `selection_metric`, and the settings of the metric's grader.
        dev: path of the dev split, a JSON Lines file.
        answers: path of each trial's answers to the dev split, a JSON Lines file. No path is given for a single trial.
    """
    table: list[Row] = [
        dict.fromkeys(COLUMNS, "") | {"trial": trial, "n": 0, "final_eval_loss": eval_curve(read_csv(log))[-1][1]}
        for trial, log in zip(trials, logs, strict=True)
    ]
    if answers:
        rows = read_task_rows(dev)
        for trial_row, path in zip(table, answers, strict=True):
            score, invalid_rate = dev_score(rows, read_answers(path), task)
            trial_row |= {"metric": task["selection_metric"], "score": score}
            trial_row |= {"n": len(rows), "invalid_rate": invalid_rate}
    winner = best_trial(table)
    return [row | {"chosen": "true" if row["trial"] == winner else "false"} for row in table]


def dev_score(rows: Sequence[TaskRow], answers: Sequence[Answer], task: Mapping[str, Any]) -> tuple[float, float]:
    """Return the score of one trial on dev by the task's `selection_metric`, and the share of invalid answers.

    `f1` is the F1 of the positive class. `macro_f1` is the mean F1 of all labels. `balanced_accuracy` is the mean
    sensitivity of the labels that occur in the dev rows. `exact` is the share of exact matches after normalisation.
    `rouge_l` is the mean ROUGE-L F1.
    """
    grades = grade_answers(rows, answers, task, GRADERS[task["selection_metric"]])
    invalid_rate = sum(grade["valid"] == "false" for grade in grades) / len(grades)
    if GRADERS[task["selection_metric"]] == "label":
        return _label_score(grades, task), invalid_rate
    return sum(float(grade["grade"]) for grade in grades) / len(grades), invalid_rate


def _label_score(grades: Sequence[Grade], task: Mapping[str, Any]) -> float:
    """Return the task's `selection_metric`, such as macro F1, of graded answers; 0 if the metric is NaN."""
    from clinical_dpo.grading import scores  # imported here: Snakemake imports this module at every start

    labels, parsed = [grade["label"] for grade in grades], [grade["parsed"] for grade in grades]
    counts = scores.confusion_counts(labels, parsed, task["labels"])
    score = {
        "f1": scores.f1(counts)[0],
        "macro_f1": scores.macro_f1(counts),
        "balanced_accuracy": scores.balanced_accuracy(counts),
    }[task["selection_metric"]]
    return scores.defined(score) or 0.0


def best_trial(trials: Sequence[Row]) -> str:
    """Return the name of the trial with the highest score.

    Of trials with equal scores, the one with the lowest final eval loss is chosen. Of trials with equal losses, the
    first is chosen. A loss that is not finite counts as higher than every finite loss.

    Args:
        trials: rows of COLUMNS with numbers as scores, in the order of the sweep. A single trial needs no score.
    """
    if len(trials) == 1:
        return trials[0]["trial"]
    losses = {trial["trial"]: trial["final_eval_loss"] for trial in trials}
    finite = {name: loss if math.isfinite(loss) else math.inf for name, loss in losses.items()}
    return min(trials, key=lambda trial: (-trial["score"], finite[trial["trial"]]))["trial"]


def ties(selections: Iterable[str | Path]) -> list[str]:
    """Return a text, such as "uti, llama, sft (2 trials)", for each sweep in which several trials share the best score.

    Args:
        selections: path of each sweep's {task}/{model}/{stage}/selection.csv.
    """
    sweeps = []
    for path in selections:
        names, table = parse("selection", path), read_csv(path)
        best = [row["score"] for row in table if row["chosen"] == "true" and row["score"] != ""]
        tied = [row for row in table if row["score"] in best]
        if len(tied) > 1:
            sweeps.append(f"{names['task']}, {names['model']}, {names['stage']} ({len(tied)} trials)")
    return sweeps
