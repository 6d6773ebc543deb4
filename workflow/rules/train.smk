localrules:
    find_plateau,


rule probe:
    input:
        unpack(stage_data),
        base=at("base"),
    output:
        log=at("trial_log", part="probe"),
        run=at("trial_run", part="probe"),
    log:
        at.log("probe", "{task}", "{model}", "{stage}", "{trial}"),
    conda:
        "../../envs/training.yaml"
    threads: study.config["compute"]["threads"]
    resources:
        **stage_speed,
        mem_mb=training_memory,
        runtime=runtime(expected_training, stage_of, "probe"),
        gpu=gpus,
        gpu_model=gpu_model,
    params:
        settings=rule_settings(
            code=code("probe", trainer),
            model=trained_model_settings,
            settings=probe_settings,
        ),
    script:
        "../scripts/probe.py"


rule find_plateau:
    input:
        at("trial_log", part="probe"),
    output:
        at("plateau"),
    log:
        at.log("find_plateau", "{task}", "{model}", "{stage}", "{trial}"),
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=rule_settings(
            code=code("find_plateau"),
            tolerance=lambda wildcards: study.training(wildcards.task, wildcards.stage)["plateau_tolerance"],
        ),
    script:
        "../scripts/find_plateau.py"


rule train:
    input:
        unpack(stage_data),
        base=at("base"),
        plateau=plateau,
        matched_run=matched_run,
    output:
        weights=at("adapter"),
        log=at("trial_log", part="adapter"),
        run=at("trial_run", part="adapter"),
    log:
        at.log("train", "{task}", "{model}", "{stage}", "{trial}"),
    conda:
        "../../envs/training.yaml"
    threads: study.config["compute"]["threads"]
    resources:
        **stage_speed,
        mem_mb=training_memory,
        runtime=runtime(expected_training, stage_of, "adapter"),
        gpu=gpus,
        gpu_model=gpu_model,
    params:
        settings=rule_settings(
            code=code("train", trainer),
            model=trained_model_settings,
            settings=trial_settings,
        ),
    script:
        "../scripts/train.py"


rule train_extra_seed:
    input:
        unpack(stage_data),
        base=at("base"),
        chosen=at("best_run", best=BEST),
    output:
        weights=at("best", best=with_seed(BEST, "{seed}")),
        log=at("best_log", best=with_seed(BEST, "{seed}")),
        run=at("best_run", best=with_seed(BEST, "{seed}")),
    log:
        at.log("train_extra_seed", "{task}", "{model}", "{stage}", "seed{seed}"),
    conda:
        "../../envs/training.yaml"
    threads: study.config["compute"]["threads"]
    resources:
        **stage_speed,
        mem_mb=training_memory,
        runtime=runtime(expected_training, stage_of, "adapter"),
        gpu=gpus,
        gpu_model=gpu_model,
    params:
        settings=rule_settings(
            code=code("train_extra_seed", trainer),
            model=trained_model_settings,
        ),
    script:
        "../scripts/train_extra_seed.py"
