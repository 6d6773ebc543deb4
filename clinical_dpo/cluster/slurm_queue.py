"""Jobs of an earlier run that are still in Slurm's queue: a second run beside them would write the same files twice.

Snakemake that is killed (not interrupted) leaves its jobs running; unlocking the folder and starting again submits them
a second time.
"""

import os
import subprocess
from collections.abc import Iterable
from pathlib import Path

from clinical_dpo.errors import UserError

SQUEUE = ("squeue", "--me", "--noheader", "--format=%A|%j|%k|%Z")  # job, run, comment, folder; finished ones left out
SHOWN = 5


def refuse_queued_jobs(folder: Path, submits: bool) -> None:
    """Ask Slurm, where there is one, whether jobs that a Snakemake submitted from `folder` wait or run.

    Args:
        folder: the working directory.
        submits: whether this run will submit jobs. One that does not needs no Slurm, even where its programs are.

    Raises:
        UserError: they do; with the line that cancels them. Or Slurm does not answer one who is about to submit.
    """
    try:
        done = subprocess.run(SQUEUE, capture_output=True, text=True, timeout=60 if submits else 10)
    except FileNotFoundError:
        return
    except subprocess.TimeoutExpired:
        if submits:
            raise UserError("squeue does not answer within a minute. Start again when Slurm does.") from None
        return
    if done.returncode:
        if submits:
            raise UserError(f"squeue failed, so jobs could not be submitted either: {done.stderr.strip()}")
        return
    queued = jobs_of(folder, done.stdout, os.environ.get("SLURM_JOB_ID"))
    if queued:
        raise UserError(refusal(queued))


def jobs_of(folder: Path, listed: str, own: str | None = None) -> dict[str, tuple[str, str]]:
    """Jobs of a folder: id -> name of the run that submitted it, what it does.

    Args:
        folder: the working directory.
        listed: what SQUEUE prints.
        own: id of the job that asks, if it is one.
    """
    jobs = {}
    for line in listed.splitlines():
        job, run, rest = line.split("|", 2)
        comment, where = rest.rsplit("|", 1)
        if comment.startswith("rule_") and job != own and Path(where).resolve() == folder.resolve():
            jobs[job] = (run, comment.removeprefix("rule_").replace("_wildcards_", " "))
    return jobs


def refusal(queued: dict[str, tuple[str, str]]) -> str:
    """What to tell of such jobs, with the line to type."""
    shown = [f"  {job}  {what}" for job, (_, what) in list(queued.items())[:SHOWN]]
    more = [f"  and {len(queued) - SHOWN} more"] if len(queued) > SHOWN else []
    return "\n".join(
        [
            "Jobs that an earlier run submitted from this folder are still in Slurm's queue:",
            *shown,
            *more,
            "Started now, they would run twice and write the same files. Wait until they have ended, or cancel them:",
            f"  {cancel_line(run for run, _ in queued.values())}",
            "and start again: what has ended well is kept, training goes on from its last checkpoint.",
        ]
    )


def cancel_line(runs: Iterable[str]) -> str:
    """The command that cancels all jobs of some runs."""
    return f"scancel --me --name={','.join(sorted(set(runs)))}"
