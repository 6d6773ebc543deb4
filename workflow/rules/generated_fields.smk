localrules:
    write_texts_by_endpoint,


rule write_texts_by_model:
    input:
        texts=text_files,
        rows=at("source"),
        record=at("source_record"),
        base=at("base"),
    output:
        at("text", writer="{model}"),
    log:
        at.log("write_texts_by_model", "{task}", "{field}.{model}"),
    benchmark:
        benchmark_path("write_texts_by_model", "{field}")
    wildcard_constraints:
        field=text_names,
        model=writers("model"),
    conda:
        "../../envs/training.yaml"
    threads: study.config["compute"]["threads"]
    resources:
        mem_mb=loading_memory,
        runtime=runtime(expected_field, lambda wildcards: wildcards.field),
        gpu=gpus,
        gpu_model=gpu_model,
        batch_size=study.config["compute"]["generation_batch_size"],
    params:
        settings=rule_settings(
            code=code("write_texts_by_model"),
            model=model_settings,
            text=text_settings,
        ),
    script:
        "../scripts/write_texts_by_model.py"


rule write_texts_by_endpoint:
    input:
        texts=text_files,
        rows=at("source"),
        record=at("source_record"),
    output:
        at("text", writer="{endpoint}"),
    log:
        at.log("write_texts_by_endpoint", "{task}", "{field}.{endpoint}"),
    wildcard_constraints:
        field=text_names,
        endpoint=writers("endpoint"),
    conda:
        "../../envs/analysis.yaml"
    resources:
        private=private_text,
    params:
        settings=rule_settings(
            code=code("write_texts_by_endpoint"),
            endpoint=lambda wildcards: endpoint_settings(wildcards.endpoint),
            text=text_settings,
            replies=lambda wildcards: at("text_replies", wildcards, writer=wildcards.endpoint),
        ),
    script:
        "../scripts/write_texts_by_endpoint.py"
