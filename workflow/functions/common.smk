import json
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

from clinical_dpo.config import files as study_files
from clinical_dpo.config import display
from clinical_dpo.config.loading import load_study
from clinical_dpo.config.privacy import (
    check_options,
    close_folder,
    close_folders,
    close_keys,
    close_to_others,
    closed_tasks,
    private_tasks,
)
from clinical_dpo.errors import UserError
from clinical_dpo.limits import VARIABLE as LIMITS
from clinical_dpo.start_cache import StartCache
from clinical_dpo.variants import BEST, EXTERNAL, STAGES, VARIANTS, parse_seed, with_seed

try:
    study = load_study(config, ROOT)
    # Here, and not in a handler that an option leaves out: every process of a run comes by before it writes anything.
    check_options(study.tasks, workflow.workflow_settings.cache, workflow.output_settings.show_failed_logs)
    # For sheets too: `--generate-unit-tests` copies their keys, and no setting tells that it is given.
    if closed_tasks(study.tasks):
        close_to_others()
    if workflow.is_main_process:
        close_keys(study)
        close_folders(study)
except UserError as error:
    raise WorkflowError(str(error)) from None

os.environ[LIMITS] = json.dumps(study.config["limits"])  # no param of any job: they change no rows
at = study.paths  # at("split", split="test") is a pattern; its other names are wildcards
start_cache = StartCache(Path(".snakemake/clinical-dpo.json"))
PUBLISHED = "config/published.yaml"  # the papers' numbers


wildcard_constraints:
    task="|".join(study.tasks),
    model="|".join(study.models),
    variant=rf"base|(?:{'|'.join(STAGES)})(?:_seed\d+)?",
    seed=r"\d+",
    split="train|eval",
    stage="|".join(STAGES),
    trial=r"lr[^/]+",


for line in display.notes(study):
    print(line, file=sys.stderr)


def of_task(key, default=None):
    """A setting of a job's task file, as a function of its wildcards."""
    return lambda wildcards: study.tasks[wildcards.task].get(key, default)


def answer_limit(wildcards):
    """Most tokens that a model writes on a question of a task."""
    return study.answer_limit(wildcards.task)


def tasks_where(holds):
    """A wildcard constraint for the tasks of which something holds."""
    return "|".join(name for name, task in study.tasks.items() if holds(task)) or "(?!)"


def models_from(source):
    """A wildcard constraint for the models that come from `source`."""
    return "|".join(name for name, model in study.models.items() if model["source"] == source) or "(?!)"


def of_models(name, **more):
    """That file of every model of a job's task, as a function of its wildcards."""
    return lambda wildcards: [at(name, wildcards, model=model, **more) for model in study.task_models(wildcards.task)]


def of_trials(name, **more):
    """That file of every trial of a job's stage, as a function of its wildcards."""
    return lambda wildcards: study_files.model_trials(
        study, wildcards.task, wildcards.model, wildcards.stage, name, **more
    )


def of_study(listed, *arguments):
    """The files that a function of `clinical_dpo.config.files` lists of a job's task, as a function of its wildcards."""
    return lambda wildcards: listed(study, wildcards.task, *arguments)


def task_names(wildcards):
    """What every table says of its task."""
    return display.task_names(study, wildcards.task)


def task_facts(wildcards):
    """What the tables of metrics and comparisons need of their task."""
    return display.task_facts(study, wildcards.task)
