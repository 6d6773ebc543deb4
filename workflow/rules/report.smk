panels = {panel: task for panel, task in study.config["figure2"].items() if task in study.tasks}
figure_files = expand(
    f"{reports}/figures/figure2{{panel}}.{{suffix}}",
    panel=panels,
    suffix=["svg", "pdf", "png", "csv"],
)


localrules:
    plot_figure2,
    collect_results,
    summarize_run,


rule plot_figure2:
    input:
        metrics=lambda wildcards: f"{results}/{panels[wildcards.panel]}/metrics.csv",
        stats=lambda wildcards: f"{results}/{panels[wildcards.panel]}/stats.csv",
    output:
        svg=report(
            f"{reports}/figures/figure2{{panel}}.svg",
            caption="../report/figure2.rst",
            category="Figures",
            labels={"figure": "2 {panel}"},
        ),
        pdf=f"{reports}/figures/figure2{{panel}}.pdf",
        png=f"{reports}/figures/figure2{{panel}}.png",
        csv=f"{reports}/figures/figure2{{panel}}.csv",
    log:
        f"{logs}/plot_figure2/{{panel}}.log",
    wildcard_constraints:
        panel="|".join(panels) or "(?!)",
    conda:
        "../../envs/analysis.yaml"
    params:
        code=code("plot_figure2"),
        title=lambda wildcards: study.tasks[panels[wildcards.panel]]["title"],
        metric=lambda wildcards: study.tasks[panels[wildcards.panel]]["metric"],
        models={name: model["title"] for name, model in study.models.items()},
        watermark=lambda wildcards: watermark(panels[wildcards.panel]),
    script:
        "../scripts/plot_figure2.py"


rule collect_results:
    input:
        metrics=expand(f"{results}/{{task}}/metrics.csv", task=study.tasks),
        stats=expand(f"{results}/{{task}}/stats.csv", task=study.tasks),
    output:
        metrics=report(
            f"{reports}/tables/metrics.csv",
            caption="../report/tables.rst",
            category="Tables",
        ),
        stats=report(
            f"{reports}/tables/stats.csv",
            caption="../report/tables.rst",
            category="Tables",
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
        metrics={name: task["metric"] for name, task in study.tasks.items()},
    script:
        "../scripts/summarize_run.py"
