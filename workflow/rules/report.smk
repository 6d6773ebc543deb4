panels = {panel: task for panel, task in study.config["figure2"].items() if task in study.tasks}
table_files = [table for task in study.tasks for table in task_tables(task)]
rating_sheets = [sheet for task in study.tasks for sheet in sheet_files(task)]
drawings = {  # figure -> kind (its caption), title
    **{
        f"figure2{panel}": ("figure2", f"2{panel.upper()}: {study.tasks[task]['title']}")
        for panel, task in panels.items()
    },
    **({"reward_margin": ("reward_margin", "Reward margin")} if tables_named("reward_margin") else {}),
    **{f"training_curves_{name}": ("training_curves", task["title"]) for name, task in study.tasks.items()},
    "sweep": ("sweep", "Sweeps"),
    "cost": ("cost", "Cost"),
}
figure_files = expand(
    f"{reports}/figures/{{figure}}.{{suffix}}",
    figure=drawings,
    suffix=["svg", "pdf", "png", "csv"],
)
seed_table = f"{reports}/tables/seeds.csv" if tables_named("seeds") else []
typeset = [f"{reports}/tables/{table}" for table in ("metrics", "stats")]


localrules:
    plot_figure2,
    plot_reward_margin,
    plot_training_curves,
    plot_sweep,
    plot_cost,
    typeset_tables,
    write_report_page,
    collect_results,
    compare_published,
    check_published,
    summarize_run,


rule plot_figure2:
    input:
        metrics=[f"{results}/{task}/metrics.csv" for task in panels.values()],
        stats=[f"{results}/{task}/stats.csv" for task in panels.values()],
        seeds=[f"{results}/{task}/seeds.csv" for task in panels.values() if repeat_seeds(task)],
    output:
        svg=[
            report(
                f"{reports}/figures/figure2{panel}.svg",
                caption="../report/figure2.rst",
                category="Figures",
                labels={"figure": f"2 {panel}"},
            )
            for panel in panels
        ],
        pdf=expand(f"{reports}/figures/figure2{{panel}}.pdf", panel=panels),
        png=expand(f"{reports}/figures/figure2{{panel}}.png", panel=panels),
        csv=expand(f"{reports}/figures/figure2{{panel}}.csv", panel=panels),
    log:
        f"{logs}/plot_figure2.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        code=code("plot_figure2"),
        panels=[
            {"panel": panel, "task": task, "watermark": watermark(task)} | pick(study.tasks[task], "title", "metric")
            for panel, task in panels.items()
        ],
        models=model_titles,
    script:
        "../scripts/plot_figure2.py"


rule plot_reward_margin:
    input:
        tables_named("reward_margin"),
    output:
        svg=report(
            f"{reports}/figures/reward_margin.svg",
            caption="../report/reward_margin.rst",
            category="Figures",
            labels={"figure": "reward margin"},
        ),
        pdf=f"{reports}/figures/reward_margin.pdf",
        png=f"{reports}/figures/reward_margin.png",
        csv=f"{reports}/figures/reward_margin.csv",
    log:
        f"{logs}/plot_reward_margin.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        code=code("plot_reward_margin"),
        tasks=task_titles,
        models=model_titles,
        watermarks=task_watermarks,
    script:
        "../scripts/plot_reward_margin.py"


rule plot_training_curves:
    input:
        trials=[folder for task in study.tasks for folder in all_trials(task, "adapter")],
        selections=all_selections,
    output:
        svg=[
            report(
                f"{reports}/figures/training_curves_{task}.svg",
                caption="../report/training_curves.rst",
                category="Figures",
                labels={"figure": f"training curves, {task}"},
            )
            for task in study.tasks
        ],
        pdf=expand(f"{reports}/figures/training_curves_{{task}}.pdf", task=study.tasks),
        png=expand(f"{reports}/figures/training_curves_{{task}}.png", task=study.tasks),
        csv=expand(f"{reports}/figures/training_curves_{{task}}.csv", task=study.tasks),
    log:
        f"{logs}/plot_training_curves.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        code=code("plot_training_curves"),
        tasks=task_titles,
        models=model_titles,
        watermarks=task_watermarks,
    script:
        "../scripts/plot_training_curves.py"


rule plot_sweep:
    input:
        all_selections,
    output:
        svg=report(
            f"{reports}/figures/sweep.svg",
            caption="../report/sweep.rst",
            category="Figures",
            labels={"figure": "sweeps"},
        ),
        pdf=f"{reports}/figures/sweep.pdf",
        png=f"{reports}/figures/sweep.png",
        csv=f"{reports}/figures/sweep.csv",
    log:
        f"{logs}/plot_sweep.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        code=code("plot_sweep"),
        tasks=task_titles,
        models=model_titles,
        watermarks=task_watermarks,
    script:
        "../scripts/plot_sweep.py"


rule plot_cost:
    input:
        trials=[folder for task in study.tasks for folder in all_trials(task, "adapter")],
        probes=[run for task in study.tasks for run in all_trials(task, "probe/run.json")],
        published="config/published.yaml",
    output:
        svg=report(
            f"{reports}/figures/cost.svg",
            caption="../report/cost.rst",
            category="Figures",
            labels={"figure": "cost"},
        ),
        pdf=f"{reports}/figures/cost.pdf",
        png=f"{reports}/figures/cost.png",
        csv=f"{reports}/figures/cost.csv",
    log:
        f"{logs}/plot_cost.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        code=code("plot_cost"),
        tasks=task_titles,
        models=model_titles,
        watermark=study.config["watermark"],
    script:
        "../scripts/plot_cost.py"


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
        left_out=dict(study.left_out),
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
        left_out=dict(study.left_out),
        waited_for={task: waited_for(task) for task in study.tasks},
        judges=judges_awaited(),
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
