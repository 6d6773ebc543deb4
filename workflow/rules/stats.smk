localrules:
    compute_metrics,
    compare_variants,
    compute_rouge,
    compute_helpfulness,
    compute_win_rate,
    collect_reward_margin,


rule compute_metrics:
    input:
        task_grades,
    output:
        f"{results}/{{task}}/metrics.csv",
    log:
        f"{logs}/compute_metrics/{{task}}.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=named(
            code=code("compute_metrics", task_metric),
            task=task_facts,
        ),
    script:
        "../scripts/compute_metrics.py"


rule compare_variants:
    input:
        task_grades,
    output:
        f"{results}/{{task}}/stats.csv",
    log:
        f"{logs}/compare_variants/{{task}}.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=named(
            code=code("compare_variants", task_metric),
            task=task_facts,
            alpha=study.config["alpha"],
            family=lambda wildcards: study.family(wildcards.task),
            external_families=lambda wildcards: {
                name: [task for task in study.family(wildcards.task) if name in externals.get(task, [])]
                for name in externals[wildcards.task]
            },
        ),
    script:
        "../scripts/compare_variants.py"


rule compute_rouge:
    input:
        answers=task_answers,
        test=f"{results}/{{task}}/data/test.jsonl",
    output:
        f"{results}/{{task}}/rouge.csv",
    log:
        f"{logs}/compute_rouge/{{task}}.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=named(
            code=code("compute_rouge"),
            task=task_names,
            stemmer=lambda wildcards: study.tasks[wildcards.task]["stemmer"],
            seed=study.config["seed"],
        ),
    script:
        "../scripts/compute_rouge.py"


rule compute_helpfulness:
    input:
        metrics=f"{results}/{{task}}/metrics.csv",
        stats=f"{results}/{{task}}/stats.csv",
        grades=task_grades,
    output:
        f"{results}/{{task}}/helpfulness.csv",
    log:
        f"{logs}/compute_helpfulness/{{task}}.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=named(
            code=code("compute_helpfulness"),
        ),
    script:
        "../scripts/compute_helpfulness.py"


rule compute_win_rate:
    input:
        sheet_keys=lambda wildcards: [key for key in task_keys(wildcards) if Path(key).name.startswith("preference.")],
        ratings=task_ratings,
        answers=task_answers,
        test=f"{results}/{{task}}/data/test.jsonl",
        verdicts=judge_verdicts("preference"),
    output:
        f"{results}/{{task}}/win_rate.csv",
    log:
        f"{logs}/compute_win_rate/{{task}}.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=named(
            code=code("compute_win_rate"),
            files=contents(task_ratings),
            task=task_names,
            grader=lambda wildcards: study.tasks[wildcards.task]["preference_grader"],
            variants=COMPARED,
            folder=lambda wildcards: f"{ratings}/{wildcards.task}",
            seed=study.config["seed"],
        ),
    script:
        "../scripts/compute_win_rate.py"


rule collect_reward_margin:
    input:
        runs=lambda wildcards: expand(
            f"{results}/{wildcards.task}/{{model}}/dpo/best/run.json", model=study.task_models(wildcards.task)
        ),
        logs=lambda wildcards: expand(
            f"{results}/{wildcards.task}/{{model}}/dpo/best/log.csv", model=study.task_models(wildcards.task)
        ),
    output:
        f"{results}/{{task}}/reward_margin.csv",
    log:
        f"{logs}/collect_reward_margin/{{task}}.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=named(
            code=code("collect_reward_margin"),
            task=task_names,
        ),
    script:
        "../scripts/collect_reward_margin.py"
