"""The judge of a task: its endpoint, the verdicts that the task needs, and the rounds of judging."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from clinical_dpo.config.endpoints import Endpoint, check_endpoint_allowed, endpoint_named, why_unavailable
from clinical_dpo.config.graders import AWAITED
from clinical_dpo.config.raters import graded_sheet, rated_sheets
from clinical_dpo.errors import UserError
from clinical_dpo.io import read_json

TOKENS_OF_CRITERION = 8  # tokens of a judge's reply about one criterion, such as `"12": "yes", `
# Metric of a task -> kind of its judge's verdicts.
VERDICT_KINDS = {"likert": "likert", "rubric": "rubric", "accuracy": "correctness"}


def check_judge(task: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    """Refuse a judge that cannot or must not grade a task.

    Args:
        task: the task file's settings.
        config: the run's config.

    Raises:
        UserError: the judge is not an endpoint of the config, may not receive the task's private text, or has a token
            limit that would cut off a reply about the task's rubric.
    """
    if "judge" in task:
        where = f"config/tasks/{task['name']}.yaml: judge"
        endpoint = endpoint_named(task["judge"], config["endpoints"], where)
        check_endpoint_allowed(task, endpoint, config["phi_hosts"], config["plain_http_hosts"])
        fewest = TOKENS_OF_CRITERION * len(task.get("rubric", ()))
        if endpoint.token_limit < fewest:
            raise UserError(
                f"{where}: a reply of endpoint '{task['judge']}' has at most {endpoint.token_limit} tokens, but a "
                f"reply about the {len(task['rubric'])} items of key 'rubric' needs about {fewest} tokens. Set "
                f"max_tokens of this endpoint to {fewest} or more. If its `parameters` have a limit, raise that limit."
            )


def judged_sheets(task: Mapping[str, Any], sheets: Collection[str]) -> list[str]:
    """The kinds of verdicts that a task needs from its judge, sorted.

    If the judge is the grader, the kind of the task's grades is needed: `correctness`, `likert` or `rubric`. A metric
    that a judge cannot grade needs none. If the judge is the preference grader, `preference` is needed. The judge also
    gives every kind of verdict for which the task has a sheet for raters. A task without a judge needs none.

    Args:
        task: the task file's settings.
        sheets: names of the task's sheets for raters.
    """
    if "judge" not in task:
        return []
    graded = [VERDICT_KINDS[task["metric"]]] if task["grader"] == "judge" and task["metric"] in VERDICT_KINDS else []
    beside = [sheet for sheet in ("correctness", "likert", "rubric", "preference") if sheet in sheets]
    preferred = ["preference"] if task.get("preference_grader") == "judge" else []
    return sorted({*graded, *beside, *preferred})


def is_corrected(task: Mapping[str, Any]) -> bool:
    """Whether a judge grades all of a task's answers, and raters grade a sample of them to correct the judge's grades.

    With grader `judge`, the raters grade beside the judge. With grader `physicians`, the judge grades beside the
    raters. With any other grader, the result is False.

    Args:
        task: the task file's settings, from `raters.with_sample`.
    """
    sheets = rated_sheets(task)
    sheet = graded_sheet(task)
    both_grade = sheet in sheets and sheet in judged_sheets(task, sheets)
    return "rater_sample" in task and task["grader"] in AWAITED and both_grade


def judging_round(record: str | Path, endpoint: Endpoint) -> int:
    """Return the number of a judge's current round. A round asks the judge about all items without a verdict.

    The number is the last round's number plus 1 if the endpoint is available and the last round has pending items that
    the server did not refuse. Otherwise it is the last round's number. The number is a parameter of the Snakemake rule,
    so a changed number makes the rule run again.

    Items that the server refused cause no new round. If there is a new round, it asks about these items again.

    Args:
        record: path of the record that `judge.judge_items` returned in the last round. If the file does not exist, the
            number is 0.
        endpoint: the judge's endpoint.
    """
    if not Path(record).exists():
        return 0
    last = read_json(record)
    number: int = last.get("round", 0)
    return number + 1 if last.get("unanswered", last["pending"]) and not why_unavailable(endpoint) else number


def judge_endpoint(task: Mapping[str, Any], config: Mapping[str, Any]) -> Endpoint:
    """The endpoint of the judge that a task file names."""
    return endpoint_named(task["judge"], config["endpoints"], "judge")


def graded_by_judge(task: Mapping[str, Any]) -> bool:
    """Whether the task's grades come from a judge that the task file names."""
    return task["grader"] == "judge" and "judge" in task


def unnamed_judges(tasks: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """A sentence for each task that has the grader `judge` and names no judge."""
    return [
        f"{task}: the task names no judge (key judge of config/tasks/{task}.yaml)"
        for task, settings in tasks.items()
        if settings["grader"] == "judge" and "judge" not in settings
    ]
