"""Where studies of cases run: with an endpoint and a hub on loopback, and a Python that is warm."""

import contextlib
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.helpers.faulty_server import FaultyServer
from tests.helpers.hub_server import serving
from tests.helpers.warm_python import warm_python
from tests.helpers.workflow import Project
from tests.workflow.every_key.cases import Case
from tests.workflow.every_key.hub import cases_hub
from tests.workflow.every_key.runs import Job, Name, all_jobs, differing, downstream, told_jobs
from tests.workflow.every_key.study import SITECUSTOMIZE, write_answers_from_elsewhere, write_given, write_study

# Rules whose jobs may end as before, and what follows on them with them.
REASONS = {
    "check_dataset": "a task's limits and thresholds are one setting: one that no row reaches changes no verdict",
    "plot_training_curves": "one job draws the curves of all tasks: it runs where one task is taken away",
}
GENERATED = ("results", "reports", "logs", ".snakemake")


@dataclass(frozen=True)
class Ground:
    """What all studies of a test session share."""

    folder: Path
    python: Path
    environment: Mapping[str, str]
    port: str

    def project(self, name: str, cases: Iterable[Case], config: Mapping[str, Any] | None = None) -> Project:
        """A study of the cases as they are before their changes, run to its end."""
        cases = list(cases)
        project = Project.copy(self.folder / name, "every.yaml", self.python, **self.environment)
        (project.folder / "sitecustomize.py").write_text(SITECUSTOMIZE)
        write_given(project.folder)
        self.write(project, cases, False, config)
        write_answers_from_elsewhere(project, cases)
        project.run()
        assert project.planned() == set()
        return project

    def write(
        self, project: Project, cases: Iterable[Case], changed: bool, config: Mapping[str, Any] | None = None
    ) -> None:
        """Write a study's files, its config's further keys from `config`."""
        write_study(project, cases, changed, {"port": self.port, **(config or {})})

    def copy(self, project: Project, name: str, finished: bool = True) -> Project:
        """Another copy of a project, with its results or from scratch."""
        folder = self.folder / name
        left_out = () if finished else GENERATED
        shutil.copytree(project.folder, folder, symlinks=True, ignore=shutil.ignore_patterns(*left_out))
        return Project(folder, project.config, project.environment, project.python)


@dataclass(frozen=True)
class Compared:
    """A finished study, changed and run once more, beside the changed study from scratch."""

    before: Project
    after: Project
    scratch: Project
    planned: Mapping[Name, Job]  # by a dry run before it was run once more
    ran: Mapping[Name, Job]
    jobs: dict[Name, Job]  # of the changed study


def compare(ground: Ground, before: Project, name: str, write: Any) -> Compared:
    """Change a finished study with `write(project)`, run it, and run the same study from scratch."""
    after, scratch = ground.copy(before, f"{name}-after"), ground.copy(before, f"{name}-scratch", finished=False)
    for project in (after, scratch):
        write(project)
    planned = told_jobs(after.run("--dry-run"))
    ran = told_jobs(after.run())
    scratch.run()
    return Compared(before, after, scratch, planned, ran, all_jobs(scratch))


def begins(ran: Mapping[Name, Job]) -> set[Name]:
    """The jobs that ran on their own account: none of their inputs was made by another one that ran."""
    made = {path for job in ran.values() for path in job.outputs}
    return {name for name, job in ran.items() if not job.inputs & made}


def unexplained(compared: Compared, cases: Iterable[Case] = ()) -> set[Name]:
    """Jobs that ran without need or reason.

    Least are the jobs whose outputs differ between the studies from scratch, before and after, and all that follow on
    those. A rule of REASONS, and a case that gives one, explain more.
    """
    because = differing(compared.jobs, compared.before, compared.scratch)
    because |= {job for job in compared.ran if job[0] in REASONS}
    extra = set(compared.ran) - downstream(compared.jobs, because)
    explained = {f"task={case.name}" for case in cases if case.extra}
    return {job for job in extra if not explained & set(job[1].split(", "))}


@contextlib.contextmanager
def open_ground(folder: Path) -> Iterator[Ground]:
    """The servers and the warm Python, as long as the block lasts."""
    (folder / "for-hub").mkdir()
    rows = write_given(folder / "for-hub")
    with FaultyServer(say=_say) as server, serving(cases_hub(folder / "for-hub", rows)) as hub:
        environment = {"HF_ENDPOINT": hub.url, "HF_HOME": str(folder / "hub"), "HF_HUB_OFFLINE": "0"}
        with warm_python(folder, **environment) as python:
            port = server.url.split(":")[2].split("/")[0]
            yield Ground(folder, python, environment | {"KEY_A": "a", "KEY_B": "b"}, port)


def _say(messages: list[dict[str, str]]) -> str:
    """A grade that depends on what is to be graded; to anything else its first words."""
    text = messages[-1]["content"]
    return str(1 + sum(map(ord, text)) % 5) if "<answer" in text else " ".join(text.split()[:4])
