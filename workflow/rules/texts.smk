localrules:
    write_texts_by_endpoint,


rule write_texts_by_model:
    input:
        texts=text_files,
        rows=f"{results}/{{task}}/data/source.jsonl",
        record=f"{results}/{{task}}/data/source.json",
        base=base_model(),
    output:
        f"{results}/{{task}}/data/texts/{{field}}.{{model}}.jsonl",
    log:
        f"{logs}/write_texts_by_model/{{task}}/{{field}}.{{model}}.log",
    benchmark:
        timed("write_texts_by_model", "{field}")
    wildcard_constraints:
        field=text_names,
        model=writers("model"),
    conda:
        "../../envs/training.yaml"
    threads: study.config["compute"]["threads"]
    resources:
        mem_mb=memory(),
        runtime=text_runtime,
        gpu=gpus,
        gpu_model=gpu_model,
        batch_size=study.config["compute"]["generation_batch_size"],
    params:
        settings=named(
            code=code("write_texts_by_model"),
            model=model_settings,
            text=text_settings,
        ),
    script:
        "../scripts/write_texts_by_model.py"


rule write_texts_by_endpoint:
    input:
        texts=text_files,
        rows=f"{results}/{{task}}/data/source.jsonl",
        record=f"{results}/{{task}}/data/source.json",
    output:
        f"{results}/{{task}}/data/texts/{{field}}.{{endpoint}}.jsonl",
    log:
        f"{logs}/write_texts_by_endpoint/{{task}}/{{field}}.{{endpoint}}.log",
    wildcard_constraints:
        field=text_names,
        endpoint=writers("endpoint"),
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=named(
            code=code("write_texts_by_endpoint"),
            endpoint=endpoint_settings,
            text=text_settings,
            replies=f"{results}/{{task}}/data/texts/{{field}}.{{endpoint}}.replies.jsonl",
            private=lambda wildcards: study.tasks[wildcards.task].get("phi", False),
        ),
    script:
        "../scripts/write_texts_by_endpoint.py"
