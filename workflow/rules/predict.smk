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
        runtime=runtime(expected_answers, ["test"]),
        gpu=gpus,
        gpu_model=gpu_model,
        batch_size=study.config["compute"]["generation_batch_size"],
    params:
        settings=rule_settings(
            code=code("predict"),
            model=model_settings,
            max_new_tokens=answer_limit,
        ),
    script:
        "../scripts/predict.py"
