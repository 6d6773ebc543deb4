localrules:
    compare_subgroups,
    plot_subgroups,


rule compare_subgroups:
    input:
        grades=task_files(study_files.variant_files, "grades"),
        groups=grouped_test,
        subgroups=at("subgroups"),
    output:
        at("table", table="subgroups"),
    log:
        at.log("compare_subgroups", "{task}"),
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=ordered_rule_settings(
            code=code("compare_subgroups"),
            task=task_facts,
            smallest=lambda wildcards: smallest_cell(study.config, study.tasks[wildcards.task]),
        ),
    script:
        "../scripts/compare_subgroups.py"


rule plot_subgroups:
    input:
        at("table", table="subgroups"),
    output:
        svg=report(
            at("figure", figure="subgroups_{task}", suffix="svg"),
            caption="../report/subgroups.rst",
            category="Figures",
            labels={"figure": "subgroups, {task}"},
        ),
        pdf=at("figure", figure="subgroups_{task}", suffix="pdf"),
        png=at("figure", figure="subgroups_{task}", suffix="png"),
        csv=at("figure", figure="subgroups_{task}", suffix="csv"),
    log:
        at.log("plot_subgroups", "{task}"),
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=rule_settings(
            code=code("plot_subgroups"),
            title=task_setting("title"),
            models=titles_of_task,
            watermark=lambda wildcards: display.watermark(study, wildcards.task),
        ),
    script:
        "../scripts/plot_subgroups.py"
