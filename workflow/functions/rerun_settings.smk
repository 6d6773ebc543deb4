# Functions that build a rule's settings. The settings are the rule's only param. Snakemake sees a change by this param.

from platform import python_version

from clinical_dpo.code_digest import code_digest
from clinical_dpo.config.study import in_order
from clinical_dpo.escaping import Settings
from clinical_dpo.training.stages import SPEED_SETTINGS
from clinical_dpo.paths import parse_trial

# All digests of code are kept until a file of the code changes, since every job's process needs some at its start.
digested_files = [*(ROOT / "clinical_dpo").glob("**/*.py"), *(ROOT / "workflow" / "scripts").glob("*.py")]
digested_state = files_version(filter(Path.is_file, digested_files))

# These settings are applied to a finished probe, so a change of them does not train the probe again.
PLATEAU = ("plateau", "plateau_tolerance")


def rule_settings(**settings):
    """A rule's only param: name -> value, with functions of wildcards evaluated.

    Snakemake compares params without their names. Keys of mappings are sorted, so a new order of keys is no change.
    """

    def evaluated(wildcards):
        return Settings(
            {name: in_order(value(wildcards) if callable(value) else value) for name, value in sorted(settings.items())}
        )

    return evaluated


def ordered_rule_settings(**settings):
    """Settings of a rule with outputs in the order of its inputs. The settings contain this order.

    Without it, Snakemake would see no change of the order, because it sorts inputs before it compares them.
    """
    return rule_settings(**settings, order=model_order)


def model_order(wildcards):
    """Models and external predictions of a job's task, in order. Without a task: every task with its models."""
    if wildcards.get("task"):
        return [*study.task_models(wildcards.task), *study.externals(wildcards.task)]
    return [[task, *study.task_models(task)] for task in study.tasks]


def code(script, *modules):
    """Digest of the code that a rule runs. An edit of the code reruns the rule, an edit of a comment does not.

    `modules` are modules that the script imports by name. Each is a name, or a function of a job's wildcards.
    """

    def digest(wildcards):
        names = [module(wildcards) if callable(module) else module for module in modules]
        path = ROOT / "workflow" / "scripts" / f"{script}.py"
        return start_cache.of_version(
            " ".join(["code", python_version(), script, *names]), digested_state, lambda: code_digest(path, names)
        )

    return digest


def file_digests(files):
    """Path -> SHA-256 of files that no rule makes. By the SHA-256, even a replacement by an older file is a change."""

    def digests(wildcards):
        paths = files(wildcards) if callable(files) else files
        return {path: start_cache.sha256(path) for path in ([paths] if isinstance(paths, str) else paths)}

    return digests


def package_files(folder):
    """Files in a folder of the package that are not code. No code digest covers these files."""
    return sorted(code_file(path) for path in (ROOT / "clinical_dpo" / folder).iterdir())


def code_file(path):
    """Path of a file that comes with the code, as short as it can be from the folder of the run."""
    path = ROOT / path
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def pick(settings, *keys):
    """The settings under the keys that a job uses. A change of any other setting does not rerun the job."""
    return {key: settings[key] for key in keys if key in settings}


def task_settings(*keys):
    """Function of a job's wildcards that returns some settings of its task file."""
    return lambda wildcards: pick(study.tasks[wildcards.task], *keys)


def model_settings(wildcards):
    """Settings of a job's model file that loading the model needs."""
    return pick(study.models[wildcards.model], "name", "dtype", "attention", "quantization")


def trained_model_settings(wildcards):
    """Settings of a job's model file that training the model needs."""
    return model_settings(wildcards) | pick(study.models[wildcards.model], "lora_targets")


def probe_settings(wildcards):
    """Training settings of a job's probe, which evaluates every `eval_steps` steps."""
    stage_settings = study.training(wildcards.task, wildcards.stage)
    left_out = (*SPEED_SETTINGS, *PLATEAU, "eval_curve")
    shared = {key: value for key, value in stage_settings.items() if key not in left_out}
    return shared | parse_trial(wildcards.trial, wildcards.stage)


def trial_settings(wildcards):
    """Training settings of a job's trial, which evaluates at its end only (eval_steps is None) without `eval_curve`."""
    curve = study.training(wildcards.task, wildcards.stage)["eval_curve"]
    return probe_settings(wildcards) | ({} if curve else {"eval_steps": None})


def speed_setting(key):
    """Function of a job's wildcards that returns a setting of its stage; 0 for null, since a resource is a number."""

    def setting(wildcards):
        value = study.training(wildcards.task, wildcards.stage)[key]
        return 0 if value is None else value

    return setting


# Settings that change speed but not results are resources, so that a change reruns nothing.
stage_speed = {key: speed_setting(key) for key in SPEED_SETTINGS}
