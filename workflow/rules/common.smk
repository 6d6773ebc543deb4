import os
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

ROOT = Path(workflow.basedir)
sys.path.insert(0, str(ROOT))
os.environ["PYTHONPATH"] = str(ROOT)  # a script runs in a process of its own
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("DO_NOT_TRACK", "1")
os.environ.setdefault(
    "TORCHDYNAMO_DISABLE", "1"
)  # nothing is compiled, and loading the compiler takes a second of every job

from clinical_dpo.config import STAGES, VARIANTS, load_study, parse_trial
from clinical_dpo.digest import code_digest
from clinical_dpo.errors import UserError
from clinical_dpo.grading import PROXIES

try:
    study = load_study(config, ROOT)
except UserError as error:
    raise WorkflowError(str(error)) from None

results, reports, logs = study.results, study.reports, study.logs

# What changes speed but not results is a resource, so that changing it reruns nothing.
SPEED = ("micro_batch_size", "eval_batch_size")
PLATEAU = (
    "plateau",
    "plateau_tolerance",
)  # read off a finished probe, never a reason to train it again


wildcard_constraints:
    task="|".join(study.tasks),
    model="|".join(study.models),
    variant="|".join(VARIANTS),
    split="train|eval",
    stage="|".join(STAGES),
    trial=r"lr[^/]+",


def code(rule):
    """Digest of the code a rule runs: editing it reruns the rule, editing its comments does not."""
    return code_digest(ROOT / "workflow" / "scripts" / f"{rule}.py")


def pick(settings, *keys):
    """The settings a rule uses: only these rerun it."""
    return {key: settings[key] for key in keys if key in settings}


def task_settings(*keys):
    """Those keys of a job's task file, as a function of its wildcards."""
    return lambda wildcards: pick(study.tasks[wildcards.task], *keys)


def model_settings(wildcards):
    """What loading a job's model needs of its model file."""
    return pick(study.models[wildcards.model], "dtype", "attention", "lora_targets")


def stage_settings(stage):
    """A trial's settings, as a function of a job's wildcards."""

    def settings(wildcards):
        fixed = study.training(wildcards.task, stage)
        return {
            key: value for key, value in fixed.items() if key not in SPEED + PLATEAU
        } | parse_trial(wildcards.trial)

    return settings


def stage_speed(stage, key):
    """A speed setting of a stage, as a function of a job's wildcards."""
    return lambda wildcards: study.training(wildcards.task, stage)[key]


def gpus(wildcards):
    """GPUs that a job with this model asks for."""
    return study.models[wildcards.model]["gpu"]


def trained(stage, trial="{trial}"):
    """Pattern of the folder of a stage's trial, or of its best one."""
    return f"{results}/{{task}}/{{model}}/{stage}/{trial}"


def trial_folders(stage):
    """All trials of a job's sweep, as a function of its wildcards."""
    return lambda wildcards: [
        f"{results}/{wildcards.task}/{wildcards.model}/{stage}/{trial}/adapter"
        for trial in study.trials(wildcards.task, stage)
    ]


def plateau(stage):
    """The step count that a trial's probe found, where its task asks for a probe."""
    return lambda wildcards: (
        f"{trained(stage)}/probe/steps.json".format(**wildcards)
        if study.training(wildcards.task, stage)["plateau"]
        else []
    )


for task, why in study.left_out.items():
    print(f"left out: {task} ({why})", file=sys.stderr)
