from clinical_dpo.config.uploads import repository


def chosen_models(name, tasks):
    """The path of one file (`name`, a key of PATHS) for every chosen SFT and DPO model of some tasks."""
    return [
        at(name, task=task, model=model, stage=stage)
        for task in tasks
        for model in study.task_models(task)
        for stage in STAGES
    ]


def released_models(wildcards):
    """Path of the model card in the release folder of every chosen SFT and DPO model."""
    return chosen_models("release", study.tasks)


def uploaded_models(wildcards):
    """The path of the record of every upload that the config asks for."""
    upload = study.config["release"]["upload"]
    if not upload:
        stop(
            "config: key 'release.upload' is null, so nothing may be uploaded. Set its keys owner, visibility "
            "and tasks (docs/models.md)."
        )
    return chosen_models("uploaded", [task for task in study.tasks if task in upload["tasks"]])
