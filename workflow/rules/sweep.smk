localrules:
    score_trials,
    select_trial,


# The choice among a stage's trials reads answers; it uses no GPU, so that another reading trains nothing again.
rule answer_dev:
    input:
        base=at("base"),
        trained=at("adapter"),
        dev=at("split", split="dev"),
        gate=at("gate"),
    output:
        dev=at("dev_answers"),
        record=at("dev_record"),
    log:
        at.log("answer_dev", "{task}", "{model}", "{stage}", "{trial}"),
    benchmark:
        benchmark_path("answer_dev", "{stage}", "{trial}")
    conda:
        "../../envs/training.yaml"
    threads: study.config["compute"]["threads"]
    resources:
        mem_mb=loading_memory,
        runtime=runtime(expected_answers, ["dev"]),
        gpu=gpus,
        gpu_model=gpu_model,
        batch_size=study.config["compute"]["generation_batch_size"],
    params:
        settings=named(
            code=code("predict"),
            model=model_settings,
            max_new_tokens=answer_limit,
        ),
    script:
        "../scripts/predict.py"


rule score_trials:
    input:
        dev=at("split", split="dev"),
        answers=dev_answers,
        logs=of_trials("trial_log", part="adapter"),
    output:
        at("selection"),
    log:
        at.log("score_trials", "{task}", "{model}", "{stage}"),
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
rule select_trial:
    input:
        trials=of_trials("adapter"),
        runs=of_trials("trial_run", part="adapter"),
        answers=dev_answers,
    output:
        weights=at("best", best=BEST),
        log=at("best_log", best=BEST),
        run=at("best_run", best=BEST),
    log:
        at.log("select_trial", "{task}", "{model}", "{stage}"),
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=named(code=code("select_trial"), trial=chosen_trial),
    script:
        "../scripts/select_trial.py"
