localrules:
    build_few_shot_prompts,
    choose_threshold,


rule build_few_shot_prompts:
    input:
        train=at("split", split="train"),
        dev=at("split", split="dev"),
        test=at("split", split="test"),
        base=at("base"),
        gate=at("gate"),
    output:
        dev=at("few_shot_rows", split="dev"),
        test=at("few_shot_rows", split="test"),
        record=at("few_shot_record"),
    log:
        at.log("build_few_shot_prompts", "{task}", "{model}"),
    wildcard_constraints:
        task=tasks_where(has_few_shot),
    conda:
        "../../envs/training.yaml"
    params:
        settings=rule_settings(
            code=code("build_few_shot_prompts"),
            examples=lambda wildcards: study.tasks[wildcards.task]["arms"]["few_shot"]["examples"],
            answer=lambda wildcards: study.answer_limit(wildcards.task),
            seed=study.config["seed"],
        ),
    script:
        "../scripts/build_few_shot_prompts.py"


rule predict:
    input:
        unpack(variant_model),
        test=asked_rows("test"),
        gate=at("gate"),
    output:
        test=at("answers"),
        record=at("answers_record"),
    log:
        at.log("predict", "{task}", "{model}", "{variant}"),
    benchmark:
        benchmark_path("predict", "{variant}")
    conda:
        "../../envs/training.yaml"
    threads: study.config["compute"]["threads"]
    resources:
        mem_mb=loading_memory,
        runtime=runtime(expected_answers, ["test"], answering_variant),
        gpu=gpus,
        gpu_model=gpu_model,
        batch_size=study.config["compute"]["generation_batch_size"],
    params:
        settings=answering_settings,
    script:
        "../scripts/predict.py"


# The threshold of a probability is chosen on dev, for each variant separately, and applied to test unchanged.
use rule predict as predict_dev with:
    input:
        unpack(variant_model),
        dev=asked_rows("dev"),
        gate=at("gate"),
    output:
        dev=at("variant_dev_answers"),
        record=at("variant_dev_record"),
    log:
        at.log("predict_dev", "{task}", "{model}", "{variant}"),
    benchmark:
        benchmark_path("predict_dev", "{variant}")
    resources:
        mem_mb=loading_memory,
        runtime=runtime(expected_answers, ["dev"], answering_variant),
        gpu=gpus,
        gpu_model=gpu_model,
        batch_size=study.config["compute"]["generation_batch_size"],


rule choose_threshold:
    input:
        dev=at("split", split="dev"),
        answers=at("variant_dev_answers"),
    output:
        at("threshold"),
    log:
        at.log("choose_threshold", "{task}", "{model}", "{variant}"),
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=rule_settings(
            code=code("choose_threshold"),
            task=task_settings("labels", "threshold"),
        ),
    script:
        "../scripts/choose_threshold.py"
