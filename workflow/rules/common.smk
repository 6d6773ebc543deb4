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
    TQDM_DISABLE="1",  # bars are for terminals; in a log they are one endless line
)

from clinical_dpo.checksums import CHECKSUMS
from clinical_dpo.variants import STAGES, VARIANTS, parse_trial
from clinical_dpo.config.study import in_order
from clinical_dpo.config.loading import load_study
from clinical_dpo.code_digest import code_digest
from clinical_dpo.config.endpoints import endpoint_named, why_unavailable
from clinical_dpo.errors import UserError
from clinical_dpo.config.external import table_path
from clinical_dpo.config.graders import AWAITED, PROXIES
from clinical_dpo.grading.grade import grader_module
from clinical_dpo.script import PRIVATE
from clinical_dpo.config.metrics import metric_module
from clinical_dpo.start_cache import StartCache
from clinical_dpo.config.judges import GRADED, judged_sheets, judging_round

try:
    study = load_study(config, ROOT)
except UserError as error:
    raise WorkflowError(str(error)) from None

start_cache = StartCache(Path(".snakemake/clinical-dpo.json"))
results, reports, logs, ratings = study.results, study.reports, study.logs, study.ratings

# What changes speed but not results is a resource, so that changing it reruns nothing.
SPEED = ("micro_batch_size", "eval_batch_size", "checkpoint_steps", "gradient_checkpointing")
PUBLISHED = "config/published.yaml"  # the papers' numbers
# Read off a finished probe, never a reason to train it again.
PLATEAU = ("plateau", "plateau_tolerance")


wildcard_constraints:
    task="|".join(study.tasks),
    model="|".join(study.models),
    variant=rf"base|(?:{'|'.join(STAGES)})(?:_seed\d+)?",
    seed=r"\d+",
    split="train|eval",
    stage="|".join(STAGES),
    trial=r"lr[^/]+",


def trained(stage, trial="{trial}"):
    """Pattern of the folder of a stage's trial, or of its best one."""
    return f"{results}/{{task}}/{{model}}/{stage}/{trial}"


def base_model(name="{model}"):
    """The file by which a rule depends on a base model's folder."""
    return f"{results}/models/{name}/{CHECKSUMS}"


def weights(stage, trial):
    """Pattern of the file by which a rule depends on trained weights, those of a trial or of the best one."""
    return f"{trained(stage, trial)}/{CHECKSUMS}"


def sweep_files(name):
    """That file of every trial of a job's stage, as a function of its wildcards."""
    return lambda wildcards: [
        f"{results}/{wildcards.task}/{wildcards.model}/{wildcards.stage}/{trial}/{name}"
        for trial in study.trials(wildcards.task, wildcards.stage)
    ]


def dev_answers(wildcards):
    """Every trial's answers to the dev questions; none where there is one trial."""
    several = len(study.trials(wildcards.task, wildcards.stage)) > 1
    return sweep_files("dev.jsonl")(wildcards) if several else []


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


def external_table(wildcards):
    """The table that holds a task's answers from elsewhere."""
    return str(table_path(study.tasks[wildcards.task]["external"][wildcards.external]))


def generated_rows(wildcards):
    """How many records a task's generator makes; none for a source that has its own, whatever the splits."""
    return sum(study.tasks[wildcards.task]["splits"].values()) if study.is_synthetic(wildcards.task) else 0


def models_from(source):
    """A wildcard constraint for the models that come from `source`."""
    return "|".join(name for name, model in study.models.items() if model["source"] == source) or "(?!)"


def training_data(wildcards):
    """Rows that SFT trains on and watches its eval loss on, once they passed the checks."""
    rows = {split: f"{results}/{wildcards.task}/data/{split}.jsonl" for split in ("train", "eval")}
    return rows | {"gate": gate(wildcards.task, wildcards.model)}


def sft_answers(wildcards):
    """The SFT model's answers to its own training questions, where the task rejects them."""
    if study.tasks[wildcards.task]["rejected"] != "sft_prediction":
        return {}
    folder = f"{results}/{wildcards.task}/{wildcards.model}/preferences"
    return {f"{split}_answers": f"{folder}/{split}.answers.jsonl" for split in ("train", "eval")}


def preference_data(wildcards):
    """Pairs with the reference's log-probabilities, and the SFT model they start from.

    A job with a seed of its own gets that seed's SFT model and its log-probabilities; the pairs are those of all.
    """
    folder, seed = f"{results}/{wildcards.task}/{wildcards.model}", seed_suffix(wildcards)
    return {
        "sft": f"{folder}/sft/best{seed}/{CHECKSUMS}",
        **{split: f"{folder}/preferences/{split}.jsonl" for split in ("train", "eval")},
        **{
            f"{split}_reference": f"{folder}/preferences/{split}{seed}.reference.parquet" for split in ("train", "eval")
        },
    }


def variant_model(wildcards):
    """What answers as this variant: the base model, and what training made of it (`sft_seed43`: with that seed)."""
    stage, *seed = wildcards.variant.split("_")
    trained_model = f"{results}/{wildcards.task}/{wildcards.model}/{stage}/{'_'.join(['best', *seed])}/{CHECKSUMS}"
    base = {"base": base_model(wildcards.model)}
    return base if stage == "base" else base | {"trained": trained_model}


def task_grader(wildcards):
    """The module that grades a job's task automatically, if one does."""
    return grader_module(study.tasks[wildcards.task]["grader"])


def task_grades(wildcards):
    """Grades of every model and variant of a task, and of answers from elsewhere; all of them stand in one table."""
    return expand(
        f"{results}/{wildcards.task}/{{model}}/grades/{{variant}}.csv",
        model=study.task_models(wildcards.task),
        variant=VARIANTS,
    ) + [f"{results}/{wildcards.task}/{name}/grades/external.csv" for name in externals[wildcards.task]]


def task_tables(task):
    """Every table of a task."""
    asked = study.tasks[task].get("tables", [])
    people = ["agreement", "owed"] if sheets_of(task) else []
    seeds = ["seeds"] if repeat_seeds(task) else []
    return [f"{results}/{task}/{table}.csv" for table in ("metrics", "stats", *seeds, *asked, *people)]


def tables_named(name):
    """That table of every task which asks for it."""
    return [table for task in study.tasks for table in task_tables(task) if Path(table).stem == name]


def all_trials(task, what):
    """That file of every trial of a task; of probes only where its stage has them."""
    return [
        f"{results}/{task}/{model}/{stage}/{trial}/{what}"
        for stage in STAGES
        if not what.startswith("probe/") or study.training(task, stage)["plateau"]
        for model in study.task_models(task)
        for trial in study.trials(task, stage)
    ]


def task_answers(wildcards):
    """Answers of every model and variant of a task."""
    return expand(
        f"{results}/{wildcards.task}/{{model}}/predictions/{{variant}}.jsonl",
        model=study.task_models(wildcards.task),
        variant=VARIANTS,
    )


def tasks_where(holds):
    """A wildcard constraint for the tasks of which something holds."""
    return "|".join(name for name, task in study.tasks.items() if holds(task)) or "(?!)"


def task_names(wildcards):
    """What every table says of its task: its name, and whether its text is real."""
    return {"task": wildcards.task, "data": "synthetic" if study.is_synthetic(wildcards.task) else "real"}


def task_facts(wildcards):
    """What the tables of metrics and comparisons need of a task: its metric, its classes, whether its text is real."""
    task = study.tasks[wildcards.task]
    classes = dict(zip(("positive", "negative"), task["labels"], strict=True)) if task["grader"] == "label" else {}
    data = task_names(wildcards)["data"]
    return pick(task, "name", "metric", "test") | classes | {"data": data, "seed": study.config["seed"]}


def task_metric(wildcards):
    """The module that computes the metric of a job's task."""
    return metric_module(task_facts(wildcards))


def watermark(task, graded=True):
    """What a figure must say of its numbers: a demo's, generated text, proxy grades."""
    parts = [
        study.config["watermark"],
        "synthetic data" if study.is_synthetic(task) else None,
        "proxy grades" if graded and study.tasks[task]["grader"] in PROXIES else None,
    ]
    return ", ".join(part for part in parts if part) or None


for task, why in study.left_out.items():
    print(f"left out: {task} ({why})", file=sys.stderr)
for task in filter(study.is_missing, study.tasks):
    print(f"generated text stands in for {task}: {study.missing(task)[0]}", file=sys.stderr)

task_titles = {name: task["title"] for name, task in study.tasks.items()}
model_titles = {name: model["title"] for name, model in study.models.items()}
# Of figures that draw no grade.
task_watermarks = {name: watermark(name, graded=False) for name in study.tasks}
all_selections = [
    f"{results}/{task}/{model}/{stage}/selection.csv"
    for task in study.tasks
    for model in study.task_models(task)
    for stage in STAGES
]
