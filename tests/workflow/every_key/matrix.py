"""The page that lists the jobs that a changed key starts."""

from collections.abc import Iterable, Mapping, Sequence

from tests.workflow.every_key.cases import Case
from tests.workflow.every_key.laboratory import begins
from tests.workflow.every_key.runs import Job, Name
from tests.workflow.every_key.wide import EDITS, SETTINGS, SPEED

HEAD = """# Which change reruns which jobs

`tests/workflow/every_key` writes this page. It changes every key of a finished study, runs the study again, and
compares the result with a study from scratch. A job that reruns also reruns all jobs after it. The last column counts
the jobs of the task with the changed key; it leaves out jobs of tables, figures and summaries over all tasks.

| key | first rules | jobs of the task |
|---|---|---|
"""
FOOT = """
Settings of the whole study: {settings}.

A change of these keys reruns nothing: {speed}. They change results by rounding at most.

Code counts by its effect. Edits that change it rerun these rules first:

| edit in | first rules |
|---|---|
{edits}
"""


def matrix(cases: Iterable[Case], fast: Sequence[Case], ran: Mapping[Name, Job]) -> str:
    """Write the page in Markdown.

    Args:
        cases: the changed keys.
        fast: keys that only change speed.
        ran: the jobs that the changes rerun.
    """
    lines = []
    for case in cases:
        words = {f"task={case.name}", f"model={case.name.replace('_', '-')}"}
        task_jobs = {name: job for name, job in ran.items() if words & set(name[1].split(", "))}
        rules = sorted({rule for rule, _ in begins(task_jobs)})
        keys = ", ".join(f"`{key}`" for key in case.keys[:7]) + (" ..." if len(case.keys) > 7 else "")
        lines.append(f"| {keys} | {', '.join(rules) or 'nothing of the task'} | {len(task_jobs)} |")
    speed = [key for case in fast for key in case.keys] + list(SPEED.keys)
    begun = {
        edit.file: ", ".join(sorted(edit.begins)) + f" ({edit.stage})" * bool(edit.stage) for edit in EDITS.values()
    }
    edits = [f"| `{file}` | {rules} |" for file, rules in begun.items()]
    settings = ", ".join(f"`{key}`" for each in SETTINGS.values() for key in each.keys)
    foot = FOOT.format(settings=settings, speed=", ".join(f"`{key}`" for key in speed), edits="\n".join(edits))
    return HEAD + "\n".join(lines) + "\n" + foot
