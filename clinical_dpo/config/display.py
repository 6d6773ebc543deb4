"""What tables and figures say of a task: its names, its metric, the marks of what is no number of the study."""

from typing import Any

from clinical_dpo.config.graders import PROXIES
from clinical_dpo.config.study import Study
from clinical_dpo.escaping import printable


def task_names(study: Study, task: str) -> dict[str, str]:
    """What every table says of its task: its name, and whether its text is real."""
    return {"task": task, "data": "synthetic" if study.is_synthetic(task) else "real"}


def task_facts(study: Study, task: str) -> dict[str, Any]:
    """What the tables of metrics and comparisons need of a task: its metric, its classes, whether its text is real."""
    settings = study.tasks[task]
    labels = settings["labels"] if settings["grader"] == "label" else ()
    facts = {key: settings[key] for key in ("name", "metric", "paired_test")}
    facts |= {"data": task_names(study, task)["data"], "seed": study.config["seed"]}
    return facts | dict(zip(("positive", "negative"), labels, strict=False))


def watermark(study: Study, task: str, graded: bool = True) -> str | None:
    """What a figure must say of a task's numbers: a demo's, generated text, and where it draws grades, proxies."""
    parts = [
        study.config["watermark"],
        "synthetic data" if study.is_synthetic(task) else None,
        "proxy grades" if graded and study.tasks[task]["grader"] in PROXIES else None,
    ]
    return ", ".join(part for part in parts if part) or None


def watermarks(study: Study) -> dict[str, str | None]:
    """Task -> what a figure without grades must say of it."""
    return {task: watermark(study, task, graded=False) for task in study.tasks}


def watermark_of_all(study: Study) -> str | None:
    """The same of a drawing of all tasks at once: `in part` where the text of some of them alone is generated."""
    marks = sorted(set(watermarks(study).values()), key=lambda mark: len(mark or ""))
    return marks[0] if len(marks) == 1 else f"{marks[-1]} in part"


def left_out(study: Study) -> dict[str, str]:
    """What is no part of this run, in words -> why: tasks, and answers from elsewhere."""
    externals = study.left_out_externals.items()
    return {**study.left_out, **{f"answers of {name} for {task}": why for (task, name), why in externals}}


def notes(study: Study) -> list[str]:
    """What a run says before it starts: what is left out, what stands in, what is not trained again."""
    lines = [f"left out: {what} ({why})" for what, why in left_out(study).items()]
    for task, settings in study.tasks.items():
        if missing := study.missing(task):
            lines.append(f"generated text stands in for {task}: {missing[0]}")
        if len(study.seeds(task)) > 1 and not study.extra_seeds(task):
            lines.append(f"one training seed: {task} ({settings['grader']} would have to grade every repeat)")
    return [printable(line) for line in lines]
