def released_models(wildcards):
    """Path of the model card in the release folder of every chosen SFT and DPO model."""
    return [
        at("release", task=task, model=model, stage=stage)
        for task in study.tasks
        for model in study.task_models(task)
        for stage in STAGES
    ]
