"""Estimate the hours of a run from the tokens of its rows, and compare them with finished jobs.

The estimated time of a job is its loading time plus its computing time. The computing time is the job's work
(`job_work`), divided by the peak speed of a card and by the share of this peak that jobs reach (`job_times`). The share
is measured on finished jobs, or assumed (ASSUMED_SHARE). The time that a job requests from Slurm does not depend on
measured shares. It is longer than the estimated time at ASSUMED_SHARE (`requested_minutes`). The measured time of a
finished training run is in its run.json. The measured time of any other job that computes with a model is in the
benchmark file that Snakemake writes.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from clinical_dpo.cluster.cards import Card, card_of_device
from clinical_dpo.cluster.job_times import (
    ASSUMED_SHARE,
    Finished,
    Share,
    job_seconds,
    measured_shares,
    peak_seconds,
    planned_card,
    share_of,
    start_seconds,
)
from clinical_dpo.cluster.planned_jobs import Job, Work, planned_work
from clinical_dpo.cluster.row_tokens import split_tokens
from clinical_dpo.cluster.time_and_memory import requested_minutes
from clinical_dpo.config.study import Study
from clinical_dpo.io import Row, read_json
from clinical_dpo.training.run_record import total_seconds

COLUMNS = (
    *("task", "model", "rule", "stage", "jobs", "gpu_jobs", "passes", "tokens_from", "pflop", "card", "share", "hours"),
    *("hours_low", "hours_high", "asked_hours", "article_hours", "finished", "finished_hours", "took_hours", "ratio"),
)


def finished_jobs(study: Study) -> list[Finished]:
    """Return the study's finished jobs. Only jobs that compute with a model are returned.

    Jobs on a device that is neither a CPU nor a card in `cluster.cards.CARDS` are left out. A training run that took
    over the weights of its probe is left out too.
    """
    works = [work for work in planned_work(study) if work.jobs]
    runs = _training_records(works)
    return list(_finished_by_record(study, works, runs, _starts(study, works, runs)).values())


def _training_records(works: Sequence[Work]) -> dict[Path, Row]:
    """Map the path of each finished training run's run.json to its content."""
    jobs = [job for work in works for job in work.jobs if work.parts_of_run]
    return {job.record: read_json(job.record) for job in jobs if job.record.exists()}


def _starts(study: Study, works: Sequence[Work], runs: Mapping[Path, Row]) -> dict[str, float]:
    """Map each model to the seconds that its jobs need to load it.

    This is the median of the loading times that its training runs recorded, or an estimate before a run has finished.
    """
    loading: dict[str, list[float]] = {work.model: [] for work in works}
    for work in works:
        records = (runs.get(job.record, {}) for job in work.jobs)
        loading[work.model] += [run["loading_seconds"] for run in records if "loading_seconds" in run]
    return {
        model: median(seconds) if seconds else start_seconds(study.models[model]) for model, seconds in loading.items()
    }


def _finished_by_record(
    study: Study, works: Sequence[Work], runs: Mapping[Path, Row], starts: Mapping[str, float]
) -> dict[Path, Finished]:
    """Map each record (run.json or benchmark file) to its finished job.

    Jobs on a device that is neither a CPU nor a card in `cluster.cards.CARDS` are left out. A run that reused the
    weights of its probe is left out too, because it took no time.

    Args:
        study: the run's study.
        works: the planned jobs.
        runs: path of a run.json -> its content. A run without a loading time counts with 0 s of loading.
        starts: model -> seconds to load it, for jobs with a benchmark file. Such a file records no loading time.
    """
    devices = {
        work.model: runs[job.record].get("device", "") for work in works for job in work.jobs if job.record in runs
    }
    finished = {}
    for work in works:
        for job in work.jobs:
            run = runs.get(job.record)
            if job.record.exists() and not (run or {}).get("same_as_probe"):
                card = card_of_run(study, work.model, (run or {}).get("device") or devices.get(work.model))
                if card:
                    finished[job.record] = _finished(study, work, job, run, starts[work.model], card)
    return finished


def card_of_run(study: Study, model: str, device: str | None) -> Card | None:
    """Return the card on which a job ran; None if `device` names neither a known card nor a CPU.

    Args:
        study: the run.
        model: name of the job's model.
        device: device name as PyTorch reports it (`NVIDIA H100 80GB HBM3`). If it is None or "", the planned card
            (`planned_card`) is returned.
    """
    if not device:
        return planned_card(study, model)
    return card_of_device(device, study.config["compute"]["threads"])


def _finished(study: Study, work: Work, job: Job, run: Mapping[str, Any] | None, start: float, card: Card) -> Finished:
    """The time that a finished job took, and the time that its work would take at the card's peak speed.

    The times of a training run, including loading, are read from its run.json. The time of any other job is read from
    its benchmark file. This file does not tell how long loading took.

    Args:
        study: the run's study.
        work: the jobs of the same rule, task and model.
        job: the job.
        run: content of run.json for a training run; None for any other job.
        start: estimated seconds that the job needs to load the model. A training run does not use this estimate.
        card: the card on which the job ran.
    """
    settings = study.models[work.model]
    if run is None or work.parts_of_run is None:
        return Finished(work.kind, peak_seconds(job.parts, settings, card), start, _benchmark_seconds(job.record))
    loading = run.get("loading_seconds", 0.0)
    peak = peak_seconds(work.parts_of_run(run), settings, card)
    return Finished(work.kind, peak, loading, total_seconds(run) + loading)


def cost_rows(study: Study) -> list[Row]:
    """Return a row with the columns COLUMNS for each rule, task and model. Hours are summed over the jobs of the row.

    - `passes`: the number of passes over the training rows in a training run of full length.
    - `share`: the share of the peak speed of `card` that the jobs are expected to reach. It is measured on finished
      jobs (`share_of`), or assumed.
    - `hours`: the estimated hours at `share`.
    - `hours_low`, `hours_high`: the estimated hours at the highest and at the lowest share that a single job reaches.
    - `asked_hours`: the hours that the jobs request from Slurm at the first attempt. Finished jobs do not change them.
    - `article_hours`: the hours that training runs of this kind and length take according to the reproduced article.
    - `finished`: the number of finished jobs.
    - `took_hours`: the hours that the finished jobs took.
    - `finished_hours`: the estimated hours of the finished jobs, for the steps that they ran and the card on which they
      ran, at the share ASSUMED_SHARE.
    - `ratio`: `took_hours` divided by `finished_hours`.
    """
    works = [work for work in planned_work(study) if work.jobs]
    runs = _training_records(works)
    starts = _starts(study, works, runs)
    finished = _finished_by_record(study, works, runs, starts)
    shares = measured_shares(finished.values())
    return [_cost_row(study, work, finished, share_of(work.kind, shares), starts[work.model]) for work in works]


def _cost_row(study: Study, work: Work, finished: Mapping[Path, Finished], share: Share, start: float) -> Row:
    """The row of `cost_rows` for one rule, task and model.

    Args:
        study: the run's study.
        work: the jobs of the rule, task and model.
        finished: from `_finished_by_record`.
        share: the share of the card's peak speed that these jobs are expected to reach.
        start: the seconds that a job needs to load the model, from `_starts`.
    """
    settings, card = study.models[work.model], planned_card(study, work.model)
    estimated = start_seconds(settings)
    peaks = [peak_seconds(job.parts, settings, card) for job in work.jobs]

    def hours(value: float) -> float:
        return sum(job_seconds(peak, start, value) for peak in peaks) / 3600

    done = [finished[job.record] for job in work.jobs if job.record in finished]
    took = sum(job.took for job in done) / 3600
    before = sum(job_seconds(job.peak, job.start, ASSUMED_SHARE) for job in done) / 3600
    asked = sum(requested_minutes(job_seconds(peak, estimated, ASSUMED_SHARE) / 60) for peak in peaks) / 60
    values: Row = {
        **{"task": work.task, "model": work.model, "rule": work.rule, "stage": work.stage, "jobs": len(work.jobs)},
        "gpu_jobs": len(work.jobs) if settings["gpu"] else 0,
        "passes": work.passes,
        "tokens_from": split_tokens(study, work.task, work.model, "train").source,
        "pflop": sum(part.flops for job in work.jobs for part in job.parts) / 1e15,
        **{"card": card.name, "share": share.value, "hours": hours(share.value)},
        **{"hours_low": hours(share.high), "hours_high": hours(share.low), "asked_hours": asked},
        "article_hours": None if work.article_minutes is None else work.article_minutes / 60,
        **{"finished": len(done), "finished_hours": before, "took_hours": took, "ratio": ratio(took, before)},
    }
    return {column: values[column] for column in COLUMNS}


def ratio(took: float, expected: float) -> float | None:
    """Hours taken divided by hours estimated; None before a job has finished."""
    return took / expected if took and expected else None


def _benchmark_seconds(record: Path) -> float:
    """Seconds that a job took, from the benchmark file that Snakemake wrote."""
    line = record.read_text(encoding="utf-8").split("\n")
    return float(dict(zip(line[0].split("\t"), line[1].split("\t"), strict=True))["s"])
