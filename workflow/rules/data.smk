localrules:
    retrieve_source,
    split_dataset,


def source_file(wildcards):
    """The file a task is read from, where it is one."""
    source = study.source(wildcards.task)
    return os.path.expandvars(source["path"]) if source["kind"] == "file" else []


def generated_rows(wildcards):
    """How many records a task's generator makes; none for a source that has its own, whatever the splits."""
    return sum(study.tasks[wildcards.task]["splits"].values()) if study.is_synthetic(wildcards.task) else 0


rule retrieve_source:
    input:
        source_file,
    output:
        rows=at("source"),
        record=at("source_record"),
    log:
        at.log("retrieve_source", "{task}"),
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
