"""Jobs of a run, and the comparison of two runs' outputs."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from tests.helpers.compare_runs import PRICE, content
from tests.helpers.workflow import Project

Name = tuple[str, str]  # rule, wildcards
TARGETS = ("all", "stats", "figures")


@dataclass(frozen=True)
class Job:
    """Inputs and outputs of a job, as Snakemake prints them."""

    inputs: frozenset[str]
    outputs: frozenset[str]


def printed_jobs(text: str) -> dict[Name, Job]:
    """Jobs in the output of a run or a dry run of Snakemake."""
    jobs = {}
    for rule, body in re.findall(r"^(?:local)?rule (\w+):\n((?:    .*\n)*)", text, re.MULTILINE):
        entries = dict(re.findall(r"^    (\w+): (.*)$", body, re.MULTILINE))
        files = {name: frozenset(entries.get(name, "").split(", ")) - {""} for name in ("input", "output")}
        if rule not in TARGETS:
            jobs[rule, entries.get("wildcards", "")] = Job(files["input"], files["output"])
    return jobs


def all_jobs(project: Project) -> dict[Name, Job]:
    """Every job of a study, finished or not."""
    return printed_jobs(project.run("--dry-run", "--forceall"))


def differing(jobs: dict[Name, Job], first: Project, second: Project) -> set[Name]:
    """Jobs with an output that differs between two finished runs, or that only one of them has."""
    return {name for name, job in jobs.items() if unequal_outputs({name: job}, first, second)}


def downstream(jobs: dict[Name, Job], names: Iterable[Name]) -> set[Name]:
    """Some jobs, and all jobs that depend on them, which Snakemake runs after a job that runs."""
    readers: dict[str, list[Name]] = {}
    for name, job in jobs.items():
        for path in job.inputs:
            readers.setdefault(path, []).append(name)
    reached, queue = set(names), list(names)
    while queue:
        for path in jobs[queue.pop()].outputs:
            for reader in readers.get(path, []):
                if reader not in reached:
                    reached.add(reader)
                    queue.append(reader)
    return reached


def unequal_outputs(jobs: dict[Name, Job], first: Project, second: Project) -> list[str]:
    """Paths of the outputs that differ between two runs."""
    return sorted(
        path
        for job in jobs.values()
        for path in job.outputs
        if content(first.folder / path, PRICE) != content(second.folder / path, PRICE)
    )
