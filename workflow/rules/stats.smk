def task_grades(wildcards):
    """Grades of every model and variant of a task; all of them stand in one table."""
    return expand(
        f"{results}/{wildcards.task}/{{model}}/grades/{{variant}}.csv",
        model=study.models,
        variant=VARIANTS,
    )


def task_facts(wildcards):
    """What a task's tables say of it: its metric, its classes and whether its text is real."""
    task = study.tasks[wildcards.task]
    data = "synthetic" if study.is_synthetic(wildcards.task) else "real"
    classes = dict(zip(("positive", "negative"), task.get("labels", ()), strict=False))
    return (
        pick(task, "name", "metric", "test")
        | classes
        | {"data": data, "seed": study.config["seed"]}
    )


localrules:
    compute_metrics,
    compare_variants,


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
        code=code("compute_metrics"),
        task=task_facts,
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
        code=code("compare_variants"),
        task=task_facts,
        alpha=study.config["alpha"],
        family_size=len(study.config["tasks"]),
    script:
        "../scripts/compare_variants.py"
