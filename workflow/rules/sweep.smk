localrules:
    score_trials,
    select_trial,


# Answers on dev are written to files of their own, so that a change in their scoring reruns no GPU job.
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
        runtime=runtime(expected_answers, ["dev"], answering_variant),
        gpu=gpus,
        gpu_model=gpu_model,
        batch_size=study.config["compute"]["generation_batch_size"],
    params:
        settings=answering_settings,
    script:
        "../scripts/predict.py"


rule score_trials:
    input:
        dev=at("split", split="dev"),
        answers=dev_answers,
        logs=trial_files("trial_log", part="adapter"),
    output:
        at("selection"),
    log:
        at.log("score_trials", "{task}", "{model}", "{stage}"),
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=rule_settings(
            code=score_code,
            selection=selection_settings,
        ),
    script:
        "../scripts/score_trials.py"


# The outputs are links to the chosen trial's files. Later jobs depend on this trial's name and weights, not on its
# scores.
rule select_trial:
    input:
        trials=trial_files("adapter"),
        runs=trial_files("trial_run", part="adapter"),
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
        settings=rule_settings(code=code("select_trial"), trial=chosen_trial),
    script:
        "../scripts/select_trial.py"
