localrules:
    gate_rows,
    check_dataset,
    enforce_checks,


# Jobs that train or answer wait for this rule. The rule has no params, so it runs again only if the rows or the base
# model change.
rule gate_rows:
    input:
        train=at("split", split="train"),
        eval=at("split", split="eval"),
        dev=at("split", split="dev"),
        test=at("split", split="test"),
        manifest=at("manifest"),
        base=at("base"),
    output:
        at("gate"),
    log:
        at.log("gate_rows", "{task}", "{model}"),
    conda:
        "../../envs/training.yaml"
    resources:
        limits=gate_limits,
    script:
        "../scripts/gate_rows.py"


rule check_dataset:
    input:
        train=at("split", split="train"),
        eval=at("split", split="eval"),
        dev=at("split", split="dev"),
        test=at("split", split="test"),
        manifest=at("manifest"),
        models=model_files("base"),
    output:
        table=at("checks"),
        card=at("data_card"),
        prompts=directory(at("prompts")),
    log:
        at.log("check_dataset", "{task}"),
    conda:
        "../../envs/training.yaml"
    params:
        settings=ordered_rule_settings(
            code=code("check_dataset"),
            task=task_settings(
                "name",
                "title",
                "description",
                "labels",
                "phi",
                "licence",
                "citation",
                "download_size",
            ),
            limits=token_limits,
            thresholds=check_thresholds,
        ),
    script:
        "../scripts/check_dataset.py"


rule enforce_checks:
    input:
        at("checks"),
    output:
        at("checked"),
    log:
        at.log("enforce_checks", "{task}"),
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=rule_settings(
            code=code("enforce_checks"),
        ),
    script:
        "../scripts/enforce_checks.py"
