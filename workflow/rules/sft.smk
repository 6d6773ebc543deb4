localrules:
    find_plateau,
    keep_sft,


rule probe_sft:
    input:
        unpack(training_data),
        base=f"{results}/models/{{model}}",
    output:
        log=f"{trained('sft')}/probe/log.csv",
        run=f"{trained('sft')}/probe/run.json",
    log:
        f"{logs}/probe_sft/{{task}}/{{model}}/{{trial}}.log",
    conda:
        "../../envs/training.yaml"
    threads: study.config["compute"]["threads"]
    resources:
        **stage_speed("sft"),
        mem_mb=memory("sft"),
        runtime=training_runtime("sft"),
        gpu=gpus,
        gpu_model=gpu_model,
    params:
        code=code("probe_sft"),
        model=trained_model_settings,
        settings=stage_settings("sft"),
    script:
        "../scripts/probe_sft.py"


rule find_plateau:
    input:
        f"{trained('{stage}')}/probe/log.csv",
    output:
        f"{trained('{stage}')}/probe/steps.json",
    log:
        f"{logs}/find_plateau/{{task}}/{{model}}/{{stage}}/{{trial}}.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        code=code("find_plateau"),
        tolerance=lambda wildcards: study.training(wildcards.task, wildcards.stage)["plateau_tolerance"],
    script:
        "../scripts/find_plateau.py"


rule train_sft:
    input:
        unpack(training_data),
        base=f"{results}/models/{{model}}",
        steps=plateau("sft"),
    output:
        directory(f"{trained('sft')}/adapter"),
    log:
        f"{logs}/train_sft/{{task}}/{{model}}/{{trial}}.log",
    conda:
        "../../envs/training.yaml"
    threads: study.config["compute"]["threads"]
    resources:
        **stage_speed("sft"),
        mem_mb=memory("sft"),
        runtime=training_runtime("sft"),
        gpu=gpus,
        gpu_model=gpu_model,
    params:
        code=code("train_sft"),
        model=trained_model_settings,
        settings=stage_settings("sft"),
    script:
        "../scripts/train_sft.py"


rule select_sft:
    input:
        base=f"{results}/models/{{model}}",
        dev=f"{results}/{{task}}/data/dev.jsonl",
        trials=trial_folders("sft"),
    output:
        table=f"{results}/{{task}}/{{model}}/sft/selection.csv",
        best=directory(trained("sft", "best")),
    log:
        f"{logs}/select_sft/{{task}}/{{model}}.log",
    benchmark:
        timed("select_sft")
    wildcard_constraints:
        task=choosing("sft"),
    conda:
        "../../envs/training.yaml"
    threads: study.config["compute"]["threads"]
    resources:
        mem_mb=memory(),
        runtime=generation_runtime(["dev"], "sft"),
        gpu=gpus,
        gpu_model=gpu_model,
        batch_size=study.config["compute"]["generation_batch_size"],
    params:
        code=code("select_trial"),
        model=model_settings,
        task=task_settings("selection", "labels", "label_synonyms", "max_new_tokens"),
    script:
        "../scripts/select_trial.py"


# Of one trial, which is its own best: its files are linked, nothing is computed.
rule keep_sft:
    input:
        trial_folders("sft"),
    output:
        table=f"{results}/{{task}}/{{model}}/sft/selection.csv",
        best=directory(trained("sft", "best")),
    log:
        f"{logs}/keep_sft/{{task}}/{{model}}.log",
    wildcard_constraints:
        task=choosing("sft", several=False),
    conda:
        "../../envs/analysis.yaml"
    params:
        code=code("keep_trial"),
    script:
        "../scripts/keep_trial.py"
