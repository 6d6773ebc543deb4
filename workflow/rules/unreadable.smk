localrules:
    vary_unreadable,


rule vary_unreadable:
    input:
        grades=task_files(study_files.variant_files, "grades"),
        groups=grouped_test,
        trivial=task_table_if_any("trivial"),
    output:
        at("table", table="unreadable"),
    log:
        at.log("vary_unreadable", "{task}"),
    wildcard_constraints:
        task=tasks_where(lambda task: not scores_likelihood(task)),
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=ordered_rule_settings(
            code=code("vary_unreadable"),
            task=task_facts,
            margin=lambda wildcards: decision_margin(wildcards)["value"],
            alpha=family_alpha,
            arm_alpha=arm_family_alpha,
        ),
    script:
        "../scripts/vary_unreadable.py"
