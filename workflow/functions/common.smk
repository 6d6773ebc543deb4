import json
import os

from snakemake.exceptions import WorkflowError

os.environ.update(
    PYTHONPATH=str(ROOT),  # a script runs in a process of its own
    TORCHDYNAMO_DISABLE="1",  # no job compiles code, and loading the compiler would take a second in every job
    HF_HUB_DISABLE_TELEMETRY="1",
    DO_NOT_TRACK="1",
    TQDM_DISABLE="1",  # a progress bar in a log is one endless line
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
from clinical_dpo.failed_jobs import failure
from clinical_dpo.limits import VARIABLE as LIMITS
from clinical_dpo.start_cache import StartCache, files_version
from clinical_dpo.paths import parse_seed, with_seed
from clinical_dpo.variants import ALL_STAGES, ARMS, BEST, EXTERNAL, PAIRED_STAGES, STAGES, UNTRAINED, VARIANTS

try:
    study = load_study(config, STUDY_ROOT)
    # This is not in a handler, because `--no-hooks` skips handlers. Every process runs this before it writes anything.
    check_options(study.tasks, workflow.workflow_settings.cache, workflow.output_settings.show_failed_logs)
    # This covers raters' sheets too: `--generate-unit-tests` copies the sheets' keys, and no setting shows that option.
    if closed_tasks(study.tasks):
        close_to_others()
    if workflow.is_main_process:
        close_keys(study)
        close_folders(study)
except UserError as error:
    stop(str(error))

os.environ[LIMITS] = json.dumps(study.config["limits"])  # limits change no rows, so they are not a param of any job
at = study.paths  # at("split", split="test") is a pattern: names without a value stay wildcards
start_cache = StartCache(Path(".snakemake/clinical-dpo.json"))
PUBLISHED = "config/published.yaml"  # the papers' numbers


wildcard_constraints:
    task="|".join(study.tasks),
    model="|".join(study.models),
    variant=rf"{'|'.join(UNTRAINED)}|(?:{'|'.join(ALL_STAGES)})(?:_seed\d+)?",
    seed=r"\d+",
    split="train|eval",
    stage="|".join(ALL_STAGES),
    trial=r"lr[^/]+",


for line in display.notes(study):
    print(line, file=sys.stderr)


def task_setting(key, default=None):
    """Function of a job's wildcards that returns one setting of its task file."""
    return lambda wildcards: study.tasks[wildcards.task].get(key, default)


def tasks_where(condition):
    """Wildcard constraint for the tasks whose settings meet a condition."""
    return "|".join(name for name, task in study.tasks.items() if condition(task)) or "(?!)"


def models_from(source):
    """Wildcard constraint for the models that come from `source`."""
    return "|".join(name for name, model in study.models.items() if model["source"] == source) or "(?!)"


def model_files(name, **values):
    """Function of a job's wildcards that returns one path per model of its task."""
    return lambda wildcards: [at(name, wildcards, model=model, **values) for model in study.task_models(wildcards.task)]


def trial_files(name, **values):
    """Function of a job's wildcards that returns one path per trial of its stage."""
    return lambda wildcards: study_files.model_trials(
        study, wildcards.task, wildcards.model, wildcards.stage, name, **values
    )


def task_files(list_files, *arguments):
    """Function of a job's wildcards that lists files of its task by a function of `clinical_dpo.config.files`."""
    return lambda wildcards: list_files(study, wildcards.task, *arguments)


def task_names(wildcards):
    """Columns that every table has for its task."""
    return display.task_names(study, wildcards.task)


def task_facts(wildcards):
    """Settings of a task that the tables of metrics and comparisons need."""
    return display.task_facts(study, wildcards.task)


def failures():
    """One line per failed job, for the end of a run: Snakemake's own lines surround the message that the job printed."""
    failed = getattr(getattr(workflow, "scheduler", None), "failed", ())
    jobs = (job for each in failed for job in (each.jobs if each.is_group() else [each]))
    return [
        failure(
            f"{job.rule.name} ({', '.join(f'{key}={value}' for key, value in job.wildcards.items())})", Path(job.log[0])
        )
        for job in jobs
        if job.log
    ]
