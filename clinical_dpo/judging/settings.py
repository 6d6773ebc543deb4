"""What a task asks of its judge, checked before a run: the endpoint is known, and may see the task's text."""

from collections.abc import Collection, Mapping
from typing import Any

from clinical_dpo.endpoint_settings import check_endpoint_allowed, endpoint_named

GRADED = {"likert": "likert", "accuracy": "correctness"}  # a task's metric -> what a judge says of each answer


def check_judge(task: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    """Raise UserError where a task's judge is no endpoint of the config, or may not see private text."""
    if "judge" in task:
        where = f"config/tasks/{task['name']}.yaml: judge"
        endpoint = endpoint_named(task["judge"], config["endpoints"], where)
        check_endpoint_allowed(task, endpoint, config["phi_hosts"])


def judged_sheets(task: Mapping[str, Any], sheets: Collection[str]) -> list[str]:
    """What a task's judge is asked for: its grades, and beside people's ratings what they were asked.

    Args:
        task: the task file's settings.
        sheets: names of the sheets that its raters get.
    """
    if "judge" not in task:
        return []
    graded = [GRADED[task["metric"]]] if task["grader"] == "judge" else []
    beside = [sheet for sheet in ("correctness", "preference") if sheet in sheets]
    preferred = ["preference"] if task.get("preference_grader") == "judge" else []
    return sorted({*graded, *beside, *preferred})
