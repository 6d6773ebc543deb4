"""The comparison of two runs lists their differences, without costs, times and the entries of the table of renames."""

import subprocess
import sys

import pytest

from clinical_dpo.grading.raters.secret import read_or_create_secret
from clinical_dpo.grading.raters.sheet_files import write_sheet
from clinical_dpo.grading.raters.sheets import KEY_COLUMNS, key_rows, preference_items, sheet_rows
from clinical_dpo.io import write_csv
from tests.conftest import ROOT
from tests.helpers.compare_runs import compare_runs
from tests.helpers.rating import study

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


def rename(kind, before, after, where=""):
    """A row of the table of renames."""
    return {"what": kind, "where": where, "before": before, "after": after, "why": ""}


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
def test_any_other_byte_is_a_difference(runs, file, old, new):
    write(runs[1] / file, FILES[file].replace(old, new))
    assert compare_runs(*runs, "small") == [f"differs: {file}"]


def test_a_file_of_one_run_alone_is_a_difference(runs):
    write(runs[1] / "results/small/uti/new.csv", "a\n")
    (runs[1] / "results/small/uti/stats.csv").unlink()
    assert compare_runs(*runs, "small") == [
        "only before: results/small/uti/stats.csv",
        "only after: results/small/uti/new.csv",
    ]


def test_a_renamed_file_or_column_is_compared_under_its_new_name(runs):
    (runs[1] / "results/small/uti/stats.csv").rename(runs[1] / "results/small/uti/comparisons.csv")
    write(runs[1] / "results/small/uti/comparisons.csv", "task,p_value,n\nuti,0.04,8\n")
    renames = [
        rename("file", r"stats\.csv$", "comparisons.csv"),
        rename("column", "p", "p_value", r"comparisons\.csv$"),
        rename("column", "n", "", r"comparisons\.csv$"),
    ]
    assert compare_runs(*runs, "small", renames) == []
    write(runs[1] / "results/small/uti/comparisons.csv", "task,p_value,n\nuti,0.05,8\n")
    assert compare_runs(*runs, "small", renames) == ["differs: results/small/uti/comparisons.csv"]


def write_blinded(folder, change=lambda answers: None):
    """Write a sheet and its key with a new secret, as the workflow does; return their folder."""
    grading = folder / "results/small/uti/llama/grading"
    rows, answers = study(12)
    change(answers)
    items = preference_items(rows, answers, ("dpo", "sft"), 42)
    secret = read_or_create_secret(grading / "keys/preference.secret")
    key = key_rows(items, "preference", "preference", ["r1"], secret)
    write_csv(grading / "keys/preference.csv", key, KEY_COLUMNS, private=True)
    write_sheet(grading / "preference.r1", sheet_rows(items, key, "r1"), "preference", "preference", "r1", "Rate.")
    return grading


def test_another_draw_of_a_sheet_is_no_difference(runs):
    first, second = map(write_blinded, runs)
    assert (first / "preference.r1.csv").read_bytes() != (second / "preference.r1.csv").read_bytes()
    assert compare_runs(*runs, "small") == []


def test_another_answer_on_a_sheet_is_a_difference_in_each_of_its_files(runs):
    write_blinded(runs[0])
    write_blinded(runs[1], lambda answers: answers["dpo"][1].update(text="another"))
    files = ["keys/preference.csv", *(f"preference.r1.{ending}" for ending in ("csv", "html", "json", "xlsx"))]
    expected = [f"differs: results/small/uti/llama/grading/{name}" for name in files]
    assert compare_runs(*runs, "small") == expected


@pytest.mark.parametrize("ending", ["csv", "html", "json"])
def test_a_sheet_with_exchanged_sides_is_a_difference_or_contradicts_its_key(runs, ending):
    for folder in runs:
        grading = write_blinded(folder)
    path = grading / f"preference.r1.{ending}"
    text = path.read_text(encoding="utf-8")
    exchanged = {
        "csv": ("Answer A,Answer B", "Answer B,Answer A"),
        "html": ('"A": "', '"B": "'),
        "json": ('"A"', '"B"'),
    }
    first, second = exchanged[ending]
    path.write_text(text.replace(first, "SIDE").replace(second, first).replace("SIDE", second), encoding="utf-8")
    try:
        differences = compare_runs(*runs, "small")
    except AssertionError as error:  # the sheet and its key contradict each other
        differences = [str(error)]
    assert any(path.name in line for line in differences)


def test_the_command_prints_differences_and_fails_unless_the_table_explains_them(runs):
    (runs[1] / "results/small/uti/stats.csv").unlink()
    table = runs[0].parent / "renames.csv"
    table.write_text("what,where,before,after,why\nfile,,stats\\.csv$,,left out on purpose\n")
    command = [sys.executable, "-m", "tests.helpers.compare_runs", *map(str, runs), "--run", "small"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout.splitlines()[0]) == (1, "only before: results/small/uti/stats.csv")
    assert subprocess.run([*command, "--renames", str(table)], cwd=ROOT).returncode == 0
