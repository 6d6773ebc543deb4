from functools import cache

from clinical_dpo.config.judges import judge_of, judged_sheets, judging_round, unnamed_judges


localrules:
    ask_judge,
    judge_external,
    grade_by_judge,


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
    judge = judge_of(study.tasks[wildcards.task], study.config)
    return {"name": judge.name, "base_url": judge.base_url, "body": judge.body}


@cache  # a job's parameters are made once more when its record is gone
def round_of(task, record):
    """The round in which a task's judge is asked for what a record is of."""
    return judging_round(record, judge_of(study.tasks[task], study.config))


def judge_round(wildcards):
    """The round of a job."""
    answerer = wildcards.get("model") or wildcards.external
    return round_of(wildcards.task, at("verdicts_record", wildcards, model=answerer))


rule ask_judge:
    input:
        unpack(sheet_answers),
        test=at("split", split="test"),
    output:
        verdicts=at("verdicts"),
        record=at("verdicts_record"),
    log:
        at.log("ask_judge", "{task}", "{model}", "{judged}"),
    wildcard_constraints:
        task=tasks_where(lambda task: "judge" in task),
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=named(
            code=code("ask_judge"),
            judge=judge_settings,
            round=judge_round,
            variants=shown_variants,
            private=of_task("phi", False),
            seed=study.config["seed"],
        ),
    script:
        "../scripts/ask_judge.py"


use rule ask_judge as judge_external with:
    input:
        external=at("answers", model="{external}", variant=EXTERNAL),
        test=at("split", split="test"),
    output:
        verdicts=at("verdicts", model="{external}"),
        record=at("verdicts_record", model="{external}"),
    log:
        at.log("judge_external", "{task}", "{external}", "{judged}"),
    wildcard_constraints:
        judged="likert|correctness",
    params:
        settings=named(
            code=code("ask_judge"),
            judge=judge_settings,
            round=judge_round,
            variants=[EXTERNAL],
            private=of_task("phi", False),
            seed=study.config["seed"],
        ),


rule grade_by_judge:
    input:
        test=at("split", split="test"),
        verdicts=lambda wildcards: at("verdicts", wildcards, judged=GRADED[study.tasks[wildcards.task]["metric"]]),
    output:
        **{variant: at("grades", variant=variant) for variant in VARIANTS},
    log:
        at.log("grade_by_judge", "{task}", "{model}"),
    wildcard_constraints:
        task=tasks_where(graded_by_judge),
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=named(
            code=code("grade_by_judge"),
        ),
    script:
        "../scripts/grade_by_judge.py"
