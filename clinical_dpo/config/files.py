"""List the paths of a study's files: of trials, models, variants, tables and sheets."""

from collections.abc import Sequence

from clinical_dpo.config.judges import is_corrected, judged_sheets
from clinical_dpo.config.label_rules import has_label_tables, scores_likelihood
from clinical_dpo.config.raters import SHEET_FORMATS, rated_sheets
from clinical_dpo.config.study import Study
from clinical_dpo.paths import with_seed
from clinical_dpo.variants import BEST, EXTERNAL


def model_trials(study: Study, task: str, model: str, stage: str, name: str, **more: str) -> list[str]:
    """The path of one file in every trial of a stage, in the order of the sweep.

    The list is empty if the files belong to probes and the stage has no probes.

    Args:
        study: the run.
        task, model, stage: the trials' task, model and stage.
        name: name of the file, a key of `paths.PATHS`.
        more: further wildcards of the file's path, such as `part` (adapter or probe).
    """
    if more.get("part") == "probe" and not study.training(task, stage)["plateau"]:
        return []
    wildcards = {"task": task, "model": model, "stage": stage}
    return [study.paths(name, wildcards, trial=trial, **more) for trial in study.trials(task, stage)]


def chosen_trials(study: Study, task: str, model: str, stage: str, name: str) -> list[str]:
    """The paths of one file of a stage's chosen trial: one path for each training seed.

    The first path is for the run's own seed. The other paths are for the extra seeds, with which the trial is repeated.

    Args:
        study: the run.
        task, model, stage: the trial's task, model and stage.
        name: name of the file, a key of `paths.PATHS`.
    """
    wildcards = {"task": task, "model": model, "stage": stage}
    folders = [with_seed(BEST, seed) for seed in (None, *study.extra_seeds(task))]
    return [study.paths(name, wildcards, best=folder) for folder in folders]


def trial_files(study: Study, name: str, **more: str) -> list[str]:
    """The path of one file in every trial of every task, stage and model. Arguments as for `model_trials`."""
    return [
        file
        for task in study.tasks
        for stage in study.stages(task)
        for model in study.task_models(task)
        for file in model_trials(study, task, model, stage, name, **more)
    ]


def curve_logs(study: Study) -> list[str]:
    """For every trial, the path of the log that has the curve of the eval loss.

    A probe is a first run of a trial. It finds the trial's number of training steps. If a trial has a probe, the path
    is that of the probe's log. Otherwise it is that of the trial's own log.
    """
    return [
        file
        for task in study.tasks
        for stage in study.stages(task)
        for model in study.task_models(task)
        for part in ["probe" if study.training(task, stage)["plateau"] else "adapter"]
        for file in model_trials(study, task, model, stage, "trial_log", part=part)
    ]


def selections(study: Study) -> list[str]:
    """The paths of the tables of trial scores: one table for each task, model and stage."""
    return [
        study.paths("selection", task=task, model=model, stage=stage)
        for task in study.tasks
        for model in study.task_models(task)
        for stage in study.stages(task)
    ]


def variant_files(study: Study, task: str, name: str, variants: Sequence[str] | None = None) -> list[str]:
    """The paths of one kind of file of a task: one path for each pair of model and variant.

    Args:
        study: the run.
        task: name of the task.
        name: kind of file, a key of `paths.PATHS`, such as `answers`.
        variants: the variants whose files are listed; None for all variants of the task.
    """
    return [
        study.paths(name, task=task, model=model, variant=variant)
        for model in study.task_models(task)
        for variant in (study.variants(task) if variants is None else variants)
    ]


def grades(study: Study, task: str) -> list[str]:
    """The paths of a task's files of grades: one per model and variant, then one per external prediction."""
    return _with_external(study, task, "grades")


def answers(study: Study, task: str) -> list[str]:
    """The paths of a task's files of answers: one per model and variant, then one per external prediction.

    The function `grades` returns the paths of the files of grades in the same order.
    """
    return _with_external(study, task, "answers")


def _with_external(study: Study, task: str, name: str) -> list[str]:
    """Return the paths of a task's files of one kind.

    The list has one path for each model and variant, then one path for each external prediction.

    Args:
        study: the run.
        task: name of the task.
        name: kind of the files, a key of `paths.PATHS`, such as `grades`.
    """
    external = [study.paths(name, task=task, model=model, variant=EXTERNAL) for model in study.externals(task)]
    return variant_files(study, task, name) + external


def seed_grades(study: Study, task: str) -> list[str]:
    """The paths of all files with a task's grades, including the grades for extra training seeds.

    The list begins with the paths from the function `grades`. Then it has one path for every combination of a model, a
    trained variant and an extra seed.
    """
    return grades(study, task) + variant_files(study, task, "grades", seeded_variants(study, task))


def seeded_variants(study: Study, task: str) -> list[str]:
    """Names of a task's trained variants with each extra training seed, such as `sft_seed43`."""
    return [with_seed(stage, seed) for stage in study.stages(task) for seed in study.extra_seeds(task)]


def tables(study: Study, task: str) -> list[str]:
    """Names of all tables of a task."""
    configured = study.tasks[task].get("tables", [])
    ratings = ["agreement", "pending_ratings"] if rated_sheets(study.tasks[task]) else []
    seeds = ["seeds"] if study.extra_seeds(task) else []
    labels = ["confusion", "symmetry"] if has_label_tables(study.tasks[task]) else []
    labels += ["reliability"] if scores_likelihood(study.tasks[task]) else []
    trivial = ["trivial"] if study.tasks[task]["grader"] == "label" else []
    unreadable = [] if scores_likelihood(study.tasks[task]) else ["unreadable"]
    decided = [*trivial, "decisions", *unreadable]
    by_subgroup = ["subgroups"] if study.over_columns(task, "subgroups") else []
    judged = ["judge_bias"] if judged_sheets(study.tasks[task], rated_sheets(study.tasks[task])) else []
    corrected = ["corrected"] if is_corrected(study.tasks[task]) else []
    return ["metrics", "stats", *labels, *decided, *by_subgroup, *seeds, *configured, *ratings, *judged, *corrected]


def tables_named(study: Study, *names: str) -> list[str]:
    """The paths of all tables with these names, of every task. Without names, all tables are listed."""
    return [
        study.paths("table", task=task, table=table)
        for task in study.tasks
        for table in tables(study, task)
        if not names or table in names
    ]


def keys(study: Study, task: str, *sheets: str) -> list[str]:
    """The paths of the blinding keys of the sheets with these names, for all models of a task.

    A blinding key tells which variant wrote which answer. Without names, the keys of all sheets are listed.
    """
    return [
        study.paths("key", task=task, model=model, sheet=sheet)
        for model in study.task_models(task)
        for sheet in rated_sheets(study.tasks[task])
        if not sheets or sheet in sheets
    ]


def sheets(study: Study) -> list[str]:
    """The paths of every rater's sheets, in every format."""
    return [
        study.paths("sheet", task=task, model=model, sheet=sheet, rater=rater, suffix=suffix)
        for task, settings in study.tasks.items()
        for model in study.task_models(task)
        for sheet, raters in rated_sheets(settings).items()
        for rater in raters
        for suffix in SHEET_FORMATS
    ]


def reference_records(study: Study, task: str) -> list[str]:
    """Paths of the records on how DPO's reference model scored a task's training pairs: one path for each model."""
    return [study.paths("reference_record", task=task, model=model, split="train") for model in study.task_models(task)]


def compute_records(study: Study) -> list[str]:
    """The paths of the records of test answers and of training, for every model of every task.

    A record is a file with the settings, the device and the library versions. The list has one record for the test
    answers of each variant, and one for the best trial of each stage. Trainings with further seeds are left out.
    """
    return [
        record
        for task in study.tasks
        for model in study.task_models(task)
        for record in (
            *(study.paths("answers_record", task=task, model=model, variant=name) for name in study.variants(task)),
            *(study.paths("best_run", task=task, model=model, stage=stage, best=BEST) for stage in study.stages(task)),
        )
    ]
