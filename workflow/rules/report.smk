localrules:
    typeset_tables,
    write_report_page,
    collect_table,
    compare_published,
    check_paper_consistency,
    summarize_run,


rule typeset_tables:
    input:
        [report_table(name) for name in report_tables],
    output:
        [report_table(name, "tex") for name in report_tables],
    log:
        at.log("typeset_tables"),
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=rule_settings(
            code=code("typeset_tables"),
        ),
    script:
        "../scripts/typeset_tables.py"


rule write_report_page:
    input:
        metrics=report_table("metrics"),
        stats=report_table("stats"),
        decisions=report_table("decisions"),
        trivial=report_table_if_any("trivial"),
        corrected=report_table_if_any("corrected"),
        judge_bias=report_table_if_any("judge_bias"),
        unreadable=report_table_if_any("unreadable"),
        subgroups=report_table_if_any("subgroups"),
        cost=at("figure", figure="cost", suffix="csv"),
        numbers=[report_table("published_vs_reproduced")] if published_tables else [],
        published=PUBLISHED,
        pending_ratings=pending_tables,
        agreement=agreement_tables,
        seeds=seed_table,
        records=compute_records,
        figures=figures_as("svg", drawings),
        captions=captions,
        template=page_template,
    output:
        report(
            at("page"),
            caption="../report/summary.rst",
            category="At a glance",
            labels={"page": "summary"},
        ),
    log:
        at.log("write_report_page"),
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=rule_settings(
            code=code("write_report_page"),
            files=file_digests([PUBLISHED, *captions, *page_template]),
            tasks={
                name: {"description": ""} | pick(task, "title", "description", "metric", "answer_by")
                for name, task in study.tasks.items()
            },
            models=study.titles,
            watermark=study.config["watermark"],
            left_out=display.left_out(study),
            awaited_sheets=awaited_by_task,
            sheet_files=sheet_files,
            studies=reproduced_studies,
            figures=list(drawings.values()),
        ),
    script:
        "../scripts/write_report_page.py"


rule collect_table:
    input:
        collected_tables,
    output:
        report(
            at("report_table", suffix="csv"),
            caption="../report/tables.rst",
            category="Tables",
            labels={"table": "{table}"},
        ),
    log:
        at.log("collect_table", "{table}"),
    wildcard_constraints:
        table="metrics|stats|seeds|trivial|unreadable|corrected|judge_bias|subgroups|agreement",
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=rule_settings(
            code=code("collect_table"),
            tables=collected_tables,
        ),
    script:
        "../scripts/collect_table.py"


rule summarize_run:
    input:
        metrics=report_table("metrics"),
        stats=report_table("stats"),
        decisions=report_table("decisions"),
        trivial=report_table_if_any("trivial"),
        corrected=report_table_if_any("corrected"),
        judge_bias=report_table_if_any("judge_bias"),
        seeds=seed_table,
        pending_ratings=pending_tables,
        judges=judge_records,
        selections=selections,
        records=compute_records,
        figures=figure_files,
    output:
        text=at("summary"),
    log:
        at.log("summarize_run"),
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=rule_settings(
            code=code("summarize_run"),
            folders=output_locations,
            left_out=display.left_out(study),
            awaited_sheets=awaited_by_task,
            sheet_files=sheet_files,
            unnamed_judges=unnamed_judges(study.tasks),
            metrics={name: task["metric"] for name, task in study.tasks.items()},
        ),
    script:
        "../scripts/summarize_run.py"


rule compare_published:
    input:
        **{table: study_files.tables_named(study, table) for table in ("rouge", "win_rate", "reward_margin")},
        published=PUBLISHED,
        metrics=study_files.tables_named(study, "metrics"),
        stats=study_files.tables_named(study, "stats"),
    output:
        **murphy_files,
        numbers=report(
            report_table("published_vs_reproduced"),
            caption="../report/published.rst",
            category="Tables",
            labels={"table": "published and reproduced"},
        ),
    log:
        at.log("compare_published"),
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=ordered_rule_settings(
            code=code("compare_published"),
            files=file_digests(PUBLISHED),
            stands_for=stand_ins,
            murphy_tables=murphy_tables,
        ),
    script:
        "../scripts/compare_published.py"


rule check_paper_consistency:
    input:
        PUBLISHED,
    output:
        report(
            report_table("published_consistency"),
            caption="../report/published.rst",
            category="Tables",
            labels={"table": "published numbers checked"},
        ),
    log:
        at.log("check_paper_consistency"),
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=rule_settings(
            code=code("check_paper_consistency"),
            files=file_digests(PUBLISHED),
        ),
    script:
        "../scripts/check_paper_consistency.py"
