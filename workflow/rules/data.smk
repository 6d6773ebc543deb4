localrules:
    retrieve_source,
    split_dataset,


rule retrieve_source:
    input:
        source_file,
    output:
        rows=f"{results}/{{task}}/data/source.jsonl",
        record=f"{results}/{{task}}/data/source.json",
    log:
        f"{logs}/retrieve_source/{{task}}.log",
    conda:
        "../../envs/training.yaml"
    params:
        settings=named(
            code=code("retrieve_source"),
            files=contents(source_file),
            source=lambda wildcards: study.source(wildcards.task),
            rows=generated_rows,
            seed=study.config["seed"],
        ),
    script:
        "../scripts/retrieve_source.py"


rule split_dataset:
    input:
        rows=f"{results}/{{task}}/data/source.jsonl",
        record=f"{results}/{{task}}/data/source.json",
        texts=text_files,
    output:
        train=f"{results}/{{task}}/data/train.jsonl",
        eval=f"{results}/{{task}}/data/eval.jsonl",
        dev=f"{results}/{{task}}/data/dev.jsonl",
        test=f"{results}/{{task}}/data/test.jsonl",
        manifest=f"{results}/{{task}}/data/manifest.json",
    log:
        f"{logs}/split_dataset/{{task}}.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=named(
            code=code("split_dataset"),
            task=task_settings(
                "name",
                "outcome",
                "labels",
                "columns",
                "prompt",
                "splits",
                "on_shortfall",
            ),
            texts=text_fields,
            seed=study.config["seed"],
        ),
    script:
        "../scripts/split_dataset.py"
