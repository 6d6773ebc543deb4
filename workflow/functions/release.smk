def released_models(wildcards):
    """The card of every chosen model."""
    return [
        at("release", task=task, model=model, stage=stage)
        for task in study.tasks
        for model in study.task_models(task)
        for stage in STAGES
    ]
