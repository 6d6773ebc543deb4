"""A copy of the project to run Snakemake in, the jobs of a dry run, and files of a run."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from clinical_dpo.io import write_jsonl
from tests.conftest import ROOT
from tests.helpers.rating import study

SMALL = "tests/workflow/config/small.yaml"
MODELS = {
    **dict.fromkeys(("uti", "reasoning", "summarization", "triage_urgency"), "tiny-mistral"),
    **dict.fromkeys(("pubmedqa", "meqsum"), "tiny-biomistral"),
    "pubmedqa_labels": "tiny-mistral",
}
TASKS = tuple(MODELS)
READ = tuple(task for task in TASKS if task != "pubmedqa_labels")  # tasks whose answers can be unreadable
MODEL = "tiny-mistral"
VARIANTS = ("base", "sft", "dpo")
# Variables of a test's process that a reader's shell does not have. `nproc` reads the first.
NOT_OF_READERS = ("OMP_NUM_THREADS", "MAKEFLAGS", "MAKELEVEL")
Jobs = set[tuple[str, str]]  # rule, wildcards as Snakemake prints them


@dataclass(frozen=True)
class Project:
    """A copy of the project in its own folder."""

    folder: Path
    config: str
    environment: dict[str, str]
    python: Path | None = None  # program that runs scripts in place of Snakemake's Python (warm_python.py)

    @classmethod
    def copy(cls, folder: Path, config: str, python: Path | None = None, **environment: str) -> "Project":
        """Copy the files that git would clone, with uncommitted changes."""
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        for name in listed.stdout.splitlines():
            if (ROOT / name).is_file():
                target = folder / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, target)
        return cls(folder, config, environment, python)

    def snakemake(
        self, *arguments: str, cores: int = 2, rules: Sequence[str] = (), targets: Sequence[str] = ()
    ) -> subprocess.CompletedProcess[str]:
        """Run Snakemake in a process as a user would.

        Args:
            arguments: options and targets.
            cores: number of cores.
            rules: the only rules that may run; any rule may run if there are none.
            targets: more targets.
        """
        allowed = ["--allowed-rules", *rules] if rules else []
        return subprocess.run(
            # --configfile and --allowed-rules take every word up to the next option.
            [*self.command(), *arguments, "--cores", str(cores), "--configfile", self.config, *allowed]
            + (["--", *targets] if targets else []),
            cwd=self.folder,
            capture_output=True,
            text=True,
            env=os.environ | {"HF_HUB_OFFLINE": "1"} | self.environment,
        )

    def command(self) -> list[str]:
        """The command that starts Snakemake, without arguments."""
        if not self.python:
            return [sys.executable, "-m", "snakemake"]
        return [str(self.python.with_name("bin") / "snakemake")]

    def run(self, *arguments: str, **options: Any) -> str:
        """Run Snakemake, assert that it succeeds, and return its output."""
        done = self.snakemake(*arguments, **options)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
        return done.stdout + done.stderr

    def shell(self, command: str, **environment: str) -> str:
        """Run a command as a reader types it, assert that it succeeds, and return its output.

        Args:
            command: for bash, in the project's folder. The programs of the tests' Python come first in its PATH, or
                `snakemake` of `python` if there is one.
            environment: further environment variables.
        """
        inherited = {name: value for name, value in os.environ.items() if name not in NOT_OF_READERS}
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        if self.python:
            path = f"{self.python.with_name('bin')}:{path}"
        done = subprocess.run(
            command,
            shell=True,
            executable=shutil.which("bash"),
            cwd=self.folder,
            capture_output=True,
            text=True,
            env=inherited | {"PATH": path, "HF_HUB_OFFLINE": "1"} | self.environment | environment,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}{done.stderr[-6000:]}"
        return done.stdout + done.stderr

    def install(self) -> None:
        """Give the project the environment of the tests as `.venv`, as if `make` had installed the locks into it."""
        venv = self.folder / ".venv"
        venv.mkdir()
        for name in ("bin", "lib", "pyvenv.cfg"):
            if (source := Path(sys.prefix) / name).exists():
                (venv / name).symlink_to(source)
        (venv / "installed").touch()

    def planned(self, *arguments: str) -> Jobs:
        """Rule and wildcards of every job that a dry run lists."""
        text = self.run("--dry-run", *arguments)
        listed = re.findall(r"^(?:local)?rule (\w+):\n((?:    .*\n)*)", text, re.MULTILINE)
        jobs = {(rule, match[1] if (match := re.search(r"wildcards: (.*)", body)) else "") for rule, body in listed}
        return {job for job in jobs if job[0] not in ("all", "stats", "figures")}

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace the first occurrence of a text in a file; the file must contain it."""
        path = self.folder / name
        text = path.read_text()
        assert old in text, f"{name} does not hold {old!r}"
        path.write_text(text.replace(old, new, 1))


def write_study_answers(project: Project, run: str, task: str, model: str) -> Path:
    """Write the test rows and answers of `tests.helpers.rating.study`, as if a model had answered a task.

    Returns:
        The folder of the model's results. Its answers have the records that their jobs would write.
    """
    test, answers = study()
    folder = project.folder / "results" / run / task
    write_jsonl(folder / "data/test.jsonl", test)
    write_answers(project, run, task, model, answers)
    return folder / model


def write_answers(project: Project, run: str, task: str, model: str, answers: Mapping[str, Sequence[Any]]) -> None:
    """Write each variant's answers with the record that the job of a model would write."""
    settings = yaml.safe_load((project.folder / f"config/models/{model}.yaml").read_text())
    task_file = yaml.safe_load((project.folder / f"config/tasks/{task}.yaml").read_text())
    model_settings = {key: settings[key] for key in ("name", "dtype", "attention", "quantization") if key in settings}
    record = {"model": model_settings, "max_new_tokens": task_file["max_new_tokens"], "versions": {}}
    for variant, texts in answers.items():
        path = project.folder / "results" / run / task / model / f"predictions/{variant}.jsonl"
        write_jsonl(path, texts)
        path.with_suffix(".json").write_text(json.dumps(record))


def results(project: Project, *parts: str) -> Path:
    """A file of the small run's results."""
    return project.folder.joinpath("results/small", *parts)


def rows(path: Path) -> list[dict[str, Any]]:
    """Rows of a JSON Lines or CSV file."""
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def typed(value: str, column: Mapping[str, Any]) -> Any:
    """A cell of a CSV table as the type that a schema's column has."""
    kinds = column.get("type", "string")
    kinds = kinds if isinstance(kinds, list) else [kinds]
    if value == "" and ("null" in kinds or None in column.get("enum", [])):
        return None
    if "integer" in kinds:
        return int(value)
    return float(value) if "number" in kinds else value


def per_model(rule: str, task: str, **more: str) -> Jobs:
    """The job of a rule for a task and its model, as a set."""
    return {
        (rule, ", ".join([f"task={task}", f"model={MODELS[task]}", *(f"{key}={value}" for key, value in more.items())]))
    }
