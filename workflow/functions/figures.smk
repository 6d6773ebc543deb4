panels = {panel: task for panel, task in study.config["figure2"].items() if task in study.tasks}
label_figures = [  # (kind, task)
    (kind, task)
    for kind in ("confusion", "reliability", "subgroups")
    for task in study.tasks
    if kind in study_files.tables(study, task)
]
sweeps = [  # tasks that have a stage with several trials
    task for task in study.tasks if any(len(study.trials(task, stage)) > 1 for stage in study.stages(task))
]
drawings = {  # figure -> (name of its caption file, title, task for a panel of figure 2, otherwise empty)
    **{
        f"figure2{panel}": ("figure2", f"2{panel.upper()}: {study.tasks[task]['title']}", task)
        for panel, task in panels.items()
    },
    **{f"{kind}_{task}": (kind, study.tasks[task]["title"], "") for kind, task in label_figures},
    **(
        {"reward_margin": ("reward_margin", "Reward margin", "")}
        if study_files.tables_named(study, "reward_margin")
        else {}
    ),
    **{f"training_curves_{name}": ("training_curves", task["title"], "") for name, task in study.tasks.items()},
    **({"sweep": ("sweep", "Sweeps", "")} if sweeps else {}),
    "cost": ("cost", "Cost", ""),
}
task_titles = {name: task["title"] for name, task in study.tasks.items()}


def titles_of_task(wildcards):
    """Titles of a task's models and external predictions. A changed title of any other model reruns nothing."""
    shown = {*study.task_models(wildcards.task), *study.externals(wildcards.task)}
    return {name: title for name, title in study.titles.items() if name in shown}


selections = study_files.selections(study)
reference_records = [path for task in study.tasks for path in study_files.reference_records(study, task)]
panel_figures = [f"figure2{panel}" for panel in panels]
curve_figures = [f"training_curves_{task}" for task in study.tasks]


def figures_as(suffix, names):
    """Paths of the named figures in one format (`suffix`)."""
    return [at("figure", figure=name, suffix=suffix) for name in names]


figure_files = [file for suffix in ("svg", "pdf", "png", "csv") for file in figures_as(suffix, drawings)]
