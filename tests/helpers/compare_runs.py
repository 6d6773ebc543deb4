"""Compare the files of two finished runs byte by byte, except for costs, times and the entries of a table of renames.

Every run draws orders and sides of raters' sheets at random, so sheets are compared after each run's key has unblinded
them.

    python -m tests.helpers.compare_runs BEFORE AFTER [--run demo] [--renames renames.csv]

BEFORE and AFTER are folders that hold results/ and reports/. The table has the columns `what`, `where`, `before`,
`after` and `why`:

    file     replaces the regular expression `before` in paths by `after`; an empty `after` leaves the file out
    column   renames column `before` to `after` in tables whose path matches `where`; an empty `after` leaves it out
    text     replaces the text `before` by `after` in files whose path matches `where`
"""

import argparse
import csv
import json
import re
import sys
import zipfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.helpers.unblinding import is_blinded, unblinded

PRICE = {"cost_usd"}  # keys of records
TIMES = {"wall_seconds", "loading_seconds", "evaluation_seconds", "peak_memory_mib"} | PRICE
# The figure and tables of costs, and the plan, which names costs too.
COSTS = re.compile(r"figures/cost\.\w+|plan(_disk|_items)?\.(csv|txt)")
# Costs on the page, and its figures, which are compared as files of their own.
COST_OF_PAGE = re.compile(rb'<h2 id="cost">.*?(?=<h2|</main>|\Z)|<svg.*?</svg>', re.DOTALL)


# Costs in sentences of decisions, and the history of a margin, which a run from scratch does not have.
COST_OF_SENTENCE = re.compile(rb", at [\d.]+ times the (?:GPU|training) hours")
HISTORY = re.compile(rb" The margin was (?:[\d.]+|not recorded) [a-z ]+ made\.")


def content(path: Path, ignored: Collection[str] = TIMES) -> object:
    """Content of a file without its costs, times and history.

    A folder gives a dict of all its files. A path without a file gives None.

    Args:
        path: the file or folder.
        ignored: keys of records that are left out. The costs of a page are left out only if the keys of time are.
    """
    if path.is_dir():
        return {file.relative_to(path): content(file, ignored) for file in path.rglob("[!.]*") if file.is_file()}
    if not path.exists():
        return None
    if is_blinded(path):
        return unblinded(path)
    if path.suffix == ".json":
        return _without(json.loads(path.read_bytes()), ignored)
    if path.suffix == ".xlsx":
        with zipfile.ZipFile(path) as book:
            # docProps/core.xml holds the time at which the workbook was written.
            return {name: book.read(name) for name in book.namelist() if name != "docProps/core.xml"}
    text = HISTORY.sub(b"", path.read_bytes())
    if set(ignored) >= TIMES:
        text = COST_OF_SENTENCE.sub(b"", text)
        text = COST_OF_PAGE.sub(b"", text) if path.name == "summary.html" else text
    return text


def _without(value: Any, keys: Collection[str]) -> Any:
    if isinstance(value, dict):
        return {key: _without(each, keys) for key, each in value.items() if key not in keys}
    return [_without(each, keys) for each in value] if isinstance(value, list) else value


def run_files(folder: Path, run: str) -> dict[str, Path]:
    """Path below the folder -> file, for all results and reports of a run except its costs."""
    tops = [folder / top / run for top in ("results", "reports")]
    files = (path for top in tops for path in top.rglob("*") if path.is_file() and not path.name.startswith("."))
    return {name: path for path in files if not COSTS.search(name := path.relative_to(folder).as_posix())}


def compare_runs(before: Path, after: Path, run: str = "", renames: Sequence[Mapping[str, str]] = ()) -> list[str]:
    """One line per difference: a file that only one run has, or a file whose content differs.

    Args:
        before, after: folders that hold results/ and reports/.
        run: the run's name, empty for the published study.
        renames: rows of the table.
    """
    old = {}
    for name, path in run_files(before, run).items():
        moved: str | None = name
        for row in renames:
            if moved and row["what"] == "file" and re.search(row["before"], moved):
                moved = re.sub(row["before"], row["after"], moved) if row["after"] else None
        if moved:
            old[moved] = path
    left_out = [row["before"] for row in renames if row["what"] == "file" and not row["after"]]
    new = {
        name: path
        for name, path in run_files(after, run).items()
        if not any(re.search(pattern, name) for pattern in left_out)
    }
    lines = [f"only before: {name}" for name in sorted(old.keys() - new.keys())]
    lines += [f"only after: {name}" for name in sorted(new.keys() - old.keys())]
    for name in sorted(old.keys() & new.keys()):
        changes = [row for row in renames if row["what"] != "file" and re.search(row["where"], name)]
        if _renamed(old[name], changes) != _renamed(new[name], changes):
            lines.append(f"differs: {name}")
    return lines


def _renamed(path: Path, renames: Sequence[Mapping[str, str]]) -> object:
    """Content of a file under the new names."""
    columns = {row["before"]: row["after"] for row in renames if row["what"] == "column"}
    if columns and path.suffix == ".csv":
        with open(path, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        return [{columns.get(key, key): value for key, value in row.items() if columns.get(key, key)} for row in rows]
    value = content(path)
    for row in renames:
        if row["what"] == "text" and isinstance(value, bytes):
            value = value.replace(row["before"].encode(), row["after"].encode())
    return value


def main() -> None:
    """Print the differences; exit with status 1 if there are any."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--run", default="")
    parser.add_argument("--renames", type=Path)
    arguments = parser.parse_args()
    renames = list(csv.DictReader(arguments.renames.open(encoding="utf-8"))) if arguments.renames else []
    lines = compare_runs(arguments.before, arguments.after, arguments.run, renames)
    files = len(run_files(arguments.before, arguments.run))
    print("\n".join([*lines, f"{files} files before, {len(lines)} differences"]))
    sys.exit(bool(lines))


if __name__ == "__main__":
    main()
