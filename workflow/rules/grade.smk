localrules:
    grade_answers,
    write_key,
    write_sheet,
    grade_by_raters,
    summarize_ratings,


rule grade_answers:
    input:
        test=f"{results}/{{task}}/data/test.jsonl",
        answers=f"{results}/{{task}}/{{model}}/predictions/{{variant}}.jsonl",
    output:
        f"{results}/{{task}}/{{model}}/grades/{{variant}}.csv",
    log:
        f"{logs}/grade_answers/{{task}}/{{model}}/{{variant}}.log",
    wildcard_constraints:
        task=tasks_where(
            lambda task: task["grader"] != "physicians" and not (task["grader"] == "judge" and "judge" in task)
        ),
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=named(
            code=code("grade_answers", task_grader),
            task=task_settings("grader", "labels", "label_synonyms"),
        ),
    script:
        "../scripts/grade_answers.py"


rule write_key:
    input:
        unpack(sheet_answers),
        unpack(disputes),
        test=f"{results}/{{task}}/data/test.jsonl",
    output:
        f"{results}/{{task}}/{{model}}/grading/{{sheet}}.key.csv",
    log:
        f"{logs}/write_key/{{task}}/{{model}}/{{sheet}}.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=named(
            code=code("write_key"),
            files=contents(disputed_ratings),
            kind=lambda wildcards: SHEETS[wildcards.sheet],
            variants=sheet_variants,
            raters=raters_of,
            folder=rating_folder,
            seed=study.config["seed"],
        ),
    script:
        "../scripts/write_key.py"


rule write_sheet:
    input:
        unpack(sheet_answers),
        unpack(disputes),
        test=f"{results}/{{task}}/data/test.jsonl",
        page=sheet_page,
    output:
        multiext(
            f"{results}/{{task}}/{{model}}/grading/{{sheet}}.{{rater}}",
            ".html",
            ".csv",
            ".xlsx",
            ".json",
        ),
    log:
        f"{logs}/write_sheet/{{task}}/{{model}}/{{sheet}}.{{rater}}.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=named(
            code=code("write_sheet"),
            files=contents(sheet_sources),
            kind=lambda wildcards: SHEETS[wildcards.sheet],
            variants=sheet_variants,
            folder=rating_folder,
            instructions=lambda wildcards: study.tasks[wildcards.task].get("description", ""),
            seed=study.config["seed"],
        ),
    script:
        "../scripts/write_sheet.py"


rule grade_by_raters:
    input:
        test=f"{results}/{{task}}/data/test.jsonl",
        key=lambda wildcards: key_file(wildcards, "correctness"),
        ratings=lambda wildcards: sent_back(rating_folder(wildcards), "correctness"),
        adjudication_key=lambda wildcards: (
            key_file(wildcards, "adjudication") if "adjudicator" in study.tasks[wildcards.task] else []
        ),
        adjudications=lambda wildcards: sent_back(rating_folder(wildcards), "adjudication"),
    output:
        **{variant: f"{results}/{{task}}/{{model}}/grades/{variant}.csv" for variant in VARIANTS},
    log:
        f"{logs}/grade_by_raters/{{task}}/{{model}}.log",
    wildcard_constraints:
        task=tasks_where(lambda task: task["grader"] == "physicians"),
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=named(
            code=code("grade_by_raters"),
            files=contents(lambda wildcards: sent_back(rating_folder(wildcards), "correctness", "adjudication")),
            folder=rating_folder,
        ),
    script:
        "../scripts/grade_by_raters.py"


rule summarize_ratings:
    input:
        sheet_keys=task_keys,
        ratings=task_ratings,
        verdicts=judge_verdicts("correctness", "preference"),
    output:
        agreement=f"{results}/{{task}}/agreement.csv",
        owed=f"{results}/{{task}}/owed.csv",
    log:
        f"{logs}/summarize_ratings/{{task}}.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=named(
            code=code("summarize_ratings"),
            files=contents(task_ratings),
            task=task_names,
            folder=lambda wildcards: f"{ratings}/{wildcards.task}",
        ),
    script:
        "../scripts/summarize_ratings.py"
