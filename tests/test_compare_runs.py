"""The comparison of two runs tells what differs, and passes over costs, times and what the table names."""

import subprocess
import sys

import pytest

from tests.compare_runs import compare_runs
from tests.conftest import ROOT

FILES = {
    "results/small/uti/stats.csv": "task,p\nuti,0.04\n",
    "results/small/uti/llama/sft/best/run.json": '{"steps": 3, "wall_seconds": 1.5, "inputs": {"rows": 4}}',
    "reports/small/figures/cost.csv": "task,seconds\nuti,1.5\n",
    "reports/small/summary.html": '<h2 id="cost">Cost</h2>1.5 s<h2 id="figures">Figures</h2><svg>a</svg> P .04',
}


@pytest.fixture
def runs(tmp_path):
    for side in ("before", "after"):
        for name, text in FILES.items():
            write(tmp_path / side / name, text)
    return tmp_path / "before", tmp_path / "after"


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def row(what, before, after, where=""):
    return {"what": what, "where": where, "before": before, "after": after, "why": ""}


def test_costs_and_times_are_no_difference(runs):
    write(runs[1] / "results/small/uti/llama/sft/best/run.json", FILES[list(FILES)[1]].replace("1.5", "2.5"))
    write(runs[1] / "reports/small/figures/cost.csv", "task,seconds\nuti,2.5\n")
    write(runs[1] / "reports/small/summary.html", FILES[list(FILES)[3]].replace("1.5", "2.5"))
    assert compare_runs(*runs, "small") == []


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("results/small/uti/stats.csv", "0.04", "0.05"),
        ("results/small/uti/llama/sft/best/run.json", '"rows": 4', '"rows": 5'),
        ("reports/small/summary.html", ".04", ".05"),
    ],
)
def test_any_other_byte_is_one(runs, file, old, new):
    write(runs[1] / file, FILES[file].replace(old, new))
    assert compare_runs(*runs, "small") == [f"differs: {file}"]


def test_a_file_that_one_run_lacks_is_told(runs):
    write(runs[1] / "results/small/uti/new.csv", "a\n")
    (runs[1] / "results/small/uti/stats.csv").unlink()
    assert compare_runs(*runs, "small") == [
        "only before: results/small/uti/stats.csv",
        "only after: results/small/uti/new.csv",
    ]


def test_what_the_table_renames_is_compared_under_its_new_name(runs):
    (runs[1] / "results/small/uti/stats.csv").rename(runs[1] / "results/small/uti/comparisons.csv")
    write(runs[1] / "results/small/uti/comparisons.csv", "task,p_value,n\nuti,0.04,8\n")
    renames = [
        row("file", r"stats\.csv$", "comparisons.csv"),
        row("column", "p", "p_value", r"comparisons\.csv$"),
        row("column", "n", "", r"comparisons\.csv$"),
    ]
    assert compare_runs(*runs, "small", renames) == []
    write(runs[1] / "results/small/uti/comparisons.csv", "task,p_value,n\nuti,0.05,8\n")
    assert compare_runs(*runs, "small", renames) == ["differs: results/small/uti/comparisons.csv"]


def test_as_a_command(runs):
    (runs[1] / "results/small/uti/stats.csv").unlink()
    table = runs[0].parent / "renames.csv"
    table.write_text("what,where,before,after,why\nfile,,stats\\.csv$,,left out on purpose\n")
    command = [sys.executable, "-m", "tests.compare_runs", *map(str, runs), "--run", "small"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (told.returncode, told.stdout.splitlines()[0]) == (1, "only before: results/small/uti/stats.csv")
    assert subprocess.run([*command, "--renames", str(table)], cwd=ROOT).returncode == 0
