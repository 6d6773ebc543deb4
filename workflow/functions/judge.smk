from functools import cache

from clinical_dpo.config.judges import (
    VERDICT_KINDS,
    is_corrected,
    judge_endpoint,
    judged_sheets,
    judging_round,
    unnamed_judges,
)


wildcard_constraints:
    judged="|".join([*VERDICT_KINDS.values(), "preference"]),


def judge_sheets(task):
    """The kinds of verdicts that a task's judge gives, named like the sheets of raters."""
    return judged_sheets(study.tasks[task], rated_sheets(study.tasks[task]))


def judge_verdicts(wildcards, *sheets):
    """Files of the judge's verdicts on a task's models, for those of `sheets` on which the judge gives verdicts."""
    judged = [sheet for sheet in sheets if sheet in judge_sheets(wildcards.task)]
    return [
        at("verdicts", wildcards, model=model, judged=sheet)
        for model in study.task_models(wildcards.task)
        for sheet in judged
    ]


def judge_files(wildcards, name):
    """The path of one file of a task's judge (`name`, a key of PATHS) for every kind of verdict and every model."""
    return [
        at(name, wildcards, model=model, judged=sheet)
        for sheet in judge_sheets(wildcards.task)
        for model in study.task_models(wildcards.task)
    ]


judge_records = [  # records of all verdicts on the run's models
    at("verdicts_record", task=task, model=model, judged=sheet)
    for task in study.tasks
    for sheet in judge_sheets(task)
    for model in study.task_models(task)
]


def contestants(wildcards):
    """Map each model of a task to a text of its names. The check for a judge's bias reads the model's family there."""
    return {
        model: f"{model} {study.models[model].get('id', '')} {study.models[model].get('stands_for', '')}"
        for model in study.task_models(wildcards.task)
    }


def judge_settings(wildcards):
    """The settings on which a judge's verdicts depend. Pace, key and price of the judge change no verdict."""
    judge = judge_endpoint(study.tasks[wildcards.task], study.config)
    return {"name": judge.name, "base_url": judge.base_url, "body": judge.body}


@cache  # Snakemake evaluates params a second time, after it has removed the record from which the round is read
def record_round(task, record):
    """Number of a judge's current round, from the record of its earlier rounds (`judging_round`)."""
    return judging_round(record, judge_endpoint(study.tasks[task], study.config))


def judge_round(wildcards):
    """Number of the round in which a job asks the judge for verdicts."""
    model = wildcards.get("model") or wildcards.external
    return record_round(wildcards.task, at("verdicts_record", wildcards, model=model))


def controls_round(wildcards):
    """Number of the round in which a job asks the judge for controls."""
    return record_round(wildcards.task, at("judge_controls_record", wildcards))
