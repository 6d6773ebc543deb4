import os
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

ROOT = Path(workflow.basedir)
sys.path.insert(0, str(ROOT))
os.environ.update(
    PYTHONPATH=str(ROOT),  # a script runs in a process of its own
    TORCHDYNAMO_DISABLE="1",  # nothing is compiled, and loading the compiler takes a second of every job
    HF_HUB_DISABLE_TELEMETRY="1",
    DO_NOT_TRACK="1",
)

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
# Read off a finished probe, never a reason to train it again.
PLATEAU = ("plateau", "plateau_tolerance")


wildcard_constraints:
    task="|".join(study.tasks),
    model="|".join(study.models),
    variant="|".join(VARIANTS),
    split="train|eval",
    stage="|".join(STAGES),
    trial=r"lr[^/]+",


def code(rule):
    """Digest of the code that a rule runs. Editing it reruns the rule, editing its comments does not."""
    return code_digest(ROOT / "workflow" / "scripts" / f"{rule}.py")


def pick(settings, *keys):
    """The settings that a job uses. Only these rerun it."""
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
        return {key: value for key, value in fixed.items() if key not in SPEED + PLATEAU} | parse_trial(
            wildcards.trial, stage
        )

    return settings


def stage_speed(stage, key):
    """A speed setting of a stage, as a function of a job's wildcards."""
    return lambda wildcards: study.training(wildcards.task, stage)[key]


def gpus(wildcards):
    """GPUs that a job with this model asks for."""
    return study.models[wildcards.model]["gpu"]


def selection_gpus(stage):
    """None where there is one trial and nothing to choose."""
    return lambda wildcards: gpus(wildcards) if len(study.trials(wildcards.task, stage)) > 1 else 0


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


def source_file(wildcards):
    """The file a task is read from, where it is one."""
    source = study.source(wildcards.task)
    return os.path.expandvars(source["path"]) if source["kind"] == "file" else []


def models_from(source):
    """A wildcard constraint for the models that come from `source`."""
    return "|".join(name for name, model in study.models.items() if model["source"] == source) or "(?!)"


def training_data(wildcards):
    """Rows that SFT trains on and watches its eval loss on."""
    return {split: f"{results}/{wildcards.task}/data/{split}.jsonl" for split in ("train", "eval")}


def sft_answers(wildcards):
    """The SFT model's answers to its own training questions, where the task rejects them."""
    if study.tasks[wildcards.task]["rejected"] != "sft_prediction":
        return {}
    folder = f"{results}/{wildcards.task}/{wildcards.model}/preferences"
    return {f"{split}_answers": f"{folder}/{split}.answers.jsonl" for split in ("train", "eval")}


def preference_data(wildcards):
    """Pairs with the reference's log-probabilities, and the SFT model they start from."""
    folder = f"{results}/{wildcards.task}/{wildcards.model}"
    return {
        "sft": f"{folder}/sft/best",
        **{split: f"{folder}/preferences/{split}.jsonl" for split in ("train", "eval")},
        **{f"{split}_reference": f"{folder}/preferences/{split}.reference.parquet" for split in ("train", "eval")},
    }


def variant_model(wildcards):
    """What answers as this variant: the base model, and what training made of it."""
    folder = f"{results}/{wildcards.task}/{wildcards.model}"
    base = {"base": f"{results}/models/{wildcards.model}"}
    return base if wildcards.variant == "base" else base | {"trained": f"{folder}/{wildcards.variant}/best"}


def task_grades(wildcards):
    """Grades of every model and variant of a task; all of them stand in one table."""
    return expand(
        f"{results}/{wildcards.task}/{{model}}/grades/{{variant}}.csv",
        model=study.models,
        variant=VARIANTS,
    )


def task_facts(wildcards):
    """What a task's tables say of it: its metric, its classes and whether its text is real."""
    task = study.tasks[wildcards.task]
    data = "synthetic" if study.is_synthetic(wildcards.task) else "real"
    classes = dict(zip(("positive", "negative"), task.get("labels", ()), strict=False))
    return pick(task, "name", "metric", "test") | classes | {"data": data, "seed": study.config["seed"]}


def watermark(task):
    """What a figure must say of its numbers: a demo's, generated text, proxy grades."""
    parts = [
        study.config["watermark"],
        "synthetic data" if study.is_synthetic(task) else None,
        "proxy grades" if study.tasks[task]["grader"] in PROXIES else None,
    ]
    return ", ".join(part for part in parts if part) or None


for task, why in study.left_out.items():
    print(f"left out: {task} ({why})", file=sys.stderr)
for task in filter(study.is_missing, study.tasks):
    print(f"generated text stands in for {task}: {study.tasks[task]['source']['path']} is not there", file=sys.stderr)
