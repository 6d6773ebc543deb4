localrules:
    build_preferences,


rule predict_training_answers:
    input:
        unpack(training_data),
        base=base_model(),
        sft=weights("sft", "best"),
    output:
        train=f"{results}/{{task}}/{{model}}/preferences/train.answers.jsonl",
        eval=f"{results}/{{task}}/{{model}}/preferences/eval.answers.jsonl",
        record=f"{results}/{{task}}/{{model}}/preferences/answers.json",
    log:
        f"{logs}/predict_training_answers/{{task}}/{{model}}.log",
    benchmark:
        timed("predict_training_answers")
    conda:
        "../../envs/training.yaml"
    threads: study.config["compute"]["threads"]
    resources:
        mem_mb=memory(),
        runtime=generation_runtime(["train", "eval"]),
        gpu=gpus,
        gpu_model=gpu_model,
        batch_size=study.config["compute"]["generation_batch_size"],
    params:
        settings=named(
            code=code("predict_training_answers"),
            model=model_settings,
            max_new_tokens=lambda wildcards: study.tasks[wildcards.task]["max_new_tokens"],
        ),
    script:
        "../scripts/predict_training_answers.py"


rule build_preferences:
    input:
        unpack(training_data),
        unpack(sft_answers),
    output:
        train=f"{results}/{{task}}/{{model}}/preferences/train.jsonl",
        eval=f"{results}/{{task}}/{{model}}/preferences/eval.jsonl",
        manifest=f"{results}/{{task}}/{{model}}/preferences/manifest.json",
    log:
        f"{logs}/build_preferences/{{task}}/{{model}}.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=named(
            code=code("build_preferences"),
            task=task_settings("rejected", "labels"),
            seed=study.config["seed"],
        ),
    script:
        "../scripts/build_preferences.py"


rule score_reference:
    input:
        train=f"{results}/{{task}}/{{model}}/preferences/train.jsonl",
        eval=f"{results}/{{task}}/{{model}}/preferences/eval.jsonl",
        base=base_model(),
        sft=weights("sft", "best"),
    output:
        train=f"{results}/{{task}}/{{model}}/preferences/train.reference.parquet",
        eval=f"{results}/{{task}}/{{model}}/preferences/eval.reference.parquet",
    log:
        f"{logs}/score_reference/{{task}}/{{model}}.log",
    benchmark:
        timed("score_reference")
    conda:
        "../../envs/training.yaml"
    threads: study.config["compute"]["threads"]
    resources:
        mem_mb=memory(),
        runtime=scoring_runtime(),
        gpu=gpus,
        gpu_model=gpu_model,
        batch_size=stage_speed("dpo")["eval_batch_size"],
    params:
        settings=named(
            code=code("score_reference"),
            model=model_settings,
            max_length=lambda wildcards: study.training(wildcards.task, "dpo")["max_length"],
        ),
    script:
        "../scripts/score_reference.py"
