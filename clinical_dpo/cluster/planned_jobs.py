"""List the jobs of a study that train or run a model, and estimate the minutes of such jobs.

Each job in the list has the amount of its work (floating-point operations and bytes), and the path of a file that
exists once the job has run.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clinical_dpo.cluster.flops import Part
from clinical_dpo.cluster.job_times import ASSUMED_SHARE, job_seconds, peak_seconds, planned_card, start_seconds
from clinical_dpo.cluster.job_work import (
    answer_parts,
    evaluations,
    field_parts,
    reference_parts,
    training_parts,
    training_steps,
)
from clinical_dpo.cluster.time_and_memory import PUBLISHED_MINUTES
from clinical_dpo.config.files import chosen_trials, model_trials, seeded_variants
from clinical_dpo.config.study import Study
from clinical_dpo.paths import parse_seed
from clinical_dpo.variants import PAIRED_STAGES


@dataclass(frozen=True)
class Job:
    """One job: its work, and the file that exists once the job has run."""

    record: Path  # run.json or Snakemake's benchmark file
    parts: Sequence[Part]


@dataclass(frozen=True)
class Work:
    """The jobs of one rule for a task and a model."""

    task: str
    model: str
    rule: str
    stage: str  # empty for a rule without stages
    kind: str  # a key of `job_times.KINDS`
    jobs: Sequence[Job]
    parts_of_run: Callable[[Mapping[str, Any]], Sequence[Part]] | None = None  # run.json of a training run -> its work
    article_minutes: float | None = None  # minutes of all jobs, if the article prints the minutes of such a run
    passes: float | None = None  # of a training run over its training rows


def expected_training(study: Study, task: str, model: str, stage: str, part: str) -> float:
    """Estimated minutes of a stage's longest run.

    The run is assumed to train for `max_steps` of the stage's settings, or for all epochs if `max_steps` is not set.

    Args:
        study: the run's study.
        task, model, stage: task, model and stage of the training run.
        part: `probe` for the first run of a trial; `adapter` for the run whose weights are kept. A probe computes the
            eval loss at its start, every `eval_steps` steps and at its end. The run `adapter` computes the eval loss
            at the same steps if the stage's setting `eval_curve` is true, and only at its end if the setting is false.
    """
    return _minutes(study, model, _run_parts(study, task, model, stage, part))


def expected_scoring(study: Study, task: str, model: str) -> float:
    """Estimated minutes to compute the reference model's log-probabilities of all pairs."""
    return _minutes(study, model, reference_parts(study, task, model))


def expected_answers(study: Study, task: str, model: str, splits: Iterable[str], variant: str) -> float:
    """Estimated minutes that a variant takes to answer all rows of some splits."""
    return _minutes(study, model, answer_parts(study, task, model, splits, variant))


def expected_field(study: Study, task: str, model: str, field: str) -> float:
    """Estimated minutes that a model takes to write a generated field for every record of a task's source."""
    return _minutes(study, model, field_parts(study, task, model, field))


def _minutes(study: Study, model: str, parts: Iterable[Part]) -> float:
    """Estimated minutes of a job whose work is `parts`.

    The job is assumed to run on the planned card, at the share ASSUMED_SHARE of this card's peak speed.
    """
    settings = study.models[model]
    peak = peak_seconds(parts, settings, planned_card(study, model))
    return job_seconds(peak, start_seconds(settings), ASSUMED_SHARE) / 60


def _run_parts(study: Study, task: str, model: str, stage: str, part: str) -> list[Part]:
    """The work of a stage's training run that trains for all planned steps: its steps and its evaluations.

    The planned steps are `max_steps` of the stage's settings, or the steps of all epochs if `max_steps` is not set.

    Args:
        study: the run's study.
        task, model, stage: task, model and stage of the training run.
        part: `probe` for the first run of a trial; `adapter` for the run whose weights are kept.
    """
    steps = training_steps(study, task, stage)
    evaluated = evaluations(study.training(task, stage), steps, part == "probe")
    return training_parts(study, task, model, stage, steps, evaluated)


def planned_work(study: Study) -> Iterator[Work]:
    """All jobs that compute with a model, in the order of the workflow."""
    for task, settings in study.tasks.items():
        for field, field_settings in study.generated_fields(task).items():
            if "model" in field_settings:
                writer = field_settings["model"]
                parts = field_parts(study, task, writer, field)
                yield _benchmarked_work(study, task, writer, "write_texts_by_model", "answers", {field: parts})
        for model in study.task_models(task):
            yield from _model_work(study, task, model, settings)


def _model_work(study: Study, task: str, model: str, settings: Mapping[str, Any]) -> Iterator[Work]:
    """The jobs of a task and one of its models, in the order of the workflow."""
    seeds = study.extra_seeds(task)

    def answers(splits: Sequence[str], variant: str) -> list[Part]:
        return answer_parts(study, task, model, splits, variant)

    yield from _stage_work(study, task, model, "sft")
    if settings["rejected_source"] == "sft_prediction":
        parts = {"": answers(("train", "eval"), "sft")}
        yield _benchmarked_work(study, task, model, "predict_training_answers", "answers", parts)
    reference = reference_parts(study, task, model)
    yield _benchmarked_work(study, task, model, "compute_reference_logps", "reference", {"": reference})
    sweeps = {stage: study.trials(task, stage) for stage in study.stages(task)}
    dev = {
        f"{stage}/{trial}": answers(("dev",), stage)
        for stage, trials in sweeps.items()
        if len(trials) > 1
        for trial in trials
    }
    yield _benchmarked_work(study, task, model, "answer_dev", "answers", dev)
    seeded = {f"seed{seed}": reference for seed in seeds}
    yield _benchmarked_work(study, task, model, "compute_extra_seed_reference_logps", "reference", seeded)
    for stage in study.stages(task):
        if stage != "sft":
            yield from _stage_work(study, task, model, stage)
    variants = {name: parse_seed(name)[0] for name in (*study.variants(task), *seeded_variants(study, task))}
    if "threshold" in settings:
        parts = {name: answers(("dev",), variant) for name, variant in variants.items()}
        yield _benchmarked_work(study, task, model, "predict_dev", "answers", parts)
    parts = {name: answers(("test",), variant) for name, variant in variants.items()}
    yield _benchmarked_work(study, task, model, "predict", "answers", parts)


def _stage_work(study: Study, task: str, model: str, stage: str) -> Iterator[Work]:
    """The training runs of a stage: its trials, their probes (first runs), and the chosen trial with extra seeds."""
    steps, answer_type = training_steps(study, task, stage), study.tasks[task]["answer_type"]
    minutes = PUBLISHED_MINUTES.get((stage, answer_type))
    passes = steps * study.training(task, stage)["batch_size"] / study.tasks[task]["splits"]["train"]
    records = {
        "probe": model_trials(study, task, model, stage, "trial_run", part="probe"),
        "train": model_trials(study, task, model, stage, "trial_run", part="adapter"),
        "train_extra_seed": chosen_trials(study, task, model, stage, "best_run")[1:],
    }
    for rule, files in records.items():
        part = "probe" if rule == "probe" else "adapter"
        parts = _run_parts(study, task, model, stage, part)

        def parts_of_run(run: Mapping[str, Any], part: str = part) -> list[Part]:
            evaluated = evaluations(study.training(task, stage), run["steps"], part == "probe")
            return training_parts(study, task, model, stage, run["steps"], run.get("evaluations", evaluated))

        article = None if minutes is None else len(files) * minutes * steps / 1000
        jobs = [Job(Path(file), parts) for file in files]
        kind = "DPO" if stage in PAIRED_STAGES else "SFT"
        yield Work(task, model, rule, stage, kind, jobs, parts_of_run, article, passes)


def _benchmarked_work(
    study: Study, task: str, model: str, rule: str, kind: str, parts: Mapping[str, Sequence[Part]]
) -> Work:
    """The jobs of a rule that has no stages. The record of each job is Snakemake's benchmark file.

    Args:
        study: the run's study.
        task, model, rule, kind: see `Work`.
        parts: name of a job -> the job's work. The path of the job's benchmark file contains this name. The name may be
            empty if there is only one job.
    """
    jobs = [
        Job(Path(study.paths.benchmark(rule, task, model, *filter(None, [name]))), each) for name, each in parts.items()
    ]
    return Work(task, model, rule, "", kind, jobs)
