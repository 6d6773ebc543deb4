localrules:
    release,
    release_model,
    upload,
    upload_model,


# `all` does not include this rule, because nobody needs these folders to read the results.
rule release:
    input:
        released_models,


rule release_model:
    input:
        trained=at("best", best=BEST),
        run=at("best_run", best=BEST),
        base=at("base"),
        metrics=at("table", table="metrics"),
        manifest=at("manifest"),
    output:
        at("release"),
    log:
        at.log("release_model", "{task}", "{model}", "{stage}"),
    conda:
        "../../envs/training.yaml"
    params:
        settings=rule_settings(
            code=code("release_model"),
            task=task_settings("title", "description", "licence", "citation", "phi", "system_prompt", "answer_by"),
            model=lambda wildcards: pick(study.models[wildcards.model], "name", "title", "dtype", "license"),
            max_new_tokens=lambda wildcards: study.answer_limit(wildcards.task),
            merged=study.config["release"]["merged"],
        ),
    script:
        "../scripts/release_model.py"


# Uploads only what `release.upload` of the config names.
rule upload:
    input:
        uploaded_models,


rule upload_model:
    input:
        at("release"),
    output:
        at("uploaded"),
    log:
        at.log("upload_model", "{task}", "{model}", "{stage}"),
    conda:
        "../../envs/training.yaml"
    params:
        settings=rule_settings(
            code=code("upload_model"),
            task=task_settings("name", "phi"),
            repository=lambda wildcards: repository(study.config, wildcards.task, wildcards.model, wildcards.stage),
            visibility=lambda wildcards: study.config["release"]["upload"]["visibility"],
        ),
    script:
        "../scripts/upload_model.py"
