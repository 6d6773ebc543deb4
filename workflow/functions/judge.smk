from functools import cache

from clinical_dpo.config.judges import judge_endpoint, judged_sheets, judging_round, unnamed_judges


wildcard_constraints:
    judged="likert|correctness|preference",


def judged(task):
    """What a task's judge is asked for, by the names of its files."""
    return judged_sheets(study.tasks[task], rated_sheets(study.tasks[task]))


def judge_verdicts(wildcards, *sheets):
    """The judge's verdicts on a task's models; of those sheets that it is asked about."""
    asked = [sheet for sheet in sheets if sheet in judged(wildcards.task)]
    return [
        at("verdicts", wildcards, model=model, judged=sheet)
        for model in study.task_models(wildcards.task)
        for sheet in asked
    ]


judge_records = [  # what every judge of the run's models writes of itself
    at("verdicts_record", task=task, model=model, judged=sheet)
    for task in study.tasks
    for sheet in judged(task)
    for model in study.task_models(task)
]


def judge_settings(wildcards):
    """What a judge's verdicts depend on; neither its pace nor its key nor its price."""
    judge = judge_endpoint(study.tasks[wildcards.task], study.config)
    return {"name": judge.name, "base_url": judge.base_url, "body": judge.body}


@cache  # a job's parameters are made once more when its record is gone
def round_of(task, record):
    """The round in which a task's judge is asked for what a record is of."""
    return judging_round(record, judge_endpoint(study.tasks[task], study.config))


def judge_round(wildcards):
    """The round of a job."""
    answerer = wildcards.get("model") or wildcards.external
    return round_of(wildcards.task, at("verdicts_record", wildcards, model=answerer))
