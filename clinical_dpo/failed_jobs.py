"""The messages of failed jobs, for the end of the terminal's output. They are printed apart from Snakemake's lines."""

from pathlib import Path

from clinical_dpo.script import PRIVATE


def failure(job: str, log: Path) -> str:
    """Return the message of a failed job in one line.

    If the logs are private, or if the log has no message of a UserError, the line names the log instead.

    Args:
        job: name of the job.
        log: path of the job's log, whose last line is the message of a UserError.
    """
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
    private = any((folder / PRIVATE).exists() for folder in log.parents)
    if private or not lines or any(line.startswith("Traceback") for line in lines):
        return f"{job} failed. The reason is in {log}."
    return f"{job} failed: {lines[-1]}"
