localrules:
    retrieve_source,
    split_dataset,
    assign_subgroups,


rule retrieve_source:
    input:
        source_input,
    output:
        rows=at("source"),
        record=at("source_record"),
    log:
        at.log("retrieve_source", "{task}"),
    conda:
        "../../envs/training.yaml"
    params:
        settings=rule_settings(
            code=code("retrieve_source"),
            files=file_digests(source_file),
            source=lambda wildcards: study.source(wildcards.task) | study.over_columns(wildcards.task, "where"),
            rows=generated_rows,
            seed=study.config["seed"],
        ),
    script:
        "../scripts/retrieve_source.py"


rule split_dataset:
    input:
        rows=at("source"),
        record=at("source_record"),
        texts=text_files,
    output:
        train=at("split", split="train"),
        eval=at("split", split="eval"),
        dev=at("split", split="dev"),
        test=at("split", split="test"),
        manifest=at("manifest"),
    log:
        at.log("split_dataset", "{task}"),
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=rule_settings(
            code=code("split_dataset"),
            task=split_settings,
            texts=text_fields,
            written=text_origins,
            seed=study.config["seed"],
        ),
    script:
        "../scripts/split_dataset.py"


rule assign_subgroups:
    input:
        rows=at("source"),
        record=at("source_record"),
        texts=text_files,
        test=at("split", split="test"),
    output:
        at("subgroups"),
    log:
        at.log("assign_subgroups", "{task}"),
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=rule_settings(
            code=code("assign_subgroups"),
            task=row_settings,
            texts=text_fields,
            subgroups=task_subgroups,
        ),
    script:
        "../scripts/assign_subgroups.py"
