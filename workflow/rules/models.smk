localrules:
    link_base_model,
    retrieve_base_model,


rule retrieve_base_model:
    output:
        at("base"),
    log:
        at.log("retrieve_base_model", "{model}"),
    wildcard_constraints:
        model=models_from("hub"),
    conda:
        "../../envs/training.yaml"
    params:
        settings=rule_settings(
            code=code("retrieve_base_model"),
            model=lambda wildcards: pick(study.models[wildcards.model], "id", "revision", *CHAT),
            date=study.config["template_date"],
        ),
    script:
        "../scripts/retrieve_base_model.py"


rule link_base_model:
    output:
        at("base"),
    log:
        at.log("link_base_model", "{model}"),
    wildcard_constraints:
        model=models_from("folder"),
    conda:
        "../../envs/training.yaml"
    params:
        settings=rule_settings(
            code=code("link_base_model"),
            model=lambda wildcards: pick(study.models[wildcards.model], "path", *CHAT),
            date=study.config["template_date"],
            files=file_digests(model_folder_files),
        ),
    script:
        "../scripts/link_base_model.py"


rule build_base_model:
    output:
        at("base"),
    log:
        at.log("build_base_model", "{model}"),
    wildcard_constraints:
        model=models_from("pretrain"),
    conda:
        "../../envs/training.yaml"
    threads: study.config["compute"]["threads"]
    resources:
        mem_mb=loading_memory,
        runtime=60,
    params:
        settings=rule_settings(
            code=code("build_base_model"),
            model=lambda wildcards: pick(study.models[wildcards.model], "architecture", "pretraining"),
            seed=study.config["seed"],
        ),
    script:
        "../scripts/build_base_model.py"
