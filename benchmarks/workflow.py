"""Time the commands that a user waits for: the demo, dry runs, one rebuilt table. It writes benchmarks/workflow.md.

The script deletes the demo's results, reports and logs, and runs the demo again. Install the environment first, and run
the script on an idle machine. Each number is the wall time of a whole command. The demo runs once; the other numbers
are medians of five runs.
"""

import argparse
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
DEMO = ["--configfile", "config/demo.yaml"]
REPEATS = 5


def snakemake(*arguments: str) -> float:
    """Run one Snakemake command, and return its wall time in seconds.

    Raises:
        CalledProcessError: the command fails.
    """
    started = time.monotonic()
    command = [sys.executable, "-m", "snakemake", *arguments]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.monotonic() - started


def rebuilt(target: str) -> float:
    """Delete one file of the finished demo and return the seconds to rebuild it."""
    (ROOT / target).unlink()
    return snakemake(target, "--cores", "2", *DEMO)


def main() -> None:
    """Run the demo from scratch, then the other commands on its results, and write the table."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    for folder in ("results/demo", "reports/demo", "logs/demo"):
        shutil.rmtree(ROOT / folder, ignore_errors=True)
    rows = [("`make demo`, dependencies installed", snakemake("--cores", "2", *DEMO), "600")]
    cases = [
        ("`snakemake -n` on the finished demo", lambda: snakemake("-n", *DEMO), "2"),
        ("`results/demo/uti/stats.csv` after deleting it", lambda: rebuilt("results/demo/uti/stats.csv"), "10"),
        ("dry run of the published study", lambda: snakemake("-n"), "4"),
    ]
    for name, run, limit in cases:
        rows.append((name, statistics.median(run() for _ in range(REPEATS)), limit))
    lines = [
        "# Times of commands",
        "",
        f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores ({platform.machine()}), `--cores 2`, no GPU, "
        f"Python {platform.python_version()}. Made by `benchmarks/workflow.py`; medians of {REPEATS}, the demo once.",
        "",
        "| command | seconds | wanted, at most |",
        "|---|---|---|",
        *(f"| {name} | {seconds:.1f} | {limit} |" for name, seconds, limit in rows),
    ]
    table = ROOT / "benchmarks/workflow.md"
    table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(table.read_text())


if __name__ == "__main__":
    main()
