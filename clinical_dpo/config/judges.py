"""What a task asks of its judge, checked before a run (the endpoint is known, and may see the text), and when again."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from clinical_dpo.config.endpoints import Endpoint, check_endpoint_allowed, endpoint_named, why_unavailable
from clinical_dpo.io import read_json

GRADED = {"likert": "likert", "accuracy": "correctness"}  # a task's metric -> what a judge says of each answer


def check_judge(task: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    """Raise UserError where a task's judge is no endpoint of the config, or may not see private text."""
    if "judge" in task:
        where = f"config/tasks/{task['name']}.yaml: judge"
        endpoint = endpoint_named(task["judge"], config["endpoints"], where)
        check_endpoint_allowed(task, endpoint, config["phi_hosts"], config["plain_http_hosts"])


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


def judging_round(record: str | Path, endpoint: Endpoint) -> int:
    """Number of the round that a judge is in; a new one begins once what is pending can be asked about.

    It stands in the record. As a rule's parameter it asks again when the key is there, whatever made verdicts pending
    since, and once they are had, it stays.

    Args:
        record: what `judge.judge_items` wrote of itself, with its `round`.
        endpoint: the judge.
    """
    if not Path(record).exists():
        return 0
    kept = read_json(record)
    begun: int = kept.get("round", 0)
    return begun + 1 if kept["status"] == "pending" and not why_unavailable(endpoint) else begun


def judge_of(task: Mapping[str, Any], config: Mapping[str, Any]) -> Endpoint:
    """The endpoint that judges a task."""
    return endpoint_named(task["judge"], config["endpoints"], "judge")


def graded_by_judge(task: Mapping[str, Any]) -> bool:
    """Whether a task's grades are those of a judge that it names."""
    return task["grader"] == "judge" and "judge" in task


def unnamed_judges(tasks: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Tasks that want a judge and name none, in words."""
    return [
        f"{task}: no judge is named (key judge of config/tasks/{task}.yaml)"
        for task, settings in tasks.items()
        if settings["grader"] == "judge" and "judge" not in settings
    ]
