localrules:
    gate_rows,
    check_dataset,
    enforce_checks,


# What trains or answers waits for this. Without params it measures anew only where rows or tokenizer change.
rule gate_rows:
    input:
        train=f"{results}/{{task}}/data/train.jsonl",
        eval=f"{results}/{{task}}/data/eval.jsonl",
        dev=f"{results}/{{task}}/data/dev.jsonl",
        test=f"{results}/{{task}}/data/test.jsonl",
        base=base_model(),
    output:
        gate(),
    log:
        f"{logs}/gate_rows/{{task}}/{{model}}.log",
    conda:
        "../../envs/training.yaml"
    resources:
        limits=gate_limits,
    script:
        "../scripts/gate_rows.py"


rule check_dataset:
    input:
        train=f"{results}/{{task}}/data/train.jsonl",
        eval=f"{results}/{{task}}/data/eval.jsonl",
        dev=f"{results}/{{task}}/data/dev.jsonl",
        test=f"{results}/{{task}}/data/test.jsonl",
        manifest=f"{results}/{{task}}/data/manifest.json",
        models=lambda wildcards: [base_model(model) for model in study.task_models(wildcards.task)],
    output:
        table=f"{results}/{{task}}/data/checks.csv",
        card=f"{results}/{{task}}/data/README.md",
        prompts=directory(f"{results}/{{task}}/prompts"),
    log:
        f"{logs}/check_dataset/{{task}}.log",
    conda:
        "../../envs/training.yaml"
    params:
        settings=named(
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
        ),
    script:
        "../scripts/check_dataset.py"


rule enforce_checks:
    input:
        f"{results}/{{task}}/data/checks.csv",
    output:
        f"{results}/{{task}}/data/checked.txt",
    log:
        f"{logs}/enforce_checks/{{task}}.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=named(
            code=code("enforce_checks"),
        ),
    script:
        "../scripts/enforce_checks.py"
