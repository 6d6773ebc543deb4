"""What a run did, and whether two runs ended in the same files."""

import json
import re
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.workflow import Project

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
        if any(content(one.folder / path) != content(other.folder / path) for path in job.outputs)
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


def content(path: Path) -> object:
    """What a file says; of a folder all files, None of none.

    Left out are the time that a workbook bears, and what a judge cost: its price reruns nothing.
    """
    if path.is_dir():
        return {file.relative_to(path): file.read_bytes() for file in path.rglob("[!.]*") if file.is_file()}
    if not path.exists():
        return None
    if path.parent.name == "judge" and path.suffix == ".json":
        return {key: value for key, value in json.loads(path.read_bytes()).items() if key != "cost_usd"}
    if path.suffix == ".xlsx":
        with zipfile.ZipFile(path) as book:
            return {name: book.read(name) for name in book.namelist() if name != "docProps/core.xml"}
    return path.read_bytes()


def numbers(path: Path) -> list[float]:
    """All numbers of a table, in order."""
    return [float(word) for word in re.findall(r"(?<![\w.])-?\d+(?:\.\d+)?(?:e[-+]\d+)?(?![\w.])", path.read_text())]


def unlike(jobs: dict[Name, Job], one: Project, other: Project) -> list[str]:
    """The outputs that differ, by path."""
    return sorted(
        path
        for job in jobs.values()
        for path in job.outputs
        if content(one.folder / path) != content(other.folder / path)
    )


def as_text(jobs: Iterable[Name]) -> str:
    """Jobs as lines."""
    return json.dumps(sorted(jobs), indent=1)
