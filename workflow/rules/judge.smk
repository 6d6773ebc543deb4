localrules:
    ask_judge,
    grade_by_judge,


rule ask_judge:
    input:
        unpack(sheet_answers),
        test=f"{results}/{{task}}/data/test.jsonl",
    output:
        verdicts=f"{results}/{{task}}/{{model}}/judge/{{judged}}.csv",
        record=f"{results}/{{task}}/{{model}}/judge/{{judged}}.json",
    log:
        f"{logs}/ask_judge/{{task}}/{{model}}/{{judged}}.log",
    wildcard_constraints:
        task=tasks_where(lambda task: "judge" in task),
        judged="likert|correctness|preference",
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=named(
            code=code("ask_judge"),
            judge=judge_settings,
            round=judge_round,
            variants=lambda wildcards: list(sheet_variants(wildcards)),
            private=lambda wildcards: study.tasks[wildcards.task].get("phi", False),
            seed=study.config["seed"],
        ),
    script:
        "../scripts/ask_judge.py"


rule grade_by_judge:
    input:
        test=f"{results}/{{task}}/data/test.jsonl",
        verdicts=lambda wildcards: (
            f"{results}/{wildcards.task}/{wildcards.model}/judge/"
            f"{GRADED[study.tasks[wildcards.task]['metric']]}.csv"
        ),
    output:
        **{variant: f"{results}/{{task}}/{{model}}/grades/{variant}.csv" for variant in VARIANTS},
    log:
        f"{logs}/grade_by_judge/{{task}}/{{model}}.log",
    wildcard_constraints:
        task=tasks_where(lambda task: task["grader"] == "judge" and "judge" in task),
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=named(
            code=code("grade_by_judge"),
        ),
    script:
        "../scripts/grade_by_judge.py"
