"""Find the tasks that run on generated text because their own text is missing. The config may allow or forbid this."""

from collections.abc import Collection

from clinical_dpo.cluster.plan import cost_rows
from clinical_dpo.config.study import Study
from clinical_dpo.errors import PublicError

ALLOWED = "allow_generated"  # key of the config that permits such tasks


def generated_tasks(study: Study) -> dict[str, str]:
    """Map each task that runs on generated text in this run to the reason why its own text is missing."""
    reasons = {}
    for task in study.tasks:
        if study.is_synthetic(task):
            missing = study.missing(task)
            reasons[task] = missing[0] if missing else "its source is synthetic"
    return reasons


def refuse_generated(study: Study, tasks: Collection[str]) -> None:
    """Stop a run that would generate text in place of missing data, unless the config allows this.

    Without this check a user may believe that the results are from real data.

    Args:
        study: the run.
        tasks: tasks whose records the run is about to make. A task whose records exist is not checked again.

    Raises:
        PublicError: text would be generated in place of a task's own text, and the config does not allow it. The
            message has the reason and the cost of each such task.
    """
    stand_ins = {task: missing[0] for task in tasks if (missing := study.missing(task)) and study.is_synthetic(task)}
    if not stand_ins or study.config[ALLOWED]:
        return
    costs = cost_rows(study)
    lines = []
    for task, reason in stand_ins.items():
        rows = [row for row in costs if row["task"] == task]
        hours = sum(row["hours"] for row in rows if row["gpu_jobs"])
        jobs = sum(row["jobs"] for row in rows)
        lines.append(f"  {task}: {reason} ({f'{hours:,.1f} GPU hours' if hours else f'{jobs} jobs without a GPU'})")
    raise PublicError(
        "\n".join(
            [
                "These tasks would run on generated text, which is no evidence about medicine:",
                *lines,
                "Nothing has been started. Add the data, or leave the tasks out: set `when_missing: leave_out` in the "
                f"task file. To allow generated text in this run only, add --config {ALLOWED}=true to the command. To "
                f"allow it in every run, set {ALLOWED}: true in the config.",
            ]
        )
    )
