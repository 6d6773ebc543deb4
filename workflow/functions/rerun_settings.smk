# What a rule's settings are made of: its only param, by which Snakemake sees what changed.

from clinical_dpo.code_digest import code_digest
from clinical_dpo.config.study import in_order
from clinical_dpo.escaping import Settings
from clinical_dpo.training.stages import SPEED_SETTINGS
from clinical_dpo.variants import parse_trial

# Read off a finished probe, never a reason to train it again.
PLATEAU = ("plateau", "plateau_tolerance")


def named(**settings):
    """A rule's only param: name -> value, functions evaluated. Snakemake compares params without their names.

    What a value holds is all that counts: the order of a mapping's keys is none of it.
    """

    def evaluated(wildcards):
        return Settings(
            {name: in_order(value(wildcards) if callable(value) else value) for name, value in sorted(settings.items())}
        )

    return evaluated


def named_in_order(**settings):
    """The same of a rule whose outputs follow the order of its inputs, which Snakemake compares sorted."""
    return named(**settings, order=order)


def order(wildcards):
    """The order in which a task lists its models and what answered it elsewhere; or all tasks theirs."""
    if wildcards.get("task"):
        return [*study.task_models(wildcards.task), *study.externals(wildcards.task)]
    return [[task, *study.task_models(task)] for task in study.tasks]


def code(script, *modules):
    """Digest of the code that a rule runs. Editing it reruns the rule, editing its comments does not.

    `modules` are those that it imports by name, each a name or a function of a job's wildcards.
    """

    def digest(wildcards):
        names = [module(wildcards) if callable(module) else module for module in modules]
        return code_digest(ROOT / "workflow" / "scripts" / f"{script}.py", names)

    return digest


def contents(files):
    """Path -> SHA-256 of files that no rule makes. One that gives way to an older one is a change too."""

    def digests(wildcards):
        paths = files(wildcards) if callable(files) else files
        return {path: start_cache.sha256(path) for path in ([paths] if isinstance(paths, str) else paths)}

    return digests


def package_files(folder):
    """Files of the package that are no code, and so in no digest of it."""
    return sorted(str(path.relative_to(ROOT)) for path in (ROOT / "clinical_dpo" / folder).iterdir())


def pick(settings, *keys):
    """The settings that a job uses. Only these rerun it."""
    return {key: settings[key] for key in keys if key in settings}


def task_settings(*keys):
    """Those keys of a job's task file, as a function of its wildcards."""
    return lambda wildcards: pick(study.tasks[wildcards.task], *keys)


def model_settings(wildcards):
    """What loading a job's model needs of its model file."""
    return pick(study.models[wildcards.model], "name", "dtype", "attention", "quantization")


def trained_model_settings(wildcards):
    """What training a job's model needs of its model file."""
    return model_settings(wildcards) | pick(study.models[wildcards.model], "lora_targets")


def trial_settings(wildcards):
    """What a job's trial is trained with."""
    shared = study.training(wildcards.task, wildcards.stage)
    kept = {key: value for key, value in shared.items() if key not in SPEED_SETTINGS + PLATEAU}
    return kept | parse_trial(wildcards.trial, wildcards.stage)


# What changes speed but not results is a resource, so that changing it reruns nothing.
stage_speed = {
    key: lambda wildcards, key=key: study.training(wildcards.task, wildcards.stage)[key] for key in SPEED_SETTINGS
}
