table_files = [table for task in study.tasks for table in task_tables(task)]
rating_sheets = [sheet for task in study.tasks for sheet in sheet_files(task)]
seed_table = f"{reports}/tables/seeds.csv" if tables_named("seeds") else []
all_left_out = study.left_out | {
    f"answers of {name} for {task}": why for (task, name), why in left_out_externals.items()
}
captions = expand("workflow/report/{kind}.rst", kind=dict.fromkeys(kind for kind, _ in drawings.values()))
page_template = package_files("report/page/template")
compute_records = [  # of all that a comparison rests on
    f"{results}/{task}/{model}/{record}"
    for task in study.tasks
    for model in study.task_models(task)
    for record in (
        *(f"predictions/{variant}.json" for variant in VARIANTS),
        *(f"{stage}/best/run.json" for stage in STAGES),
    )
]
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
        settings=named(
            code=code("typeset_tables"),
        ),
    script:
        "../scripts/typeset_tables.py"


rule write_report_page:
    input:
        metrics=f"{reports}/tables/metrics.csv",
        stats=f"{reports}/tables/stats.csv",
        cost=f"{reports}/figures/cost.csv",
        numbers=f"{reports}/tables/published_vs_reproduced.csv",
        published=PUBLISHED,
        owed=tables_named("owed"),
        seeds=seed_table,
        records=compute_records,
        figures=expand(f"{reports}/figures/{{figure}}.svg", figure=drawings),
        captions=captions,
        template=page_template,
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
        settings=named(
            code=code("write_report_page"),
            files=contents([PUBLISHED, *captions, *page_template]),
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
        ),
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
        settings=named(
            code=code("collect_results"),
        ),
    script:
        "../scripts/collect_results.py"


rule summarize_run:
    input:
        metrics=f"{reports}/tables/metrics.csv",
        stats=f"{reports}/tables/stats.csv",
        seeds=seed_table,
        owed=tables_named("owed"),
        judges=judge_records(),
        records=compute_records,
        figures=figure_files,
    output:
        text=f"{reports}/summary.txt",
    log:
        f"{logs}/summarize_run.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=named(
            code=code("summarize_run"),
            stats_files=f"{results}/<task>/stats.csv",
            left_out=all_left_out,
            waited_for={task: waited_for(task) for task in study.tasks},
            unnamed_judges=unnamed_judges(),
            metrics={name: task["metric"] for name, task in study.tasks.items()},
        ),
    script:
        "../scripts/summarize_run.py"


rule compare_published:
    input:
        **{table: tables_named(table) for table in ("rouge", "win_rate", "reward_margin")},
        published=PUBLISHED,
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
        settings=named(
            code=code("compare_published"),
            files=contents(PUBLISHED),
            stands_for={name: model["stands_for"] for name, model in study.models.items() if "stands_for" in model},
        ),
    script:
        "../scripts/compare_published.py"


rule check_published:
    input:
        PUBLISHED,
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
        settings=named(
            code=code("check_published"),
            files=contents(PUBLISHED),
        ),
    script:
        "../scripts/check_published.py"
