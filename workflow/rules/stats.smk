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
