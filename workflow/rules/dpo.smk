rule probe_dpo:
    input:
        unpack(preference_data),
        base=base_model(),
    output:
        log=f"{trained('dpo')}/probe/log.csv",
        run=f"{trained('dpo')}/probe/run.json",
    log:
        f"{logs}/probe_dpo/{{task}}/{{model}}/{{trial}}.log",
    conda:
        "../../envs/training.yaml"
    threads: study.config["compute"]["threads"]
    resources:
        **stage_speed("dpo"),
        mem_mb=memory("dpo"),
        runtime=training_runtime("dpo"),
        gpu=gpus,
        gpu_model=gpu_model,
    params:
        settings=named(
            code=code("probe_dpo"),
            model=trained_model_settings,
            settings=stage_settings("dpo"),
        ),
    script:
        "../scripts/probe_dpo.py"


rule train_dpo:
    input:
        unpack(preference_data),
        base=base_model(),
        steps=plateau("dpo"),
    output:
        weights=weights("dpo", "{trial}/adapter"),
        log=f"{trained('dpo')}/adapter/log.csv",
        run=f"{trained('dpo')}/adapter/run.json",
    log:
        f"{logs}/train_dpo/{{task}}/{{model}}/{{trial}}.log",
    conda:
        "../../envs/training.yaml"
    threads: study.config["compute"]["threads"]
    resources:
        **stage_speed("dpo"),
        mem_mb=memory("dpo"),
        runtime=training_runtime("dpo"),
        gpu=gpus,
        gpu_model=gpu_model,
    params:
        settings=named(
            code=code("train_dpo"),
            model=trained_model_settings,
            settings=stage_settings("dpo"),
        ),
    script:
        "../scripts/train_dpo.py"
