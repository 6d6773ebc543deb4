localrules:
    choose_threshold,


rule predict:
    input:
        unpack(variant_model),
        test=at("split", split="test"),
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


# A threshold on a probability is chosen on dev, of each variant its own, and applied to test as it is.
use rule predict as predict_dev with:
    input:
        unpack(variant_model),
        dev=at("split", split="dev"),
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
