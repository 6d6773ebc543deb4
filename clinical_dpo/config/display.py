"""Facts about a task that tables and figures show: name, metric, and watermarks for synthetic data and proxy grades."""

from pathlib import Path
from typing import Any

from clinical_dpo.config.graders import PROXIES
from clinical_dpo.config.label_rules import has_label_tables
from clinical_dpo.config.study import Study
from clinical_dpo.escaping import printable


def task_names(study: Study, task: str) -> dict[str, str]:
    """A task's values of the two columns that every table has: `task` (its name), and `data` (real or synthetic)."""
    return {"task": task, "data": "synthetic" if study.is_synthetic(task) else "real"}


def task_facts(study: Study, task: str) -> dict[str, Any]:
    """Return the settings for a task's tables of metrics and comparisons.

    The keys are `name`, `metric`, `paired_test`, `data` and `seed`. For a task with the grader `label`, the result also
    has the labels. If the task has tables of all its labels (`has_label_tables`), the list of labels is under `labels`.
    Otherwise the first label is under `positive`, and the second label is under `negative`.
    """
    settings = study.tasks[task]
    facts = {key: settings[key] for key in ("name", "metric", "paired_test")}
    facts |= {"data": task_names(study, task)["data"], "seed": study.config["seed"]}
    if has_label_tables(settings):
        return facts | {"labels": settings["labels"]}
    labels = settings["labels"] if settings["grader"] == "label" else ()
    return facts | dict(zip(("positive", "negative"), labels, strict=False))


def metric_facts(study: Study, task: str) -> dict[str, Any]:
    """Return the settings on which a task's table of metrics depends.

    These are the settings from `task_facts`. If the task has tables of all its labels (`has_label_tables`), `ordered`,
    `prevalence` and `answer_by` are added, as far as the task file has them.
    """
    settings = study.tasks[task]
    keys = ("ordered", "prevalence", "answer_by") if has_label_tables(settings) else ()
    return task_facts(study, task) | {key: settings[key] for key in keys if key in settings}


def watermark(study: Study, task: str, graded: bool = True) -> str | None:
    """The watermark of a figure of one task; None if the figure needs none.

    Args:
        study: the run.
        task: name of the task.
        graded: whether the figure shows grades. If it does, and an automatic grader stands in for a judge (PROXIES),
            the watermark includes "proxy grades".
    """
    parts = [
        study.config["watermark"],
        "synthetic data" if study.is_synthetic(task) else None,
        "proxy grades" if graded and study.tasks[task]["grader"] in PROXIES else None,
    ]
    return ", ".join(part for part in parts if part) or None


def watermarks(study: Study) -> dict[str, str | None]:
    """Map each task to the watermark of its figures that show no grades; None if they need no watermark."""
    return {task: watermark(study, task, graded=False) for task in study.tasks}


def watermark_of_all(study: Study) -> str | None:
    """Return the watermark of a figure that shows every task, without grades; None if no task needs a watermark.

    If all tasks have the same watermark, the result is this watermark. If only some tasks have a watermark, or if the
    watermarks differ, the result is the longest watermark, followed by `in part`.
    """
    marks = sorted(set(watermarks(study).values()), key=lambda mark: len(mark or ""))
    return marks[0] if len(marks) == 1 else f"{marks[-1]} in part"


def left_out(study: Study) -> dict[str, str]:
    """The tasks and external predictions that this run leaves out, each with the reason."""
    externals = study.left_out_externals.items()
    return {**study.left_out, **{f"answers of {name} for {task}": reason for (task, name), reason in externals}}


def notes(study: Study) -> list[str]:
    """Lines that a run prints at its start.

    The lines tell what is left out, which data are generated, which tasks have only one training seed, and which models
    are of unknown size.
    """
    lines = [f"left out: {part} ({reason})" for part, reason in left_out(study).items()]
    for task, settings in study.tasks.items():
        if missing := study.missing(task):
            made = study.config["allow_generated"] or Path(study.paths("source", task=task)).exists()
            allowed = "" if made else ". The run stops unless the config has allow_generated: true."
            lines.append(f"generated text replaces the data of task '{task}': {missing[0]}{allowed}")
        if len(study.seeds(task)) > 1 and not study.extra_seeds(task):
            lines.append(
                f"task '{task}' is trained with one seed only, because grader '{settings['grader']}' would have to "
                "grade the answers of every further seed."
            )
    for name, model in study.models.items():
        if model["source"] != "pretrain" and not {"parameters", "sizes"} & model.keys():
            lines.append(
                f"model '{name}' is not fetched yet, so its size is not known. Estimates assume 8 billion parameters. "
                f"To set another size, write `parameters` into config/models/{name}.yaml."
            )
    return [printable(line) for line in lines]
