"""Which files a study has: those of every trial, model, variant and sheet, as its rules and its plan list them."""

from collections.abc import Iterable

from clinical_dpo.config.raters import rated_sheets
from clinical_dpo.config.study import Study
from clinical_dpo.variants import BEST, EXTERNAL, STAGES, VARIANTS, with_seed

SUFFIXES = ("html", "csv", "xlsx", "json")  # of a rater's sheet


def model_trials(study: Study, task: str, model: str, stage: str, name: str, **more: str) -> list[str]:
    """That file of every trial of a stage, in the sweep's order; of probes only where the stage has them.

    Args:
        study: the run.
        task, model, stage: whose trials.
        name: of the file, a key of `paths.PATHS`.
        more: what else its path spells: `part`, adapter or probe.
    """
    if more.get("part") == "probe" and not study.training(task, stage)["plateau"]:
        return []
    of = {"task": task, "model": model, "stage": stage}
    return [study.paths(name, of, trial=trial, **more) for trial in study.trials(task, stage)]


def chosen_trials(study: Study, task: str, model: str, stage: str, name: str) -> list[str]:
    """That file of a stage's chosen trial, with the run's seed and then with every other."""
    of = {"task": task, "model": model, "stage": stage}
    folders = [with_seed(BEST, seed) for seed in (None, *study.extra_seeds(task))]
    return [study.paths(name, of, best=folder) for folder in folders]


def trial_files(study: Study, name: str, **more: str) -> list[str]:
    """That file of every trial of the study."""
    return [
        file
        for task in study.tasks
        for stage in STAGES
        for model in study.task_models(task)
        for file in model_trials(study, task, model, stage, name, **more)
    ]


def selections(study: Study) -> list[str]:
    """The table of every choice among trials."""
    return [
        study.paths("selection", task=task, model=model, stage=stage)
        for task in study.tasks
        for model in study.task_models(task)
        for stage in STAGES
    ]


def variant_files(study: Study, task: str, name: str, variants: Iterable[str] = VARIANTS) -> list[str]:
    """That file of every variant of a task's models."""
    return [
        study.paths(name, task=task, model=model, variant=variant)
        for model in study.task_models(task)
        for variant in variants
    ]


def grades(study: Study, task: str) -> list[str]:
    """Grades of every model and variant of a task, and of answers from elsewhere; all of them stand in one table."""
    return _with_external(study, task, "grades")


def answers(study: Study, task: str) -> list[str]:
    """The answers that these are grades of, in the same order."""
    return _with_external(study, task, "answers")


def _with_external(study: Study, task: str, name: str) -> list[str]:
    elsewhere = [study.paths(name, task=task, model=model, variant=EXTERNAL) for model in study.externals(task)]
    return variant_files(study, task, name) + elsewhere


def seed_grades(study: Study, task: str) -> list[str]:
    """The same and those of every other training seed; the base model has none."""
    seeded = [with_seed(stage, seed) for stage in STAGES for seed in study.extra_seeds(task)]
    return grades(study, task) + variant_files(study, task, "grades", seeded)


def tables(study: Study, task: str) -> list[str]:
    """Names of all tables of a task."""
    asked = study.tasks[task].get("tables", [])
    people = ["agreement", "pending_ratings"] if rated_sheets(study.tasks[task]) else []
    seeds = ["seeds"] if study.extra_seeds(task) else []
    return ["metrics", "stats", *seeds, *asked, *people]


def tables_named(study: Study, *names: str) -> list[str]:
    """The files of those tables of every task that has them; of all its tables where none is named."""
    return [
        study.paths("table", task=task, table=table)
        for task in study.tasks
        for table in tables(study, task)
        if not names or table in names
    ]


def keys(study: Study, task: str, *sheets: str) -> list[str]:
    """Keys of a task's sheets, for all of its models; of all sheets where none is named."""
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
    """What is written of all training and answering that a comparison rests on."""
    return [
        record
        for task in study.tasks
        for model in study.task_models(task)
        for record in (
            *(study.paths("answers_record", task=task, model=model, variant=variant) for variant in VARIANTS),
            *(study.paths("best_run", task=task, model=model, stage=stage, best=BEST) for stage in STAGES),
        )
    ]
