localrules:
    find_plateau,


rule probe_sft:
    input:
        unpack(training_data),
        base=base_model(),
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
        settings=named(
            code=code("probe_sft"),
            model=trained_model_settings,
            settings=stage_settings("sft"),
        ),
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
        settings=named(
            code=code("find_plateau"),
            tolerance=lambda wildcards: study.training(wildcards.task, wildcards.stage)["plateau_tolerance"],
        ),
    script:
        "../scripts/find_plateau.py"


rule train_sft:
    input:
        unpack(training_data),
        base=base_model(),
        steps=plateau("sft"),
    output:
        weights=weights("sft", "{trial}/adapter"),
        log=f"{trained('sft')}/adapter/log.csv",
        run=f"{trained('sft')}/adapter/run.json",
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
        settings=named(
            code=code("train_sft"),
            model=trained_model_settings,
            settings=stage_settings("sft"),
        ),
    script:
        "../scripts/train_sft.py"
