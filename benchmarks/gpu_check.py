"""Check what needs a CUDA card, in at most ten minutes, and write benchmarks/gpu_{card}.md.

Every section of checks runs in a process of its own with a time limit. If a section fails or runs out of time, its rows
so far are kept, and the other sections run. A failure is a row of the table, and the exit status is then 1. Run it from
the project's folder: `make gpu-check`. With `--device cpu` it runs the sections on tiny models, prints the page, and
writes no file.
"""

import argparse
import json
import os
import platform
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from clinical_dpo.cluster.cards import card_of_device
from clinical_dpo.escaping import markdown_table
from clinical_dpo.gpus import visible_gpus
from clinical_dpo.progress import say

FOLDER = Path(__file__).parent
LIMIT = 600  # seconds of all sections
CPU_SECONDS = 600  # of a section with --device cpu
LIBRARIES = ("torch", "transformers", "trl", "peft", "bitsandbytes")


class Section(NamedTuple):
    """A group of checks that run in one process and share a table of the page."""

    name: str
    title: str
    function: str  # module:function, called with a Report
    seconds: float  # most that it may take
    columns: Sequence[str]


STEPS = ("variant", "step, s", "TRL as shipped : this", "share of the peak", "peak memory, GB", "estimate, GB")
SECTIONS = (
    Section(
        *("layouts", "Layouts train the same model", "benchmarks.gpu_layouts:layouts", 150),
        ("against padded rows", "loss", "tolerance", "gradients", "tolerance"),
    ),
    Section("llama", "Training steps of Llama 3 8B", "benchmarks.gpu_steps:llama_steps", 180, STEPS),
    Section("mistral", "Training steps of BioMistral 7B", "benchmarks.gpu_steps:mistral_steps", 180, STEPS),
    Section("answers", "Answers", "benchmarks.gpu_steps:answers", 80, ("way", "answers / s")),
    Section(
        *("memory", "Out of memory, and the next attempt", "benchmarks.gpu_interruptions:out_of_memory", 100),
        ("attempt", "rows at once", "result", "peak memory, GB", "estimate, GB"),
    ),
    Section(
        *("resume", "Killed and resumed", "benchmarks.gpu_interruptions:kill_and_resume", 100),
        ("run", "resumed after step", "difference"),
    ),
)


def run_section(section: Section, device: str, rows: Path, seconds: float) -> list[dict[str, Any]]:
    """Run a section in a new process, stop the process with its children at the time limit, and return its lines.

    Args:
        section: the section.
        device: cuda or cpu.
        rows: file to which the section writes its lines. The section may write other files beside this file.
        seconds: the time limit.

    Returns:
        One mapping per line, with the key `row`, `note`, `failed` or `device`.
    """
    if seconds <= 0:
        return [{"failed": [section.name, f"not started: {LIMIT} s were over"]}]
    command = [sys.executable, "-m", "benchmarks.gpu_section", section.function, str(rows), device]
    process = subprocess.Popen(command, start_new_session=True)
    problem = None
    try:
        status = process.wait(seconds)
        problem = f"its process ended with status {status}" if status else None
    except subprocess.TimeoutExpired:
        problem = f"took longer than {seconds:.0f} s"
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    written = rows.read_text(encoding="utf-8").splitlines() if rows.exists() else []
    lines = [json.loads(line) for line in written if line.endswith("}")]
    if problem is None and not any("row" in line or "failed" in line for line in lines):
        problem = "it measured nothing"
    return [*lines, {"failed": [section.name, problem]}] if problem else lines


def section_text(section: Section, lines: Sequence[dict[str, Any]]) -> str:
    """Heading, notes and table of a section, in Markdown. For a failure the table says what failed and why.

    Args:
        section: the section.
        lines: from `run_section`.
    """
    blank = [""] * (len(section.columns) - 2)
    table = []
    for line in lines:
        if "row" in line:
            table.append(line["row"])
        elif "failed" in line:
            name, problem = line["failed"]
            table.append([name, f"FAILED: {problem}", *blank])
    notes = [line["note"] for line in lines if "note" in line]
    return "\n\n".join([f"## {section.title}", *notes, markdown_table(section.columns, table)])


def check(sections: Sequence[Section], device: str, limit: float = LIMIT) -> tuple[str, str, int]:
    """Run sections.

    Args:
        sections: the sections.
        device: cuda or cpu.
        limit: most seconds of all sections together.

    Returns:
        The device's name, the page in Markdown, and the number of failures.
    """
    started, parts, failures, name = time.monotonic(), [], 0, "no device"
    for number, section in enumerate(sections, 1):
        seconds = min(section.seconds, limit - (time.monotonic() - started))
        say(f"{number} of {len(sections)}: {section.title} (at most {max(seconds, 0):.0f} s)")
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            lines = run_section(section, device, Path(folder) / "rows.jsonl", seconds)
        failed = [line["failed"] for line in lines if "failed" in line]
        name = next((line["device"] for line in lines if "device" in line), name)
        failures += len(failed)
        parts.append(section_text(section, lines) + f"\n\nIt took {time.monotonic() - began:.0f} s.")
        for what, problem in failed:
            say(f"  FAILED: {what}: {problem}")
    versions = ", ".join(f"{library} {version(library)}" for library in LIBRARIES)
    verdict = f"{failures} failed." if failures else f"All {len(sections)} sections passed."
    opening = [
        f"# Check of a GPU: {name}",
        f"{time.strftime('%Y-%m-%d')}, {name}; Python {platform.python_version()}, {versions}. Made by "
        f"`{shlex.join(['python', '-m', 'benchmarks.gpu_check', *sys.argv[1:]])}` in "
        f"{time.monotonic() - started:.0f} s. {verdict}",
    ]
    return name, "\n\n".join([*opening, *parts]) + "\n", failures


def table_path(device: str) -> Path:
    """Path of the table for a card.

    Args:
        device: the card's name, as PyTorch reports it.
    """
    card = card_of_device(device, 1)
    return FOLDER / f"gpu_{card.name if card else re.sub(r'[^a-z0-9]+', '_', device.lower()).strip('_')}.md"


def main() -> None:
    """Run the sections, write the table, and exit with status 1 if anything failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    names = [section.name for section in SECTIONS]
    parser.add_argument("--only", nargs="+", choices=names, help="run these sections, print the page, write no file")
    setup = parser.parse_args()
    if setup.device == "cuda" and not visible_gpus():
        sys.exit("gpu-check: this computer has no GPU. To try the sections on tiny models, add --device cpu.")
    chosen = [section for section in SECTIONS if section.name in (setup.only or names)]
    limit = LIMIT if setup.device == "cuda" else float("inf")
    if setup.device == "cpu":
        chosen = [section._replace(seconds=CPU_SECONDS) for section in chosen]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("gpu-check: ended by SIGTERM."))  # the section's process ends too
    device, page, failures = check(chosen, setup.device, limit)
    print(page)
    if setup.device == "cuda" and not setup.only and device != "no device":
        table_path(device).write_text(page, encoding="utf-8")
    if failures:
        sys.exit(f"gpu-check: {failures} failed. The rows FAILED of the page above say what failed and why.")


if __name__ == "__main__":
    main()
