localrules:
    release,
    release_model,


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
            task=task_settings("title", "description", "licence", "citation", "phi", "system_prompt"),
            model=lambda wildcards: pick(study.models[wildcards.model], "name", "title", "dtype", "license"),
            max_new_tokens=lambda wildcards: study.answer_limit(wildcards.task),
            merged=study.config["release"]["merged"],
        ),
    script:
        "../scripts/release_model.py"
