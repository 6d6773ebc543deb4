rule predict_answers:
    input:
        unpack(variant_model),
        rows=f"{results}/{{task}}/data/test.jsonl",
        gate=gate(),
    output:
        answers=f"{results}/{{task}}/{{model}}/predictions/{{variant}}.jsonl",
        record=f"{results}/{{task}}/{{model}}/predictions/{{variant}}.json",
    log:
        f"{logs}/predict_answers/{{task}}/{{model}}/{{variant}}.log",
    benchmark:
        timed("predict_answers", "{variant}")
    conda:
        "../../envs/training.yaml"
    threads: study.config["compute"]["threads"]
    resources:
        mem_mb=memory(),
        runtime=generation_runtime(["test"]),
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
