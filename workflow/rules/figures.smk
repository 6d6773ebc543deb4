localrules:
    plot_figure2,
    plot_confusion,
    plot_reliability,
    plot_reward_margin,
    plot_training_curves,
    plot_sweep,
    plot_cost,


rule plot_figure2:
    input:
        metrics=[at("table", task=task, table="metrics") for task in panels.values()],
        stats=[at("table", task=task, table="stats") for task in panels.values()],
        seeds=[at("table", task=task, table="seeds") for task in panels.values() if study.extra_seeds(task)],
        trivial=[
            at("table", task=task, table="trivial")
            for task in panels.values()
            if "trivial" in study_files.tables(study, task)
        ],
    output:
        svg=[
            report(
                at("figure", figure=f"figure2{panel}", suffix="svg"),
                caption="../report/figure2.rst",
                category="Figures",
                labels={"figure": f"2 {panel}"},
            )
            for panel in panels
        ],
        pdf=figures_as("pdf", panel_figures),
        png=figures_as("png", panel_figures),
        csv=figures_as("csv", panel_figures),
    log:
        at.log("plot_figure2"),
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=rule_settings(
            code=code("plot_figure2"),
            panels=[
                {"panel": panel, "task": task, "watermark": display.watermark(study, task)}
                | pick(study.tasks[task], "title", "metric")
                for panel, task in panels.items()
            ],
            models=study.titles,
        ),
    script:
        "../scripts/plot_figure2.py"


rule plot_confusion:
    input:
        at("table", table="confusion"),
    output:
        svg=report(
            at("figure", figure="confusion_{task}", suffix="svg"),
            caption="../report/confusion.rst",
            category="Figures",
            labels={"figure": "confusion, {task}"},
        ),
        pdf=at("figure", figure="confusion_{task}", suffix="pdf"),
        png=at("figure", figure="confusion_{task}", suffix="png"),
        csv=at("figure", figure="confusion_{task}", suffix="csv"),
    log:
        at.log("plot_confusion", "{task}"),
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=rule_settings(
            code=code("plot_label_figure"),
            figure="confusion",
            title=task_setting("title"),
            models=titles_of_task,
            watermark=lambda wildcards: display.watermark(study, wildcards.task),
        ),
    script:
        "../scripts/plot_label_figure.py"


rule plot_reliability:
    input:
        at("table", table="reliability"),
    output:
        svg=report(
            at("figure", figure="reliability_{task}", suffix="svg"),
            caption="../report/reliability.rst",
            category="Figures",
            labels={"figure": "reliability, {task}"},
        ),
        pdf=at("figure", figure="reliability_{task}", suffix="pdf"),
        png=at("figure", figure="reliability_{task}", suffix="png"),
        csv=at("figure", figure="reliability_{task}", suffix="csv"),
    log:
        at.log("plot_reliability", "{task}"),
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=rule_settings(
            code=code("plot_label_figure"),
            figure="reliability",
            title=task_setting("title"),
            models=titles_of_task,
            watermark=lambda wildcards: display.watermark(study, wildcards.task),
        ),
    script:
        "../scripts/plot_label_figure.py"


rule plot_reward_margin:
    input:
        study_files.tables_named(study, "reward_margin"),
    output:
        svg=report(
            at("figure", figure="reward_margin", suffix="svg"),
            caption="../report/reward_margin.rst",
            category="Figures",
            labels={"figure": "reward margin"},
        ),
        pdf=at("figure", figure="reward_margin", suffix="pdf"),
        png=at("figure", figure="reward_margin", suffix="png"),
        csv=at("figure", figure="reward_margin", suffix="csv"),
    log:
        at.log("plot_reward_margin"),
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=rule_settings(
            code=code("plot_reward_margin"),
            tables=study_files.tables_named(study, "reward_margin"),
            tasks=task_titles,
            models=study.titles,
            watermarks=display.watermarks(study),
        ),
    script:
        "../scripts/plot_reward_margin.py"


rule plot_training_curves:
    input:
        logs=study_files.curve_logs(study),
        selections=selections,
    output:
        svg=[
            report(
                at("figure", figure=f"training_curves_{task}", suffix="svg"),
                caption="../report/training_curves.rst",
                category="Figures",
                labels={"figure": f"training curves, {task}"},
            )
            for task in study.tasks
        ],
        pdf=figures_as("pdf", curve_figures),
        png=figures_as("png", curve_figures),
        csv=figures_as("csv", curve_figures),
    log:
        at.log("plot_training_curves"),
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=ordered_rule_settings(
            code=code("plot_training_curves"),
            figures=[
                {"task": task, "title": title, "watermark": display.watermark(study, task, graded=False)}
                for task, title in task_titles.items()
            ],
            models=study.titles,
        ),
    script:
        "../scripts/plot_training_curves.py"


rule plot_sweep:
    input:
        selections,
    output:
        svg=report(
            at("figure", figure="sweep", suffix="svg"),
            caption="../report/sweep.rst",
            category="Figures",
            labels={"figure": "sweeps"},
        ),
        pdf=at("figure", figure="sweep", suffix="pdf"),
        png=at("figure", figure="sweep", suffix="png"),
        csv=at("figure", figure="sweep", suffix="csv"),
    log:
        at.log("plot_sweep"),
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=ordered_rule_settings(
            code=code("plot_sweep"),
            tasks=task_titles,
            models=study.titles,
            watermarks=display.watermarks(study),
        ),
    script:
        "../scripts/plot_sweep.py"


rule plot_cost:
    input:
        runs=[run for part in ("adapter", "probe") for run in study_files.trial_files(study, "trial_run", part=part)],
        references=reference_records,
        published=PUBLISHED,
    output:
        svg=report(
            at("figure", figure="cost", suffix="svg"),
            caption="../report/cost.rst",
            category="Figures",
            labels={"figure": "cost"},
        ),
        pdf=at("figure", figure="cost", suffix="pdf"),
        png=at("figure", figure="cost", suffix="png"),
        csv=at("figure", figure="cost", suffix="csv"),
    log:
        at.log("plot_cost"),
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=ordered_rule_settings(
            code=code("plot_cost"),
            files=file_digests(PUBLISHED),
            tasks=task_titles,
            models=study.titles,
            watermark=display.watermark_of_all(study),
        ),
    script:
        "../scripts/plot_cost.py"
