# Functions that build the settings of a rule. The settings are the rule's only param, and a change of the param reruns
# the rule.

import os
from functools import cache
from platform import python_version

from clinical_dpo.code_digest import code_digest
from clinical_dpo.config.study import in_order
from clinical_dpo.escaping import Settings
from clinical_dpo.training.stages import SPEED_SETTINGS
from clinical_dpo.paths import parse_trial

# Settings that are applied to a finished probe. A change of these does not train the probe again.
PLATEAU = ("plateau", "plateau_tolerance")


def rule_settings(**settings):
    """Return a rule's only param: a function of wildcards that returns the settings, name -> value.

    Values that are functions of wildcards are evaluated. Keys of mappings are sorted, so that a new order of keys in a
    config is not a change.
    """

    def evaluated(wildcards):
        return Settings(
            {name: in_order(value(wildcards) if callable(value) else value) for name, value in sorted(settings.items())}
        )

    return evaluated


def ordered_rule_settings(**settings):
    """Like `rule_settings`, for a rule whose outputs have the order of its inputs. The settings contain the order.

    Snakemake would not see a change of the inputs' order, because it sorts inputs before it compares them.
    """
    return rule_settings(**settings, order=model_order)


def model_order(wildcards):
    """Models and external predictions of a job's task, in order. For a job without a task, each task and its models."""
    if wildcards.get("task"):
        return [*study.task_models(wildcards.task), *study.externals(wildcards.task)]
    return [[task, *study.task_models(task)] for task in study.tasks]


@cache
def state_of_code():
    """Digest of the paths, sizes and times of all code files; None if a file has just changed.

    While this digest stays the same, the results of `code` come from the cache. Every job's process needs several of
    these results at its start.
    """
    files = [*(ROOT / "clinical_dpo").glob("**/*.py"), *(ROOT / "workflow" / "scripts").glob("*.py")]
    return files_version(filter(Path.is_file, files))


def code(script, *modules):
    """Return a function of wildcards that returns the digest of the code that a rule runs.

    An edit of the code reruns the rule. An edit of a comment or docstring does not. `modules` are further modules that
    the script imports by name. Each is a name, or a function of a job's wildcards that returns a name.
    """

    def digest(wildcards):
        names = [module(wildcards) if callable(module) else module for module in modules]
        path = ROOT / "workflow" / "scripts" / f"{script}.py"
        return start_cache.of_version(
            " ".join(["code", python_version(), script, *names]), state_of_code(), lambda: code_digest(path, names)
        )

    return digest


def file_digests(files):
    """Return a function of wildcards that returns path -> SHA-256 for files that no rule makes.

    `files` are paths, or a function of wildcards that returns paths. With the SHA-256 in the settings of a rule,
    Snakemake notices a changed file even if the file's time is earlier than before.
    """

    def digests(wildcards):
        paths = files(wildcards) if callable(files) else files
        files_there = filter(os.path.isfile, [paths] if isinstance(paths, str) else paths)  # the job refuses a folder
        return {path: start_cache.sha256(path) for path in files_there}

    return digests


def package_files(folder):
    """Paths of the files in a folder of the package. The folder holds no code, so no code digest covers the files."""
    return sorted(code_file(path) for path in (ROOT / "clinical_dpo" / folder).iterdir())


def code_file(path):
    """Path of a file that comes with the code: relative to the run's folder if the file is in it, else absolute."""
    path = ROOT / path
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def pick(settings, *keys):
    """The settings with these keys, which a job uses. A change of any other setting does not rerun the job."""
    return {key: settings[key] for key in keys if key in settings}


def task_settings(*keys):
    """Return a function of a job's wildcards that returns the settings with these keys in the job's task file."""
    return lambda wildcards: pick(study.tasks[wildcards.task], *keys)


def model_settings(wildcards):
    """The settings of a job's model file on which loading the model depends."""
    return pick(study.models[wildcards.model], "name", "dtype", "attention", "quantization")


def trained_model_settings(wildcards):
    """The settings of a job's model file on which training the model depends."""
    return model_settings(wildcards) | pick(study.models[wildcards.model], "lora_targets")


def probe_settings(wildcards):
    """Training settings of a job's probe, the first run of a trial. A probe is evaluated every `eval_steps` steps."""
    stage_settings = study.training(wildcards.task, wildcards.stage)
    left_out = (*SPEED_SETTINGS, *PLATEAU, "eval_curve")
    shared = {key: value for key, value in stage_settings.items() if key not in left_out}
    return shared | parse_trial(wildcards.trial, wildcards.stage)


def trial_settings(wildcards):
    """Training settings of a job's trial.

    Without `eval_curve` a trial is evaluated only at its end, so `eval_steps` is None.
    """
    curve = study.training(wildcards.task, wildcards.stage)["eval_curve"]
    return probe_settings(wildcards) | ({} if curve else {"eval_steps": None})


def speed_setting(key):
    """Return a function of a job's wildcards that returns one setting of the job's stage.

    For null the function returns 0, because a resource is a number.
    """

    def setting(wildcards):
        value = study.training(wildcards.task, wildcards.stage)[key]
        return 0 if value is None else value

    return setting


# Settings that change the speed but not the results are resources, so that a change reruns no job.
stage_speed = {key: speed_setting(key) for key in SPEED_SETTINGS}
