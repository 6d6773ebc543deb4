"""The messages of failed jobs, for the end of the terminal's output. They are printed apart from Snakemake's lines."""

from pathlib import Path

from clinical_dpo.script import PRIVATE


def failure(job: str, log: Path) -> str:
    """Return one line about a failed job. It quotes the last line of the job's log, or refers to the log.

    If the job failed with a UserError, the last line of the log is the error's message. In three cases, the result
    gives the path of the log and quotes nothing: the logs are private, the log has a traceback, or the log is empty or
    missing.

    Args:
        job: name of the job.
        log: path of the job's log.
    """
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
    private = any((folder / PRIVATE).exists() for folder in log.parents)
    if private or not lines or any(line.startswith("Traceback") for line in lines):
        return f"{job} failed. The reason is in {log}."
    return f"{job} failed: {lines[-1]}"
