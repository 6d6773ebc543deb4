localrules:
    decide,
    collect_decisions,


rule decide:
    input:
        stats=at("table", table="stats"),
        grades=task_files(study_files.grades),
        groups=grouped_test,
        trivial=task_table_if_any("trivial"),
        corrected=task_table_if_any("corrected"),
        runs=task_runs,
        references=task_references,
    output:
        at("table", table="decisions"),
    log:
        at.log("decide", "{task}"),
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=ordered_rule_settings(
            code=code("decide"),
            task=task_facts,
            margin=decision_margin,
            recorded=recorded_margin,
        ),
    script:
        "../scripts/decide.py"


rule collect_decisions:
    input:
        decisions=study_files.tables_named(study, "decisions"),
        published=PUBLISHED,
    output:
        report(
            report_table("decisions"),
            caption="../report/decisions.rst",
            category="Tables",
            labels={"table": "decisions"},
        ),
    log:
        at.log("collect_decisions"),
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=ordered_rule_settings(
            code=code("collect_decisions"),
            files=file_digests(PUBLISHED),
            stands_for=stand_ins,
        ),
    script:
        "../scripts/collect_decisions.py"
