"""Measure time and memory of Snakemake itself on large studies: dry runs and the plan of costs.

The script copies the project to a temporary folder, and adds a study of 30 tasks and 4 models with the learning rates
and betas of Savage et al. 2025. For comparison it measures a bare workflow with as many jobs, whose rules have no
functions, params or resources. No job runs. The script writes benchmarks/scale.md.
"""

import argparse
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import yaml

ROOT = Path(__file__).parent.parent
BARE = """
rule all:
    input: expand("{chain}/9_{file}.txt", chain=range(CHAINS), file=range(3))
rule first:
    output: expand("{{chain}}/0_{file}.txt", file=range(3))
    shell: "touch {output}"
for step in range(1, 10):
    rule:
        name: f"step_{step}"
        input: expand("{{chain}}/{before}_{file}.txt", before=step - 1, file=range(3))
        output: expand("{{chain}}/{step}_{file}.txt", step=step, file=range(3))
        shell: "touch {output}"
"""  # chains of ten jobs, each with three inputs and three outputs; the line `CHAINS = number` comes before it
TASKS, MODELS = 30, ("llama3-8b-instruct", "mistral-7b-instruct", "biomistral-7b", "llama2-7b-chat")


class Cost(NamedTuple):
    """Seconds, CPU seconds and peak memory of one command, and what the command printed."""

    seconds: float
    cpu_seconds: float
    peak_mb: float
    printed: str


def copied(folder: Path) -> None:
    """Copy the project's files into a folder, and add the config of the large study as large.yaml."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in listed.splitlines():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name)
    task = yaml.safe_load((ROOT / "config/tasks/uti.yaml").read_text(encoding="utf-8"))
    source = {"kind": "synthetic", "generator": "uti", "label_noise": 0.02}
    names = [f"task_{number:02}" for number in range(TASKS)]
    for name in names:
        own = task | {"name": name, "recipe": "published", "source": source}
        (folder / f"config/tasks/{name}.yaml").write_text(yaml.safe_dump(own), encoding="utf-8")
    study = {"run_name": "large", "tasks": names, "recipes": {"published": {"models": list(MODELS)}}}
    (folder / "large.yaml").write_text(yaml.safe_dump(study), encoding="utf-8")


def measured(folder: Path, arguments: Sequence[str]) -> Cost:
    """Run one Snakemake command in a folder, and measure its process together with the children.

    Args:
        folder: the working directory.
        arguments: arguments of Snakemake.

    Raises:
        RuntimeError: the command fails.
    """
    started = time.monotonic()
    with tempfile.TemporaryFile("w+") as printed:
        command = [sys.executable, "-m", "snakemake", *arguments]
        process = subprocess.Popen(command, cwd=folder, stdout=printed, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - started
        printed.seek(0)
        text = printed.read()
    if status:
        raise RuntimeError(f"{' '.join(command)}: {text[-2000:]}")
    return Cost(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, text)


def main() -> None:
    """Run Snakemake once to warm up, measure each command once, and write the table."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    large = ["--configfile", "large.yaml"]
    study = f"{TASKS} tasks x {len(MODELS)} models"
    cases = {
        "dry run of the published studies": (["-n"], "4"),
        f"plan of {study}": (["plan", "--cores", "1", *large], "20"),
        f"dry run of {study}": (["-n", *large], "15"),
        "dry run of a bare workflow": (["-n", "--snakefile", "bare.smk"], ""),
    }
    lines, load = [], os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as name:
        copied(Path(name))
        measured(Path(name), ["-n"])  # the first start compiles all modules and computes the digests of the code
        for case, (arguments, limit) in cases.items():
            cost = measured(Path(name), arguments)
            jobs = re.search(r"^total +(\d+)", cost.printed, re.MULTILINE)
            number = f"{int(jobs[1]):,}" if jobs and "-n" in arguments else ""
            cells = (case, number, f"{cost.seconds:.1f}", f"{cost.cpu_seconds:.1f}", limit, f"{cost.peak_mb:.0f}")
            lines.append(f"| {' | '.join(cells)} |")
            if jobs:  # the bare workflow follows the large study and has as many jobs
                (Path(name) / "bare.smk").write_text(f"CHAINS = {int(jobs[1]) // 10}{BARE}", encoding="utf-8")
    head = [
        "# Snakemake on large studies",
        "",
        f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores ({platform.machine()}), Python "
        f"{platform.python_version()}. Made by `benchmarks/scale.py`; each command once, after one start. Load of the "
        f"machine before: {load:.1f} processes. Memory is the peak of one process. "
        "The bare workflow has no functions, params or resources: it shows what Snakemake itself needs for so many "
        "jobs.",
        "",
        "| command | jobs | seconds | CPU seconds | wanted, at most | MB |",
        "|---|---|---|---|---|---|",
    ]
    table = ROOT / "benchmarks/scale.md"
    table.write_text("\n".join([*head, *lines]) + "\n", encoding="utf-8")
    print(table.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
