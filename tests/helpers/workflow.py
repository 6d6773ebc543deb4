"""A copy of the project to run Snakemake in, and what a dry run says it would do."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.conftest import ROOT

SMALL = "tests/workflow/config/small.yaml"
MODELS = {
    **dict.fromkeys(("uti", "reasoning", "summarization", "triage_urgency"), "tiny-mistral"),
    **dict.fromkeys(("pubmedqa", "meqsum"), "tiny-biomistral"),
}
TASKS = tuple(MODELS)
MODEL = "tiny-mistral"
VARIANTS = ("base", "sft", "dpo")
SOURCES = ("config", "clinical_dpo", "workflow", "tests")
START = "from snakemake.cli import main; main()"
Jobs = set[tuple[str, str]]  # rule, wildcards as Snakemake prints them


@dataclass(frozen=True)
class Project:
    """A copy of the project in a folder of its own."""

    folder: Path
    config: str
    environment: dict[str, str]
    python: Path | None = None  # what runs scripts (tests/helpers/warm_python.py), in place of the Python of Snakemake

    @classmethod
    def copy(cls, folder: Path, config: str, python: Path | None = None, **environment: str) -> "Project":
        """Copy what git would clone, uncommitted changes included."""
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

    def snakemake(self, *arguments: str, cores: int = 2) -> subprocess.CompletedProcess[str]:
        """Run Snakemake as a user would, in a process of its own."""
        return subprocess.run(
            # The config last: its option takes every word up to the next option.
            [*self._snakemake(), *arguments, "--cores", str(cores), "--configfile", self.config],
            cwd=self.folder,
            capture_output=True,
            text=True,
            env=os.environ | {"HF_HUB_OFFLINE": "1"} | self.environment,
        )

    def _snakemake(self) -> list[str]:
        if not self.python:
            return [sys.executable, "-m", "snakemake"]
        return [sys.executable, "-c", f"import sys; sys.executable = {str(self.python)!r}; {START}"]

    def run(self, *arguments: str) -> str:
        """Run to a good end and return what was printed."""
        done = self.snakemake(*arguments)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
        return done.stdout + done.stderr

    def planned(self, *arguments: str) -> Jobs:
        """Rule and wildcards of every job a dry run would start."""
        text = self.run("--dry-run", *arguments)
        jobs = re.findall(r"^(?:local)?rule (\w+):\n((?:    .*\n)*)", text, re.MULTILINE)
        found = {(rule, match[1] if (match := re.search(r"wildcards: (.*)", body)) else "") for rule, body in jobs}
        return {job for job in found if job[0] not in ("all", "stats", "figures")}

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace one piece of a file's text."""
        path = self.folder / name
        text = path.read_text()
        assert old in text, f"{name} does not hold {old!r}"
        path.write_text(text.replace(old, new, 1))


def describe_answers(project: Project, task: str, model: str, predictions: Path) -> None:
    """Write beside answers that a test makes up what a job would have: the settings that they stand for."""
    settings = yaml.safe_load((project.folder / f"config/models/{model}.yaml").read_text())
    asked = yaml.safe_load((project.folder / f"config/tasks/{task}.yaml").read_text())
    used = {key: settings[key] for key in ("name", "dtype", "attention", "quantization") if key in settings}
    record = {"model": used, "max_new_tokens": asked["max_new_tokens"], "versions": {}}
    for path in predictions.glob("*.jsonl"):
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


def per_model(rule: str, task: str, **more: str) -> Jobs:
    """The job of a rule for a task and its model."""
    return {
        (rule, ", ".join([f"task={task}", f"model={MODELS[task]}", *(f"{key}={value}" for key, value in more.items())]))
    }
