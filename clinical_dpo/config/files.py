"""List the files of a study: those of its trials, models, variants, tables and sheets."""

from collections.abc import Iterable

from clinical_dpo.config.raters import rated_sheets
from clinical_dpo.config.study import Study
from clinical_dpo.variants import BEST, EXTERNAL, STAGES, VARIANTS, with_seed

SUFFIXES = ("html", "csv", "xlsx", "json")  # formats of a rater's sheet


def model_trials(study: Study, task: str, model: str, stage: str, name: str, **more: str) -> list[str]:
    """One file of every trial of a stage, in the order of the sweep; none for probes that the stage does not have.

    Args:
        study: the run.
        task, model, stage: the trials' task, model and stage.
        name: name of the file, a key of `paths.PATHS`.
        more: further wildcards of its path: `part`, adapter or probe.
    """
    if more.get("part") == "probe" and not study.training(task, stage)["plateau"]:
        return []
    wildcards = {"task": task, "model": model, "stage": stage}
    return [study.paths(name, wildcards, trial=trial, **more) for trial in study.trials(task, stage)]


def chosen_trials(study: Study, task: str, model: str, stage: str, name: str) -> list[str]:
    """One file of a stage's chosen trial: with the run's seed first, then with each extra seed."""
    wildcards = {"task": task, "model": model, "stage": stage}
    folders = [with_seed(BEST, seed) for seed in (None, *study.extra_seeds(task))]
    return [study.paths(name, wildcards, best=folder) for folder in folders]


def trial_files(study: Study, name: str, **more: str) -> list[str]:
    """One file of every trial of the study."""
    return [
        file
        for task in study.tasks
        for stage in STAGES
        for model in study.task_models(task)
        for file in model_trials(study, task, model, stage, name, **more)
    ]


def selections(study: Study) -> list[str]:
    """The selection table of every task, model and stage."""
    return [
        study.paths("selection", task=task, model=model, stage=stage)
        for task in study.tasks
        for model in study.task_models(task)
        for stage in STAGES
    ]


def variant_files(study: Study, task: str, name: str, variants: Iterable[str] = VARIANTS) -> list[str]:
    """One file of every variant of a task's models."""
    return [
        study.paths(name, task=task, model=model, variant=variant)
        for model in study.task_models(task)
        for variant in variants
    ]


def grades(study: Study, task: str) -> list[str]:
    """Grades of every model and variant of a task, and of its external predictions."""
    return _with_external(study, task, "grades")


def answers(study: Study, task: str) -> list[str]:
    """The answers to which `grades` belong, in the same order."""
    return _with_external(study, task, "answers")


def _with_external(study: Study, task: str, name: str) -> list[str]:
    """One file of every variant of a task's models, and of its external predictions."""
    external = [study.paths(name, task=task, model=model, variant=EXTERNAL) for model in study.externals(task)]
    return variant_files(study, task, name) + external


def seed_grades(study: Study, task: str) -> list[str]:
    """All `grades`, and those of SFT and DPO with every extra training seed."""
    seeded = [with_seed(stage, seed) for stage in STAGES for seed in study.extra_seeds(task)]
    return grades(study, task) + variant_files(study, task, "grades", seeded)


def tables(study: Study, task: str) -> list[str]:
    """Names of all tables of a task."""
    configured = study.tasks[task].get("tables", [])
    ratings = ["agreement", "pending_ratings"] if rated_sheets(study.tasks[task]) else []
    seeds = ["seeds"] if study.extra_seeds(task) else []
    trivial = ["trivial"] if study.tasks[task]["grader"] == "label" else []
    return ["metrics", "stats", *trivial, "decisions", "unreadable", *seeds, *configured, *ratings]


def tables_named(study: Study, *names: str) -> list[str]:
    """The files of the named tables of every task that has them; without names, of all tables."""
    return [
        study.paths("table", task=task, table=table)
        for task in study.tasks
        for table in tables(study, task)
        if not names or table in names
    ]


def keys(study: Study, task: str, *sheets: str) -> list[str]:
    """Blinding keys of the named sheets of a task, for all of its models; without names, of all sheets."""
    return [
        study.paths("key", task=task, model=model, sheet=sheet)
        for model in study.task_models(task)
        for sheet in rated_sheets(study.tasks[task])
        if not sheets or sheet in sheets
    ]


def sheets(study: Study) -> list[str]:
    """Every file of every rater's sheet."""
    return [
        study.paths("sheet", task=task, model=model, sheet=sheet, rater=rater, suffix=suffix)
        for task, settings in study.tasks.items()
        for model in study.task_models(task)
        for sheet, raters in rated_sheets(settings).items()
        for rater in raters
        for suffix in SUFFIXES
    ]


def compute_records(study: Study) -> list[str]:
    """The records of the training and prediction jobs on which comparisons depend."""
    return [
        record
        for task in study.tasks
        for model in study.task_models(task)
        for record in (
            *(study.paths("answers_record", task=task, model=model, variant=variant) for variant in VARIANTS),
            *(study.paths("best_run", task=task, model=model, stage=stage, best=BEST) for stage in STAGES),
        )
    ]
