panels = {panel: task for panel, task in study.config["figure2"].items() if task in study.tasks}
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
# What a drawing of all tasks at once must say: `in part` where the text of some of them alone is generated.
marks = sorted(set(task_watermarks.values()), key=lambda mark: len(mark or ""))
mark_of_all = marks[0] if len(marks) == 1 else f"{marks[-1]} in part"
figure_files = expand(
    f"{reports}/figures/{{figure}}.{{suffix}}",
    figure=drawings,
    suffix=["svg", "pdf", "png", "csv"],
)


localrules:
    plot_figure2,
    plot_reward_margin,
    plot_training_curves,
    plot_sweep,
    plot_cost,


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
        settings=named(
            code=code("plot_figure2"),
            panels=[
                {"panel": panel, "task": task, "watermark": watermark(task)}
                | pick(study.tasks[task], "title", "metric")
                for panel, task in panels.items()
            ],
            models=model_titles,
        ),
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
        settings=named(
            code=code("plot_reward_margin"),
            tasks=task_titles,
            models=model_titles,
            watermarks=task_watermarks,
        ),
    script:
        "../scripts/plot_reward_margin.py"


rule plot_training_curves:
    input:
        logs=[log for task in study.tasks for log in all_trials(task, "adapter/log.csv")],
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
        settings=named(
            code=code("plot_training_curves"),
            tasks=task_titles,
            models=model_titles,
            watermarks=task_watermarks,
        ),
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
        settings=named(
            code=code("plot_sweep"),
            tasks=task_titles,
            models=model_titles,
            watermarks=task_watermarks,
        ),
    script:
        "../scripts/plot_sweep.py"


rule plot_cost:
    input:
        runs=[
            run
            for name in ("adapter/run.json", "probe/run.json")
            for task in study.tasks
            for run in all_trials(task, name)
        ],
        published=PUBLISHED,
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
        settings=named(
            code=code("plot_cost"),
            files=contents(PUBLISHED),
            tasks=task_titles,
            models=model_titles,
            watermark=mark_of_all,
        ),
    script:
        "../scripts/plot_cost.py"
