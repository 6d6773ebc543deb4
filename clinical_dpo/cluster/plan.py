"""What a run will cost before it is started, GPU hours and disk, and afterwards what it cost.

Hours are those of `time_and_memory`, the same numbers that jobs ask Slurm for, without their margin. They stand on the
minutes per 1,000 steps that Savage et al. 2025 print (Results, Training Dynamics), scaled by a model's weights and the
rows of a step. What a job took is read from a training run's run.json, and from the benchmark file that Snakemake
writes of every other job that computes with a model.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from clinical_dpo.cluster.time_and_memory import (
    BYTES,
    asked_minutes,
    generation_minutes,
    lora_parameters,
    parameter_count,
    scoring_minutes,
    training_minutes,
)
from clinical_dpo.config.files import chosen_trials, model_trials
from clinical_dpo.config.study import Study
from clinical_dpo.io import Row, read_json
from clinical_dpo.training.run_record import whole_seconds
from clinical_dpo.variants import STAGES, VARIANTS, with_seed

COLUMNS = (
    *("task", "model", "rule", "stage", "jobs", "gpu_jobs", "hours", "asked_hours"),
    *("finished", "finished_hours", "took_hours", "ratio"),
)
DISK_COLUMNS = ("what", "task", "model", "stage", "count", "gb_each", "gb", "found", "found_gb")
GB = 1e9
SAVED = 4  # bytes of a trained weight: float32
KEPT = 2 * (SAVED + 8)  # bytes a trained weight while it trains: two checkpoints, each with AdamW's two moments


@dataclass(frozen=True)
class Work:
    """The jobs of one rule for a task and a model."""

    task: str
    model: str
    rule: str
    stage: str  # of a rule of both stages; otherwise empty
    gpus: int  # of each job
    minutes: float  # each is expected to take on an A100
    records: Sequence[Path]  # one a job: run.json, or Snakemake's benchmark file, once it has run
    steps: float | None = None  # of a training run


def training_steps(study: Study, task: str, stage: str) -> float:
    """Optimizer steps of a stage's longest run: the probe, or all epochs."""
    settings = study.training(task, stage)
    rows = study.tasks[task]["splits"]["train"]
    return settings["max_steps"] or settings["epochs"] * rows / settings["batch_size"]


def expected_training(study: Study, task: str, model: str, stage: str) -> float:
    """Minutes of a stage's longest run."""
    batch = study.training(task, stage)["batch_size"]
    steps = training_steps(study, task, stage)
    return training_minutes(study.models[model], study.tasks[task]["answer_type"], stage, batch, steps)


def expected_scoring(study: Study, task: str, model: str) -> float:
    """Minutes of the reference's log-probabilities of all pairs."""
    splits = study.tasks[task]["splits"]
    return scoring_minutes(study.models[model], study.tasks[task]["answer_type"], splits["train"] + splits["eval"])


def expected_answers(study: Study, task: str, model: str, splits: Iterable[str]) -> float:
    """Minutes of answering the questions of some splits."""
    settings = study.tasks[task]
    answers = sum(settings["splits"][split] for split in splits)
    batch = study.config["compute"]["generation_batch_size"]
    return generation_minutes(study.models[model], answers, study.answer_limit(task), batch)


def expected_texts(study: Study, task: str, model: str, field: str) -> float:
    """Minutes of writing a field for every record of a task's source."""
    settings, batch = study.tasks[task], study.config["compute"]["generation_batch_size"]
    records = study.source(task).get("sample", sum(settings["splits"].values()))
    return generation_minutes(
        study.models[model], records, settings["generated_fields"][field]["max_new_tokens"], batch
    )


def planned(study: Study) -> Iterator[Work]:
    """All jobs that compute with a model, in the order of the workflow."""
    for task, settings in study.tasks.items():
        for field, text in study.texts(task).items():
            if "model" in text:
                minutes = expected_texts(study, task, text["model"], field)
                yield _timed(study, task, text["model"], "write_texts_by_model", minutes, [field])
        for model in study.task_models(task):
            yield from _of_stage(study, task, model, "sft")
            if settings["rejected_source"] == "sft_prediction":
                minutes = expected_answers(study, task, model, ("train", "eval"))
                yield _timed(study, task, model, "predict_training_answers", minutes)
            minutes = expected_scoring(study, task, model)
            yield _timed(study, task, model, "compute_reference_logps", minutes)
            sweeps = {stage: study.trials(task, stage) for stage in STAGES}
            asked = [f"{stage}/{trial}" for stage, trials in sweeps.items() if len(trials) > 1 for trial in trials]
            minutes_of_dev = expected_answers(study, task, model, ("dev",))
            yield _timed(study, task, model, "answer_dev", minutes_of_dev, asked)
            seeds = [f"seed{seed}" for seed in study.extra_seeds(task)]
            yield _timed(study, task, model, "compute_extra_seed_reference_logps", minutes, seeds)
            yield from _of_stage(study, task, model, "dpo")
            variants = [*VARIANTS, *(with_seed(stage, seed) for stage in STAGES for seed in study.extra_seeds(task))]
            minutes = expected_answers(study, task, model, ("test",))
            yield _timed(study, task, model, "predict", minutes, variants)


def _of_stage(study: Study, task: str, model: str, stage: str) -> Iterator[Work]:
    """A stage's probes, its trials, and the chosen one with other seeds."""
    minutes, steps = expected_training(study, task, model, stage), training_steps(study, task, stage)
    records = {
        "probe": model_trials(study, task, model, stage, "trial_run", part="probe"),
        "train": model_trials(study, task, model, stage, "trial_run", part="adapter"),
        "train_extra_seed": chosen_trials(study, task, model, stage, "best_run")[1:],
    }
    for rule, files in records.items():
        yield Work(task, model, rule, stage, study.models[model]["gpu"], minutes, [*map(Path, files)], steps)


def _timed(study: Study, task: str, model: str, rule: str, minutes: float, names: Iterable[str] = ("",)) -> Work:
    """Jobs whose time Snakemake takes; `names` tell them apart."""
    files = [Path(study.paths.benchmark(rule, task, model, *filter(None, [name]))) for name in names]
    return Work(task, model, rule, "", study.models[model]["gpu"], minutes, files)


def cost_rows(works: Iterable[Work]) -> list[Row]:
    """Rows of COLUMNS: hours expected, asked of Slurm at first, and taken so far.

    `finished_hours` are those expected of the finished jobs, of a training run for the steps it took, and `ratio` is
    what they took over it. Of models that use no GPU nothing is expected: None.
    """
    return [_cost_row(work) for work in works if work.records]


def _cost_row(work: Work) -> Row:
    took = [_time_and_steps(record) for record in work.records if record.exists()]
    seconds = sum(time for time, _ in took)
    row: Row = dict.fromkeys(COLUMNS) | {
        "task": work.task,
        "model": work.model,
        "rule": work.rule,
        "stage": work.stage,
        "jobs": len(work.records),
        "gpu_jobs": len(work.records) if work.gpus else 0,
        "finished": len(took),
        "took_hours": seconds / 3600,
    }
    if work.gpus:
        row["hours"] = len(work.records) * work.minutes / 60
        row["asked_hours"] = len(work.records) * asked_minutes(work.minutes) / 60
        shares = (steps / work.steps if steps and work.steps else 1 for _, steps in took)
        row["finished_hours"] = sum(shares) * work.minutes / 60
        row["ratio"] = ratio(row["took_hours"], row["finished_hours"])
    return row


def ratio(took: float, expected: float) -> float | None:
    """Taken over expected, None before anything has finished."""
    return took / expected if took and expected else None


def _time_and_steps(record: Path) -> tuple[float, int | None]:
    """Seconds a job took, and a training run's steps."""
    if record.suffix != ".json":
        line = record.read_text(encoding="utf-8").split("\n")
        return float(dict(zip(line[0].split("\t"), line[1].split("\t"), strict=True))["s"]), None
    run = read_json(record)
    return whole_seconds(run), run["steps"]


def disk_rows(study: Study) -> list[Row]:
    """Rows of DISK_COLUMNS, in units of 1e9 bytes: base models, trained weights, and one running job's checkpoints.

    Weights of a base model are counted in its own type, trained ones in float32: a LoRA's by its rank, in DPO that of
    SFT and its own together. The best trial is a hard link. All else (rows, answers, logs, tables) is small beside it.
    `found` is how many are there, `found_gb` what they hold.
    """
    rows = []
    for name, settings in study.models.items():
        size = parameter_count(settings) * BYTES[settings["dtype"]]
        rows.append(_disk_row("base model", "", name, "", [Path(study.paths("base", model=name)).parent], size))
    for task in study.tasks:
        for model in study.task_models(task):
            for stage in STAGES:
                files = model_trials(study, task, model, stage, "adapter")
                files += chosen_trials(study, task, model, stage, "best")[1:]
                folders = [Path(file).parent for file in files]
                weights = trained_weights(study, task, model, stage)
                rows.append(_disk_row("trained", task, model, stage, folders, weights * SAVED))
                rows.append(
                    _disk_row("checkpoints", task, model, stage, [], weights * KEPT) | {"count": None, "gb": None}
                )
    return rows


def trained_weights(study: Study, task: str, model: str, stage: str) -> float:
    """Weights that one trial saves."""
    if study.training(task, stage)["adapter"] == "full":
        return parameter_count(study.models[model])
    stages = STAGES[: STAGES.index(stage) + 1]
    return lora_parameters(study.models[model], sum(study.training(task, each)["lora"]["rank"] for each in stages))


def _disk_row(what: str, task: str, model: str, stage: str, folders: Sequence[Path], size: float) -> Row:
    sizes = [sum(file.stat().st_size for file in folder.glob("*.safetensors")) for folder in folders]
    found = [size for size in sizes if size]
    values = (what, task, model, stage, len(folders), size / GB, len(folders) * size / GB, len(found), sum(found) / GB)
    return dict(zip(DISK_COLUMNS, values, strict=True))
