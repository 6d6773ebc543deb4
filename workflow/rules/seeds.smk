def seed_suffix(wildcards):
    """What a job's own training seed adds to names: `_seed43`; nothing with the run's seed."""
    return f"_seed{wildcards.seed}" if wildcards.get("seed") else ""


def repeat_seeds(task):
    """The seeds a task's chosen trials are trained again with: none where people or a judge would grade every repeat."""
    return [] if study.tasks[task]["grader"] in AWAITED else study.seeds(task)[1:]


def seed_grades(wildcards):
    """Grades of every model, variant and training seed of a task; the base model has no training seed."""
    return task_grades(wildcards) + expand(
        f"{results}/{wildcards.task}/{{model}}/grades/{{stage}}_seed{{seed}}.csv",
        model=study.task_models(wildcards.task),
        stage=STAGES,
        seed=repeat_seeds(wildcards.task),
    )


for task, settings in study.tasks.items():
    if len(study.seeds(task)) > 1 and not repeat_seeds(task):
        print(f"one training seed: {task} ({settings['grader']} would have to grade every repeat)", file=sys.stderr)
