"""The page that says what a changed key starts."""

from collections.abc import Iterable, Mapping, Sequence

from tests.workflow.every_key.cases import Case
from tests.workflow.every_key.ground import begins
from tests.workflow.every_key.runs import Job, Name
from tests.workflow.every_key.wide import EDITS, SETTINGS, SPEED

HEAD = """# What reruns what

Written by `tests/workflow/every_key`, which changes every key of a finished study, runs it once more, and holds the
result against a study from scratch. A job that runs starts all that follow on it; jobs are counted in the task that the
key was changed in, and those of tables, figures and summaries over all tasks are left out.

| key | begins with | jobs of the task |
|---|---|---|
"""
FOOT = """
Settings of the whole study: {settings}.

Nothing reruns for {speed}: they change results by rounding at most.

Code counts by what it does. Of these edits each begins with:

| edit in | begins with |
|---|---|
{edits}
"""


def matrix(cases: Iterable[Case], fast: Sequence[Case], ran: Mapping[Name, Job]) -> str:
    """The page, in Markdown.

    Args:
        cases: those that were changed.
        fast: those that change speed alone.
        ran: the jobs that ran for the changes.
    """
    lines = []
    for case in cases:
        words = {f"task={case.name}", f"model={case.name.replace('_', '-')}"}
        own = {name: job for name, job in ran.items() if words & set(name[1].split(", "))}
        rules = sorted({rule for rule, _ in begins(own)})
        keys = ", ".join(f"`{key}`" for key in case.keys[:3]) + (" ..." if len(case.keys) > 3 else "")
        lines.append(f"| {keys} | {', '.join(rules) or 'nothing of the task'} | {len(own)} |")
    speed = [key for case in fast for key in case.keys] + list(SPEED.keys)
    begun = {
        edit.file: ", ".join(sorted(edit.begins)) + f" ({edit.stage})" * bool(edit.stage) for edit in EDITS.values()
    }
    edits = [f"| `{file}` | {rules} |" for file, rules in begun.items()]
    settings = ", ".join(f"`{key}`" for each in SETTINGS.values() for key in each.keys)
    foot = FOOT.format(settings=settings, speed=", ".join(f"`{key}`" for key in speed), edits="\n".join(edits))
    return HEAD + "\n".join(lines) + "\n" + foot
