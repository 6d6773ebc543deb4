"""What a run did, and whether two runs ended in the same files."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.helpers.compare_runs import PRICE, content
from tests.helpers.workflow import Project

Name = tuple[str, str]  # rule, wildcards
TARGETS = ("all", "stats", "figures")


@dataclass(frozen=True)
class Job:
    """A job as Snakemake tells it."""

    inputs: frozenset[str]
    outputs: frozenset[str]


def told_jobs(text: str) -> dict[Name, Job]:
    """The jobs that Snakemake tells of, in a dry run or in a real one."""
    jobs = {}
    for rule, body in re.findall(r"^(?:local)?rule (\w+):\n((?:    .*\n)*)", text, re.MULTILINE):
        said = dict(re.findall(r"^    (\w+): (.*)$", body, re.MULTILINE))
        files = {name: frozenset(said.get(name, "").split(", ")) - {""} for name in ("input", "output")}
        if rule not in TARGETS:
            jobs[rule, said.get("wildcards", "")] = Job(files["input"], files["output"])
    return jobs


def all_jobs(project: Project) -> dict[Name, Job]:
    """Every job of a study, whether it is done or not."""
    return told_jobs(project.run("--dry-run", "--forceall"))


def differing(jobs: dict[Name, Job], one: Project, other: Project) -> set[Name]:
    """The jobs with an output that differs between two finished runs, or that is in one alone."""
    return {
        name
        for name, job in jobs.items()
        if any(content(one.folder / path, PRICE) != content(other.folder / path, PRICE) for path in job.outputs)
    }


def downstream(jobs: dict[Name, Job], of: Iterable[Name]) -> set[Name]:
    """Jobs, and all that follow on them: Snakemake runs what follows on a job that runs."""
    readers: dict[str, list[Name]] = {}
    for name, job in jobs.items():
        for path in job.inputs:
            readers.setdefault(path, []).append(name)
    found, queue = set(of), list(of)
    while queue:
        for path in jobs[queue.pop()].outputs:
            for reader in readers.get(path, []):
                if reader not in found:
                    found.add(reader)
                    queue.append(reader)
    return found


def numbers(path: Path) -> list[float]:
    """All numbers of a table, in order."""
    return [float(word) for word in re.findall(r"(?<![\w.])-?\d+(?:\.\d+)?(?:e[-+]\d+)?(?![\w.])", path.read_text())]


def unlike(jobs: dict[Name, Job], one: Project, other: Project) -> list[str]:
    """The outputs that differ, by path."""
    return sorted(
        path
        for job in jobs.values()
        for path in job.outputs
        if content(one.folder / path, PRICE) != content(other.folder / path, PRICE)
    )


def as_text(jobs: Iterable[Name]) -> str:
    """Jobs as lines."""
    return json.dumps(sorted(jobs), indent=1)
