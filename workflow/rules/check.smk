localrules:
    check_dataset,
    enforce_checks,


rule check_dataset:
    input:
        train=f"{results}/{{task}}/data/train.jsonl",
        eval=f"{results}/{{task}}/data/eval.jsonl",
        dev=f"{results}/{{task}}/data/dev.jsonl",
        test=f"{results}/{{task}}/data/test.jsonl",
        manifest=f"{results}/{{task}}/data/manifest.json",
        models=lambda wildcards: expand(f"{results}/models/{{model}}", model=study.task_models(wildcards.task)),
    output:
        table=f"{results}/{{task}}/data/checks.csv",
        card=f"{results}/{{task}}/data/README.md",
        prompts=directory(f"{results}/{{task}}/prompts"),
    log:
        f"{logs}/check_dataset/{{task}}.log",
    conda:
        "../../envs/training.yaml"
    params:
        code=code("check_dataset"),
        task=task_settings(
            "name",
            "title",
            "description",
            "labels",
            "phi",
            "licence",
            "citation",
            "download_size",
        ),
        limits=token_limits,
        thresholds=check_thresholds,
    script:
        "../scripts/check_dataset.py"


rule enforce_checks:
    input:
        f"{results}/{{task}}/data/checks.csv",
    output:
        passed("{task}"),
    log:
        f"{logs}/enforce_checks/{{task}}.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        code=code("enforce_checks"),
    script:
        "../scripts/enforce_checks.py"
