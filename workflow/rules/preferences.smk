localrules:
    build_preferences,


rule predict_training_answers:
    input:
        unpack(training_data),
        base=at("base"),
        trained=at("best", stage="sft", best=BEST),
    output:
        train=at("training_answers", split="train"),
        eval=at("training_answers", split="eval"),
        record=at("training_answers_record"),
    log:
        at.log("predict_training_answers", "{task}", "{model}"),
    benchmark:
        benchmark_path("predict_training_answers")
    conda:
        "../../envs/training.yaml"
    threads: study.config["compute"]["threads"]
    resources:
        mem_mb=loading_memory,
        runtime=runtime(expected_answers, ["train", "eval"], answering_variant),
        gpu=gpus,
        gpu_model=gpu_model,
        batch_size=study.config["compute"]["generation_batch_size"],
    params:
        settings=answering_settings,
    script:
        "../scripts/predict.py"


rule build_preferences:
    input:
        unpack(training_data),
        unpack(sft_answers),
    output:
        train=at("pairs", split="train"),
        eval=at("pairs", split="eval"),
        manifest=at("pairs_manifest"),
    log:
        at.log("build_preferences", "{task}", "{model}"),
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=rule_settings(
            code=code("build_preferences"),
            task=task_settings("rejected_source", "labels", "other_label_weights"),
            seed=study.config["seed"],
        ),
    script:
        "../scripts/build_preferences.py"


rule compute_reference_logps:
    input:
        train=at("pairs", split="train"),
        eval=at("pairs", split="eval"),
        base=at("base"),
        sft=at("best", stage="sft", best=BEST),
    output:
        train=at("reference_logps", split="train"),
        eval=at("reference_logps", split="eval"),
        record=at("reference_record", split="train"),
    log:
        at.log("compute_reference_logps", "{task}", "{model}"),
    benchmark:
        benchmark_path("compute_reference_logps")
    conda:
        "../../envs/training.yaml"
    threads: study.config["compute"]["threads"]
    resources:
        mem_mb=loading_memory,
        runtime=runtime(expected_scoring),
        gpu=gpus,
        gpu_model=gpu_model,
        batch_size=lambda wildcards: study.training(wildcards.task, "dpo")["eval_batch_size"],
    params:
        settings=rule_settings(
            code=code("compute_reference_logps"),
            model=model_settings,
            max_length=lambda wildcards: study.training(wildcards.task, "dpo")["max_length"],
        ),
    script:
        "../scripts/compute_reference_logps.py"


use rule compute_reference_logps as compute_extra_seed_reference_logps with:
    input:
        train=at("pairs", split="train"),
        eval=at("pairs", split="eval"),
        base=at("base"),
        sft=at("best", stage="sft", best=with_seed(BEST, "{seed}")),
    output:
        train=at("reference_logps", split=with_seed("train", "{seed}")),
        eval=at("reference_logps", split=with_seed("eval", "{seed}")),
        record=at("reference_record", split=with_seed("train", "{seed}")),
    log:
        at.log("compute_extra_seed_reference_logps", "{task}", "{model}", "seed{seed}"),
    benchmark:
        benchmark_path("compute_extra_seed_reference_logps", "seed{seed}")
