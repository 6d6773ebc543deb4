localrules:
    score_trials,
    keep_trial,


# The choice among a stage's trials reads answers; it uses no GPU, so that another reading trains nothing again.
rule answer_dev:
    input:
        base=base_model(),
        trained=weights("{stage}", "{trial}/adapter"),
        rows=f"{results}/{{task}}/data/dev.jsonl",
        gate=gate(),
    output:
        answers=f"{trained('{stage}')}/dev.jsonl",
        record=f"{trained('{stage}')}/dev.json",
    log:
        f"{logs}/answer_dev/{{task}}/{{model}}/{{stage}}/{{trial}}.log",
    benchmark:
        timed("answer_dev", "{stage}/{trial}")
    conda:
        "../../envs/training.yaml"
    threads: study.config["compute"]["threads"]
    resources:
        mem_mb=memory(),
        runtime=generation_runtime(["dev"]),
        gpu=gpus,
        gpu_model=gpu_model,
        batch_size=study.config["compute"]["generation_batch_size"],
    params:
        settings=named(
            code=code("predict_answers"),
            model=model_settings,
            max_new_tokens=lambda wildcards: study.tasks[wildcards.task]["max_new_tokens"],
        ),
    script:
        "../scripts/predict_answers.py"


rule score_trials:
    input:
        dev=f"{results}/{{task}}/data/dev.jsonl",
        answers=dev_answers,
        logs=sweep_files("adapter/log.csv"),
    output:
        f"{results}/{{task}}/{{model}}/{{stage}}/selection.csv",
    log:
        f"{logs}/score_trials/{{task}}/{{model}}/{{stage}}.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=named(
            code=score_code,
            selection=selection_settings,
        ),
    script:
        "../scripts/score_trials.py"


# Its files are linked. What follows depends on the chosen trial's name and weights, not on how it was chosen.
rule keep_trial:
    input:
        trials=sweep_files(f"adapter/{CHECKSUMS}"),
        runs=sweep_files("adapter/run.json"),
        answers=dev_answers,
    output:
        weights=weights("{stage}", "best"),
        log=f"{trained('{stage}', 'best')}/log.csv",
        run=f"{trained('{stage}', 'best')}/run.json",
    log:
        f"{logs}/keep_trial/{{task}}/{{model}}/{{stage}}.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=named(code=code("keep_trial"), trial=chosen_trial),
    script:
        "../scripts/keep_trial.py"
