"""Find the tasks that run on generated text. Refuse runs in which generated text would replace unavailable data.

A run is refused if a task's own text is unavailable and generated text would replace it. `allow_generated: true` in the
config permits such a run. If a task's source is synthetic, generated text is the task's own text. A run on this text is
not refused.
"""

from collections.abc import Collection

from clinical_dpo.cluster.plan import cost_rows
from clinical_dpo.config.study import Study
from clinical_dpo.errors import PublicError

ALLOWED = "allow_generated"  # key of the config that permits such tasks


def generated_tasks(study: Study) -> dict[str, str]:
    """Return task -> reason, for each task that runs on generated text in this run.

    There are two possible reasons. Either the task's source is synthetic, or the task's own text is unavailable
    (`Study.missing`) and generated text replaces it.
    """
    reasons = {}
    for task in study.tasks:
        if study.is_synthetic(task):
            missing = study.missing(task)
            reasons[task] = missing[0] if missing else "its source is synthetic"
    return reasons


def refuse_generated(study: Study, tasks: Collection[str]) -> None:
    """Refuse a run in which generated text would replace a task's own text, unless the config allows this.

    Without this check, a user may believe that the results are from real data.

    Args:
        study: the run's study.
        tasks: names of the tasks to check. These are the tasks whose records the run will make. A task whose records
            exist already needs no check.

    Raises:
        PublicError: a task would run on generated text because it cannot use its own text, and the config does not
            allow this. For each such task, the message says why the task cannot use its own text, and what the task
            costs: its GPU hours, or the number of its jobs if none of them uses a GPU.
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
