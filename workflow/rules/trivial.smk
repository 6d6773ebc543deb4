localrules:
    compare_trivial,


rule compare_trivial:
    input:
        grades=task_files(study_files.variant_files, "grades"),
        groups=grouped_test,
        train=at("split", split="train"),
    output:
        at("table", table="trivial"),
    log:
        at.log("compare_trivial", "{task}"),
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=ordered_rule_settings(
            code=code("compare_trivial"),
            task=task_facts,
            alpha=family_alpha,
        ),
    script:
        "../scripts/compare_trivial.py"
