import json
import os

from snakemake.exceptions import WorkflowError

os.environ.update(
    PYTHONPATH=str(ROOT),  # scripts run in processes of their own, which need the package
    TORCHDYNAMO_DISABLE="1",  # loading the compiler takes a second in every job, and only `layout: flex` compiles
    HF_HUB_DISABLE_TELEMETRY="1",
    DO_NOT_TRACK="1",
    TQDM_DISABLE="1",  # in a log a progress bar would be one endless line
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
    # These lines are not in a handler such as `onstart`, because `--no-hooks` skips handlers. Every process of the
    # run executes them before it writes anything.
    check_options(study.tasks, workflow.workflow_settings.cache, workflow.output_settings.show_failed_logs)
    # Tasks with raters' sheets are closed too, because `--generate-unit-tests` copies the sheets' blinding keys. The
    # workflow cannot see whether this option is set.
    if closed_tasks(study.tasks):
        close_to_others()
    if workflow.is_main_process:
        close_keys(study)
        close_folders(study)
except UserError as error:
    stop(str(error))

os.environ[LIMITS] = json.dumps(study.config["limits"])  # not a param, because limits do not change rows
at = study.paths  # at("split", split="test") is a pattern of a path, in which {task} stays a wildcard
start_cache = StartCache(Path(".snakemake/clinical-dpo.json"))
PUBLISHED = "config/published.yaml"  # the numbers that the papers print


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
    """Return a function of a job's wildcards that returns one setting of the job's task file."""
    return lambda wildcards: study.tasks[wildcards.task].get(key, default)


def tasks_where(condition):
    """Wildcard constraint that matches the tasks whose settings meet a condition."""
    return "|".join(name for name, task in study.tasks.items() if condition(task)) or "(?!)"


def models_from(source):
    """Wildcard constraint that matches the models whose model file has this `source`."""
    return "|".join(name for name, model in study.models.items() if model["source"] == source) or "(?!)"


def model_files(name, **values):
    """Return a function of a job's wildcards that lists one path per model of the job's task."""
    return lambda wildcards: [at(name, wildcards, model=model, **values) for model in study.task_models(wildcards.task)]


def trial_files(name, **values):
    """Return a function of a job's wildcards that lists one path per trial of the job's stage."""
    return lambda wildcards: study_files.model_trials(
        study, wildcards.task, wildcards.model, wildcards.stage, name, **values
    )


def task_files(list_files, *arguments):
    """Return a function of a job's wildcards that lists files of the job's task.

    `list_files` is a function of `clinical_dpo.config.files`. `arguments` follow the study and the task.
    """
    return lambda wildcards: list_files(study, wildcards.task, *arguments)


def task_names(wildcards):
    """The values of the columns `task` and `data`, which every table of a task has."""
    return display.task_names(study, wildcards.task)


def task_facts(wildcards):
    """Settings of a task that the tables of metrics and comparisons need."""
    return display.task_facts(study, wildcards.task)


def failures():
    """One line per failed job. A run ends with these lines, because lines of Snakemake surround a job's own message."""
    failed = getattr(getattr(workflow, "scheduler", None), "failed", ())
    jobs = (job for each in failed for job in (each.jobs if each.is_group() else [each]))
    return [
        failure(
            f"{job.rule.name} ({', '.join(f'{key}={value}' for key, value in job.wildcards.items())})", Path(job.log[0])
        )
        for job in jobs
        if job.log
    ]
