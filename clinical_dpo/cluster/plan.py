"""Estimate the GPU hours and the disk space of a run, and compare them with those of finished jobs.

Estimated hours come from `time_and_memory`. A job requests more from Slurm: the estimate with a margin. The estimates
scale the minutes per 1,000 steps in Savage et al. 2025 (Results, Training Dynamics) by the weights of a model and the
rows of a step. The time of a finished training run is in its run.json. The time of any other job that computes with a
model is in the benchmark file that Snakemake writes.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from clinical_dpo.cluster.time_and_memory import (
    BYTES,
    generation_minutes,
    lora_parameters,
    parameter_count,
    requested_minutes,
    scoring_minutes,
    training_minutes,
)
from clinical_dpo.config.files import chosen_trials, model_trials, seeded_variants
from clinical_dpo.config.study import Study
from clinical_dpo.io import Row, read_json
from clinical_dpo.training.run_record import total_seconds
from clinical_dpo.variants import PAIRED_STAGES

COLUMNS = (
    *("task", "model", "rule", "stage", "jobs", "gpu_jobs", "hours", "asked_hours"),
    *("finished", "finished_hours", "took_hours", "ratio"),
)
DISK_COLUMNS = ("what", "task", "model", "stage", "count", "gb_each", "gb", "found", "found_gb")
GB = 1e9
SAVED_BYTES = 4  # per trained weight: float32
CHECKPOINT_BYTES = 2 * (SAVED_BYTES + 8)  # per trained weight: two checkpoints, each with AdamW's two moments


@dataclass(frozen=True)
class Work:
    """The jobs of one rule for a task and a model."""

    task: str
    model: str
    rule: str
    stage: str  # empty for a rule without stages
    gpus: int  # per job
    minutes: float  # estimate per job on an A100
    records: Sequence[Path]  # one per job: run.json or Snakemake's benchmark file. It exists once the job has run.
    steps: float | None = None  # optimizer steps of a training run


def training_steps(study: Study, task: str, stage: str) -> float:
    """Optimizer steps of a stage's longest run: the probe, or all epochs."""
    settings = study.training(task, stage)
    rows = study.tasks[task]["splits"]["train"]
    return settings["max_steps"] or settings["epochs"] * rows / settings["batch_size"]


def expected_training(study: Study, task: str, model: str, stage: str) -> float:
    """Estimated minutes of a stage's longest run on an A100."""
    batch = study.training(task, stage)["batch_size"]
    steps, loss = training_steps(study, task, stage), "dpo" if stage in PAIRED_STAGES else "sft"
    return training_minutes(study.models[model], study.tasks[task]["answer_type"], loss, batch, steps)


def expected_scoring(study: Study, task: str, model: str) -> float:
    """Estimated minutes to compute the reference model's log-probabilities of all pairs."""
    splits = study.tasks[task]["splits"]
    return scoring_minutes(study.models[model], study.tasks[task]["answer_type"], splits["train"] + splits["eval"])


def expected_answers(study: Study, task: str, model: str, splits: Iterable[str]) -> float:
    """Estimated minutes to answer all questions of some splits."""
    settings = study.tasks[task]
    answers = sum(settings["splits"][split] for split in splits)
    batch = study.config["compute"]["generation_batch_size"]
    return generation_minutes(study.models[model], answers, study.answer_limit(task), batch)


def expected_field(study: Study, task: str, model: str, field: str) -> float:
    """Estimated minutes to write a generated field for every record of a task's source."""
    settings, batch = study.tasks[task], study.config["compute"]["generation_batch_size"]
    records = study.source(task).get("sample", sum(settings["splits"].values()))
    return generation_minutes(
        study.models[model], records, settings["generated_fields"][field]["max_new_tokens"], batch
    )


def planned_work(study: Study) -> Iterator[Work]:
    """All jobs that compute with a model, in the order of the workflow."""
    for task, settings in study.tasks.items():
        for field, field_settings in study.generated_fields(task).items():
            if "model" in field_settings:
                writer = field_settings["model"]
                minutes = expected_field(study, task, writer, field)
                yield _benchmarked_work(study, task, writer, "write_texts_by_model", minutes, [field])
        for model in study.task_models(task):
            yield from _stage_work(study, task, model, "sft")
            if settings["rejected_source"] == "sft_prediction":
                minutes = expected_answers(study, task, model, ("train", "eval"))
                yield _benchmarked_work(study, task, model, "predict_training_answers", minutes)
            minutes = expected_scoring(study, task, model)
            yield _benchmarked_work(study, task, model, "compute_reference_logps", minutes)
            sweeps = {stage: study.trials(task, stage) for stage in study.stages(task)}
            swept = [f"{stage}/{trial}" for stage, trials in sweeps.items() if len(trials) > 1 for trial in trials]
            dev_minutes = expected_answers(study, task, model, ("dev",))
            yield _benchmarked_work(study, task, model, "answer_dev", dev_minutes, swept)
            seeds = [f"seed{seed}" for seed in study.extra_seeds(task)]
            yield _benchmarked_work(study, task, model, "compute_extra_seed_reference_logps", minutes, seeds)
            for stage in study.stages(task):
                if stage != "sft":
                    yield from _stage_work(study, task, model, stage)
            variants = [*study.variants(task), *seeded_variants(study, task)]
            minutes = expected_answers(study, task, model, ("test",))
            yield _benchmarked_work(study, task, model, "predict", minutes, variants)


def _stage_work(study: Study, task: str, model: str, stage: str) -> Iterator[Work]:
    """The probes and trials of a stage, and its chosen trial with the extra seeds."""
    minutes, steps = expected_training(study, task, model, stage), training_steps(study, task, stage)
    records = {
        "probe": model_trials(study, task, model, stage, "trial_run", part="probe"),
        "train": model_trials(study, task, model, stage, "trial_run", part="adapter"),
        "train_extra_seed": chosen_trials(study, task, model, stage, "best_run")[1:],
    }
    for rule, files in records.items():
        yield Work(task, model, rule, stage, study.models[model]["gpu"], minutes, [*map(Path, files)], steps)


def _benchmarked_work(
    study: Study, task: str, model: str, rule: str, minutes: float, names: Iterable[str] = ("",)
) -> Work:
    """Jobs of a rule for which Snakemake measures the time. `names` distinguish the jobs."""
    files = [Path(study.paths.benchmark(rule, task, model, *filter(None, [name]))) for name in names]
    return Work(task, model, rule, "", study.models[model]["gpu"], minutes, files)


def cost_rows(works: Iterable[Work]) -> list[Row]:
    """Rows of COLUMNS: hours estimated, hours requested from Slurm at the first attempt, and hours taken so far.

    `finished_hours` is the estimate for the finished jobs; for a training run it is scaled to the steps that ran.
    `ratio` is the hours that the finished jobs took, divided by `finished_hours`. Estimates are None for models that
    use no GPU.
    """
    return [_cost_row(work) for work in works if work.records]


def _cost_row(work: Work) -> Row:
    """The row of one rule, task and model."""
    finished = [_time_and_steps(record) for record in work.records if record.exists()]
    seconds = sum(time for time, _ in finished)
    row: Row = dict.fromkeys(COLUMNS) | {
        "task": work.task,
        "model": work.model,
        "rule": work.rule,
        "stage": work.stage,
        "jobs": len(work.records),
        "gpu_jobs": len(work.records) if work.gpus else 0,
        "finished": len(finished),
        "took_hours": seconds / 3600,
    }
    if work.gpus:
        row["hours"] = len(work.records) * work.minutes / 60
        row["asked_hours"] = len(work.records) * requested_minutes(work.minutes) / 60
        shares = (steps / work.steps if steps and work.steps else 1 for _, steps in finished)
        row["finished_hours"] = sum(shares) * work.minutes / 60
        row["ratio"] = ratio(row["took_hours"], row["finished_hours"])
    return row


def ratio(took: float, expected: float) -> float | None:
    """Hours taken divided by hours estimated; None before a job has finished."""
    return took / expected if took and expected else None


def _time_and_steps(record: Path) -> tuple[float, int | None]:
    """Seconds that a job took, and the steps of a training run."""
    if record.suffix != ".json":
        line = record.read_text(encoding="utf-8").split("\n")
        return float(dict(zip(line[0].split("\t"), line[1].split("\t"), strict=True))["s"]), None
    run = read_json(record)
    return total_seconds(run), run["steps"]


def disk_rows(study: Study) -> list[Row]:
    """Rows of DISK_COLUMNS for base models, trained weights, and the checkpoints of one running job.

    Sizes are in units of 1e9 bytes. Weights of a base model have the model's own type; trained weights are float32. The
    size of a LoRA follows from its rank, and after SFT from the sum of the ranks of SFT and of the stage. The best
    trial is a hard link. All other files are small in comparison. `found` is the number of existing folders, and
    `found_gb` is the size of the weights in these folders.
    """
    rows = []
    for name, settings in study.models.items():
        size = parameter_count(settings) * BYTES[settings["dtype"]]
        rows.append(_disk_row("base model", "", name, "", [Path(study.paths("base", model=name)).parent], size))
    for task in study.tasks:
        for model in study.task_models(task):
            for stage in study.stages(task):
                files = model_trials(study, task, model, stage, "adapter")
                files += chosen_trials(study, task, model, stage, "best")[1:]
                folders = [Path(file).parent for file in files]
                weights = trained_weights(study, task, model, stage)
                rows.append(_disk_row("trained", task, model, stage, folders, weights * SAVED_BYTES))
                checkpoints = _disk_row("checkpoints", task, model, stage, [], weights * CHECKPOINT_BYTES)
                rows.append(checkpoints | {"count": None, "gb": None})
    return rows


def trained_weights(study: Study, task: str, model: str, stage: str) -> float:
    """Number of weights that one trial saves."""
    if study.training(task, stage)["adapter"] == "full":
        return parameter_count(study.models[model])
    stages = ("sft",) if stage == "sft" else ("sft", stage)  # every later stage starts from the SFT model
    return lora_parameters(study.models[model], sum(study.training(task, each)["lora"]["rank"] for each in stages))


def _disk_row(kind: str, task: str, model: str, stage: str, folders: Sequence[Path], size: float) -> Row:
    """A row of DISK_COLUMNS for folders of an estimated size in bytes."""
    sizes = [sum(file.stat().st_size for file in folder.glob("*.safetensors")) for folder in folders]
    existing = [size for size in sizes if size]
    estimate = (len(folders), size / GB, len(folders) * size / GB)
    values = (kind, task, model, stage, *estimate, len(existing), sum(existing) / GB)
    return dict(zip(DISK_COLUMNS, values, strict=True))
