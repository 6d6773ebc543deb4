"""Refuse to start a run while jobs of an earlier run are in Slurm's queue.

If Snakemake is killed instead of interrupted, its jobs keep running. After the folder is unlocked, a new start would
submit the same jobs a second time, and both copies of a job would write the same files.
"""

import os
import subprocess
from collections.abc import Iterable
from pathlib import Path

from clinical_dpo.errors import UserError

SQUEUE = ("squeue", "--me", "--noheader", "--format=%A|%j|%k|%Z")  # of unfinished jobs: id, run, comment, folder
SHOWN = 5  # most jobs that a message lists


def refuse_queued_jobs(folder: Path, submits: bool) -> None:
    """Refuse a start while Slurm's queue has jobs that Snakemake submitted from `folder`. Without Slurm, do nothing.

    Args:
        folder: the working directory.
        submits: whether this run will submit jobs. If it will submit none, errors of squeue are ignored.

    Raises:
        UserError: such jobs are in the queue, or the run will submit jobs and squeue fails or does not answer. The
            message about queued jobs has the command that cancels these jobs.
    """
    try:
        done = subprocess.run(SQUEUE, capture_output=True, text=True, timeout=60 if submits else 10)
    except FileNotFoundError:
        return
    except subprocess.TimeoutExpired:
        if submits:
            raise UserError("squeue does not answer within a minute. Start again when Slurm answers.") from None
        return
    if done.returncode:
        if submits:
            raise UserError(f"squeue failed: {done.stderr.strip()}. Start again when Slurm works.")
        return
    queued = queued_jobs(folder, done.stdout, os.environ.get("SLURM_JOB_ID"))
    if queued:
        raise UserError(refusal(queued))


def queued_jobs(folder: Path, squeue_output: str, own_job: str | None = None) -> dict[str, tuple[str, str]]:
    """Snakemake's jobs in the queue: id -> (name of the run that submitted the job, rule and wildcards).

    Args:
        folder: the working directory from which the jobs were submitted.
        squeue_output: output of SQUEUE.
        own_job: id of the job in which this process runs, which is left out of the result; None outside a job.
    """
    jobs = {}
    for line in squeue_output.splitlines():
        job, run, rest = line.split("|", 2)
        comment, job_folder = rest.rsplit("|", 1)
        if comment.startswith("rule_") and job != own_job and Path(job_folder).resolve() == folder.resolve():
            jobs[job] = (run, comment.removeprefix("rule_").replace("_wildcards_", " "))
    return jobs


def refusal(queued: dict[str, tuple[str, str]]) -> str:
    """The error message that refuses a start because jobs of an earlier run are in Slurm's queue.

    The message lists at most SHOWN of the jobs. It also has the command that cancels every job of the runs that
    submitted the queued jobs.

    Args:
        queued: the jobs, from `queued_jobs`.
    """
    shown = [f"  {job}  {rule}" for job, (_, rule) in list(queued.items())[:SHOWN]]
    more = [f"  and {len(queued) - SHOWN} more"] if len(queued) > SHOWN else []
    return "\n".join(
        [
            "Jobs that an earlier run submitted from this folder are still in Slurm's queue:",
            *shown,
            *more,
            "A new start would run these jobs twice, and both copies would write the same files. Wait until the jobs "
            "end, or cancel them:",
            f"  {cancel_line(run for run, _ in queued.values())}",
            "Then start again. Finished results stay, and training resumes from its last checkpoint.",
        ]
    )


def cancel_line(runs: Iterable[str]) -> str:
    """The command that cancels all jobs of the named runs."""
    return f"scancel --me --name={','.join(sorted(set(runs)))}"
