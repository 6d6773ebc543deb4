table_files = [table for task in study.tasks for table in task_tables(task)]
rating_sheets = [sheet for task in study.tasks for sheet in sheet_files(task)]
seed_table = f"{reports}/tables/seeds.csv" if tables_named("seeds") else []
all_left_out = study.left_out | {
    f"answers of {name} for {task}": why for (task, name), why in left_out_externals.items()
}
typeset = [f"{reports}/tables/{table}" for table in ("metrics", "stats")]


localrules:
    typeset_tables,
    write_report_page,
    collect_results,
    compare_published,
    check_published,
    summarize_run,


rule typeset_tables:
    input:
        expand("{table}.csv", table=typeset),
    output:
        expand("{table}.tex", table=typeset),
    log:
        f"{logs}/typeset_tables.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        code=code("typeset_tables"),
    script:
        "../scripts/typeset_tables.py"


rule write_report_page:
    input:
        metrics=f"{reports}/tables/metrics.csv",
        stats=f"{reports}/tables/stats.csv",
        cost=f"{reports}/figures/cost.csv",
        numbers=f"{reports}/tables/published_vs_reproduced.csv",
        published="config/published.yaml",
        owed=tables_named("owed"),
        seeds=seed_table,
        figures=expand(f"{reports}/figures/{{figure}}.svg", figure=drawings),
        captions=expand(
            "workflow/report/{kind}.rst",
            kind=dict.fromkeys(kind for kind, _ in drawings.values()),
        ),
        template=package_files("report_template"),
    output:
        report(
            f"{reports}/summary.html",
            caption="../report/summary.rst",
            category="At a glance",
            labels={"page": "summary"},
        ),
    log:
        f"{logs}/write_report_page.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        code=code("write_report_page"),
        tasks={
            name: {"description": ""} | pick(task, "title", "description", "metric")
            for name, task in study.tasks.items()
        },
        models=model_titles,
        watermark=study.config["watermark"],
        left_out=all_left_out,
        waited_for={task: waited_for(task) for task in study.tasks},
        studies=list(study.families),
        figures=list(drawings.values()),
    script:
        "../scripts/write_report_page.py"


rule collect_results:
    input:
        metrics=expand(f"{results}/{{task}}/metrics.csv", task=study.tasks),
        stats=expand(f"{results}/{{task}}/stats.csv", task=study.tasks),
    output:
        metrics=report(
            f"{reports}/tables/metrics.csv",
            caption="../report/tables.rst",
            category="Tables",
            labels={"table": "metrics"},
        ),
        stats=report(
            f"{reports}/tables/stats.csv",
            caption="../report/tables.rst",
            category="Tables",
            labels={"table": "comparisons"},
        ),
    log:
        f"{logs}/collect_results.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        code=code("collect_results"),
    script:
        "../scripts/collect_results.py"


rule summarize_run:
    input:
        metrics=f"{reports}/tables/metrics.csv",
        stats=f"{reports}/tables/stats.csv",
        seeds=seed_table,
        owed=tables_named("owed"),
        judges=judge_records(),
        figures=figure_files,
    output:
        text=f"{reports}/summary.txt",
    log:
        f"{logs}/summarize_run.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        code=code("summarize_run"),
        stats_files=f"{results}/<task>/stats.csv",
        left_out=all_left_out,
        waited_for={task: waited_for(task) for task in study.tasks},
        unnamed_judges=unnamed_judges(),
        metrics={name: task["metric"] for name, task in study.tasks.items()},
    script:
        "../scripts/summarize_run.py"


rule compare_published:
    input:
        **{table: tables_named(table) for table in ("rouge", "win_rate", "reward_margin")},
        published="config/published.yaml",
        metrics=expand(f"{results}/{{task}}/metrics.csv", task=study.tasks),
        stats=expand(f"{results}/{{task}}/stats.csv", task=study.tasks),
    output:
        numbers=report(
            f"{reports}/tables/published_vs_reproduced.csv",
            caption="../report/published.rst",
            category="Tables",
            labels={"table": "published and reproduced"},
        ),
        table1=f"{reports}/tables/murphy2024_table1.csv",
        rouge=f"{reports}/tables/murphy2024_rouge.csv",
        table1_tex=f"{reports}/tables/murphy2024_table1.tex",
        rouge_tex=f"{reports}/tables/murphy2024_rouge.tex",
    log:
        f"{logs}/compare_published.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        code=code("compare_published"),
        stands_for={name: model["stands_for"] for name, model in study.models.items() if "stands_for" in model},
    script:
        "../scripts/compare_published.py"


rule check_published:
    input:
        "config/published.yaml",
    output:
        report(
            f"{reports}/tables/published_consistency.csv",
            caption="../report/published.rst",
            category="Tables",
            labels={"table": "published numbers checked"},
        ),
    log:
        f"{logs}/check_published.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        code=code("check_published"),
    script:
        "../scripts/check_published.py"
