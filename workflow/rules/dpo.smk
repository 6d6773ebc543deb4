localrules:
    keep_dpo,


rule probe_dpo:
    input:
        unpack(preference_data),
        base=f"{results}/models/{{model}}",
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
        code=code("probe_dpo"),
        model=trained_model_settings,
        settings=stage_settings("dpo"),
    script:
        "../scripts/probe_dpo.py"


rule train_dpo:
    input:
        unpack(preference_data),
        base=f"{results}/models/{{model}}",
        steps=plateau("dpo"),
    output:
        directory(f"{trained('dpo')}/adapter"),
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
        code=code("train_dpo"),
        model=trained_model_settings,
        settings=stage_settings("dpo"),
    script:
        "../scripts/train_dpo.py"


rule select_dpo:
    input:
        base=f"{results}/models/{{model}}",
        dev=f"{results}/{{task}}/data/dev.jsonl",
        trials=trial_folders("dpo"),
    output:
        table=f"{results}/{{task}}/{{model}}/dpo/selection.csv",
        best=directory(trained("dpo", "best")),
    log:
        f"{logs}/select_dpo/{{task}}/{{model}}.log",
    benchmark:
        timed("select_dpo")
    wildcard_constraints:
        task=choosing("dpo"),
    conda:
        "../../envs/training.yaml"
    threads: study.config["compute"]["threads"]
    resources:
        mem_mb=memory(),
        runtime=generation_runtime(["dev"], "dpo"),
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
rule keep_dpo:
    input:
        trial_folders("dpo"),
    output:
        table=f"{results}/{{task}}/{{model}}/dpo/selection.csv",
        best=directory(trained("dpo", "best")),
    log:
        f"{logs}/keep_dpo/{{task}}/{{model}}.log",
    wildcard_constraints:
        task=choosing("dpo", several=False),
    conda:
        "../../envs/analysis.yaml"
    params:
        code=code("keep_trial"),
    script:
        "../scripts/keep_trial.py"
