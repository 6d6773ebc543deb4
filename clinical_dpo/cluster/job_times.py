"""Estimate the time of a job from its work.

In practice, jobs reach only a share of the card's peak speed. The estimate is the time that the work would take at peak
speed, divided by this share, plus the time for loading. The share is assumed until jobs of the same or a similar kind
have finished on this machine. From then on, it is the share that these jobs reached.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from clinical_dpo.cluster.cards import CARDS, DEFAULT, Card, cpu
from clinical_dpo.cluster.flops import Part, compute_type
from clinical_dpo.cluster.time_and_memory import parameter_count
from clinical_dpo.config.study import Study
from clinical_dpo.model_files import BYTES

ASSUMED_SHARE = 0.35
ASSUMED_RANGE = (0.2, 0.5)  # lowest with short rows on a fast card, highest with long rows
START_SECONDS = 20  # imports, and the first use of the card
READ_SPEED = 1e9  # bytes of weights per second from a file system
LEAST_COMPUTING = 0.05  # least share of a finished job's time that counts as computing, however long loading is
KINDS = {  # kind of job -> other kinds whose share is used until jobs of this kind have finished
    "SFT": ("DPO", "reference"),
    "DPO": ("SFT", "reference"),
    "reference": ("DPO", "SFT"),
    "answers": (),
}


@dataclass(frozen=True)
class Finished:
    """A finished job of a model: its measured time, and the time that its work would take at the card's peak speed."""

    kind: str  # a key of KINDS
    peak: float  # seconds that its work takes at the peak of the card on which it ran
    start: float  # seconds of loading, measured or estimated
    took: float  # measured seconds, including loading

    @property
    def computing(self) -> float:
        """Seconds of computing: the measured seconds minus the seconds of loading.

        The result is at least the share LEAST_COMPUTING of the measured seconds.
        """
        return max(self.took - self.start, LEAST_COMPUTING * self.took)


@dataclass(frozen=True)
class Share:
    """The share of the card's peak speed that jobs of a kind reach.

    `value` is the share of all jobs together. `low` and `high` are the lowest and the highest share of a single job.
    """

    value: float
    low: float
    high: float
    jobs: int  # number of finished jobs that were measured; 0 for an assumed share


ASSUMED = Share(ASSUMED_SHARE, *ASSUMED_RANGE, 0)


def planned_card(study: Study, model: str) -> Card:
    """The card for which a model's jobs are planned.

    For a model with `gpu: 0`, this is the CPU. For other models, it is the card that `compute.card` of the config
    names. If `compute.card` is null, it is the card that `compute.gpu_model` names. If `compute.gpu_model` names no
    known card, it is an A100.
    """
    compute = study.config["compute"]
    if not study.models[model]["gpu"]:
        return cpu(compute["threads"])
    return CARDS[compute["card"]] if compute["card"] else CARDS.get(str(compute["gpu_model"]).lower(), CARDS[DEFAULT])


def peak_seconds(parts: Iterable[Part], model: Mapping[str, Any], card: Card) -> float:
    """Least seconds of a job's work on a card: the time if the card always reaches its peak speed."""
    return sum(part.peak_seconds(card, compute_type(model)) for part in parts)


def start_seconds(model: Mapping[str, Any]) -> float:
    """Estimated seconds before a job begins to compute: for imports and for reading the weights."""
    return START_SECONDS + parameter_count(model) * BYTES[model["dtype"]] / READ_SPEED


def job_seconds(peak: float, start: float, share: float) -> float:
    """Estimated seconds of a job.

    Args:
        peak: seconds that the job's work takes at the card's peak.
        start: seconds before the job begins to compute.
        share: share of the card's peak that the job reaches.
    """
    return start + peak / share


def measured_shares(finished: Iterable[Finished]) -> dict[str, Share]:
    """Map each kind of job to the share of the card's peak speed that the finished jobs of this kind reached."""
    by_kind: dict[str, list[Finished]] = {}
    for job in finished:
        by_kind.setdefault(job.kind, []).append(job)
    return {kind: _share(jobs) for kind, jobs in by_kind.items()}


def share_of(kind: str, measured: Mapping[str, Share]) -> Share:
    """Return the share of the card's peak speed that jobs of a kind are expected to reach.

    It is the share that finished jobs of this kind reached. Without such jobs, it is the share that finished jobs of a
    similar kind reached. Without those, it is the assumed share, ASSUMED.

    Args:
        kind: a key of KINDS, which also names the similar kinds.
        measured: kind of job -> share that its finished jobs reached, from `measured_shares`.
    """
    return next((measured[each] for each in (kind, *KINDS[kind]) if each in measured), ASSUMED)


def plan_errors(finished: Sequence[Finished]) -> list[dict[str, Any]]:
    """Compare the planned and the measured times of finished jobs, one row per kind of job.

    Returns:
        Rows with these columns:

        - `kind`: a key of KINDS.
        - `jobs`: number of jobs.
        - `share`: the share of the card's peak speed that the jobs together reached.
        - `low`, `high`: the lowest and the highest share that a single job reached.
        - `assumed_ratio`: the measured time of all jobs, divided by the time that they would take at the share
          ASSUMED_SHARE.
        - `error`: the median of |planned / measured - 1| over the jobs; None for fewer than two jobs. `planned` is the
          time that a job would take at the share that the other jobs of its kind reached.
    """
    rows = []
    for kind, share in measured_shares(finished).items():
        jobs = [job for job in finished if job.kind == kind]
        planned = sum(job_seconds(job.peak, job.start, ASSUMED_SHARE) for job in jobs)
        errors = [
            abs(job_seconds(job.peak, job.start, _share([*jobs[:i], *jobs[i + 1 :]]).value) / job.took - 1)
            for i, job in enumerate(jobs)
            if len(jobs) > 1
        ]
        ratio = sum(job.took for job in jobs) / planned
        row = {"kind": kind, "jobs": share.jobs, "share": share.value, "low": share.low, "high": share.high}
        rows.append(row | {"assumed_ratio": ratio, "error": median(errors) if errors else None})
    return rows


def _share(jobs: Sequence[Finished]) -> Share:
    each = [job.peak / job.computing for job in jobs]
    return Share(sum(job.peak for job in jobs) / sum(job.computing for job in jobs), min(each), max(each), len(jobs))
