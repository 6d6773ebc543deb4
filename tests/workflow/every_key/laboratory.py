"""Runs of studies of cases, with an endpoint and a hub on loopback and a Python with imported libraries."""

import contextlib
import os
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
from tests.workflow.every_key.runs import Job, Name, all_jobs, differing, downstream, printed_jobs
from tests.workflow.every_key.study import SITECUSTOMIZE, write_data, write_external_answers, write_study

# Rules whose jobs, and the jobs that depend on them, may end with equal outputs.
REASONS = {
    "check_dataset": "a task's limits and thresholds are one setting; a limit that no row reaches changes no verdict",
    "plot_training_curves": "one job draws the curves of all tasks, so that it runs if a task is removed",
}
GENERATED = ("results", "reports", "logs", ".snakemake")
CORES = 4  # the study of all keys is the longest of the slow tests, and more jobs at once give it more of the machine


@dataclass(frozen=True)
class Laboratory:
    """Folder, Python, environment and servers' port of all studies of a test session."""

    folder: Path
    python: Path
    environment: Mapping[str, str]
    port: str

    def project(self, name: str, cases: Iterable[Case], config: Mapping[str, Any] | None = None) -> Project:
        """A finished study of the cases before their changes; `config` holds further keys of its config."""
        cases = list(cases)
        project = Project.copy(self.folder / name, "every.yaml", self.python, **self.environment)
        (project.folder / "sitecustomize.py").write_text(SITECUSTOMIZE)
        write_data(project.folder)
        for seed in (1, 2):
            shutil.copytree(self.folder / f"for-hub/{seed}", project.folder / f"given/model-{seed}")
        self.write(project, cases, False, config)
        write_external_answers(project, cases)
        project.run(cores=CORES)
        assert project.planned() == set()
        return project

    def write(
        self, project: Project, cases: Iterable[Case], changed: bool, config: Mapping[str, Any] | None = None
    ) -> None:
        """Write a study's files, with further keys of its config in `config`."""
        write_study(project, cases, changed, {"port": self.port, **(config or {})})

    def copy(self, project: Project, name: str, finished: bool = True) -> Project:
        """Another copy of a project, with its results or without them."""
        folder = self.folder / name
        excluded = () if finished else GENERATED
        shutil.copytree(project.folder, folder, symlinks=True, ignore=shutil.ignore_patterns(*excluded))
        return Project(folder, project.config, project.environment, project.python)


@dataclass(frozen=True)
class Compared:
    """A finished study, the same study changed and run again, and the changed study run from scratch."""

    before: Project
    after: Project
    scratch: Project
    planned: Mapping[Name, Job]  # jobs of a dry run after the change
    ran: Mapping[Name, Job]  # jobs that ran after the change
    jobs: dict[Name, Job]  # all jobs of the changed study


def compare(laboratory: Laboratory, before: Project, name: str, write: Any) -> Compared:
    """Change a finished study with `write(project)`, run it again, and run the changed study from scratch."""
    after = laboratory.copy(before, f"{name}-after")
    scratch = laboratory.copy(before, f"{name}-scratch", finished=False)
    for project in (after, scratch):
        write(project)
    planned = printed_jobs(after.run("--dry-run"))
    ran = printed_jobs(after.run(cores=CORES))
    scratch.run(cores=CORES)
    return Compared(before, after, scratch, planned, ran, all_jobs(scratch))


def begins(ran: Mapping[Name, Job]) -> set[Name]:
    """Jobs that ran although no job before them ran: no other job made one of their inputs."""
    outputs = {path for job in ran.values() for path in job.outputs}
    return {name for name, job in ran.items() if not job.inputs & outputs}


def unexplained(compared: Compared, cases: Iterable[Case] = ()) -> set[Name]:
    """Jobs that ran without a reason.

    A job has a reason if its outputs differ between the studies from scratch before and after the change, if its rule
    is in REASONS, or if it depends on such a job. Cases with an `extra` explain the other jobs of their tasks.
    """
    causes = differing(compared.jobs, compared.before, compared.scratch)
    causes |= {job for job in compared.ran if job[0] in REASONS}
    extra = set(compared.ran) - downstream(compared.jobs, causes)
    explained = {f"task={case.name}" for case in cases if case.extra}
    return {job for job in extra if not explained & set(job[1].split(", "))}


@contextlib.contextmanager
def open_laboratory(folder: Path) -> Iterator[Laboratory]:
    """Run the servers and the Python with imported libraries until the block ends."""
    (folder / "for-hub").mkdir()
    rows = write_data(folder / "for-hub")
    with FaultyServer(say=_reply) as server, serving(cases_hub(folder / "for-hub", rows)) as hub:
        gpu = folder / "bin/nvidia-smi"  # for the case of a model that requests a GPU; its jobs compute on the CPU
        gpu.parent.mkdir()
        gpu.write_text("#!/bin/sh\necho 'GPU 0: None (UUID: GPU-0)'\n")
        gpu.chmod(0o755)
        environment = {"PATH": f"{gpu.parent}{os.pathsep}{os.environ['PATH']}"}
        environment |= {"HF_ENDPOINT": hub.url, "HF_HOME": str(folder / "hub"), "HF_HUB_OFFLINE": "0"}
        with warm_python(folder, **environment) as python:
            port = server.url.split(":")[2].split("/")[0]
            yield Laboratory(folder, python, environment | {"KEY_A": "a", "KEY_B": "b"}, port)


def _reply(messages: list[dict[str, str]]) -> str:
    """A grade that depends on the text to be graded; for any other prompt its first words."""
    text = messages[-1]["content"]
    return str(1 + sum(map(ord, text)) % 5) if "<answer" in text else " ".join(text.split()[:4])
