"""The examples: their data are generated, their files valid, and their commands make what their pages show."""

import csv
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from openpyxl import load_workbook
from PIL import Image

from clinical_dpo.config.loading import load_study
from clinical_dpo.config.study import merge
from clinical_dpo.data.rows import task_rows
from clinical_dpo.data.sources.retrieve import retrieve
from clinical_dpo.data.tally import Tally
from clinical_dpo.grading.raters.rating_files import read_ratings
from clinical_dpo.grading.raters.sheet_files import write_sheet
from clinical_dpo.yaml_files import read_yaml
from examples.data import orders, workbook
from examples.orders.rate import anna, ben, points
from examples.orders.rate import main as rate
from examples.results import HEIGHT, WIDTH, main, with_printed
from tests.conftest import ROOT, real_data
from tests.helpers.configs import PUBLISHED
from tests.helpers.smollm2 import read_model_from
from tests.helpers.workflow import Project, rows

EXAMPLES = ROOT / "examples"
TASKS = {"visits": "admit", "orders": "instructions", "pubmedqa": "pubmedqa_labels"}
PAGE = {name: (EXAMPLES / name / "README.md").read_text(encoding="utf-8") for name in TASKS}
COMMANDS = {
    name: [line for block in re.findall(r"```bash\n(.*?)```", page, re.DOTALL) for line in block.splitlines()]
    for name, page in PAGE.items()
}


# Data and files.
def test_the_workbook_is_the_generated_one():
    path = EXAMPLES / "visits/visits.xlsx"
    committed, generated = load_workbook(path), workbook()
    assert committed.sheetnames == generated.sheetnames
    for sheet in generated:
        expected = [[(cell.value, cell.number_format) for cell in row] for row in sheet.iter_rows(max_col=8)]
        shown = [
            [(_date(cell.value), cell.number_format) for cell in row]
            for row in committed[sheet.title].iter_rows(max_col=8)
        ]
        assert shown == expected


def _date(value):
    """A cell's value. A workbook stores a date as a time."""
    return value.date() if hasattr(value, "date") else value


def test_the_orders_are_the_generated_ones():
    with open(EXAMPLES / "orders/orders.csv", newline="", encoding="utf-8") as file:
        committed = list(csv.DictReader(file))
    assert committed == orders()
    assert f"Order: {committed[0]['Order']}\n{committed[0]['Instruction']}\n" in PAGE["orders"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with the config of the project, the task files of the examples, and their data."""
    shutil.copytree(ROOT / "config", tmp_path / "config")
    (tmp_path / "examples").symlink_to(EXAMPLES)
    for file in EXAMPLES.glob("*/*.yaml"):
        if file.name != "config.yaml":
            shutil.copy(file, tmp_path / "config/tasks")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def study_of(name, folder):
    return load_study(merge(PUBLISHED, read_yaml(EXAMPLES / name / "config.yaml")), folder)


def items_of(study, task):
    """The rows of a task, and the repairs of its cells."""
    records, provenance = retrieve(study.source(task), seed=1, n=1)
    return task_rows(records, study.tasks[task], provenance, Tally()), provenance.get("repairs")


@pytest.mark.parametrize("name", TASKS)
def test_the_config_names_the_task_and_the_small_real_model(folder, name):
    study = study_of(name, folder)
    assert list(study.tasks) == [TASKS[name]]
    assert study.task_models(TASKS[name]) == ["smollm2-135m-instruct"]


@pytest.mark.parametrize("name", ["visits", "orders"])
def test_the_splits_take_all_rows(folder, name):
    study = study_of(name, folder)
    items, _ = items_of(study, TASKS[name])
    ids = {item["id"] for item in items}
    assert len(ids) == len(items) == sum(study.tasks[TASKS[name]]["splits"].values())


def test_the_workbook_is_read_as_its_cells_show(folder):
    """The page shows the first row as a table, and the prompt made of it."""
    items, repairs = items_of(study_of("visits", folder), "admit")
    header, shown = (
        [cell.strip() for cell in line.strip("| ").split("|")]
        for line in re.findall(r"^\| (?:MRN|004711) .*$", PAGE["visits"], re.MULTILINE)
    )
    cells = dict(zip(header, shown, strict=True))
    prompt = items[0]["prompt"][0]["content"]
    assert f"```\n{prompt}\n```" in PAGE["visits"]
    assert all(cells[name] in prompt for name in ("Note", "O2 saturation", "Temp"))
    day, month, year = cells["Seen on"].split("/")
    assert prompt.startswith(f"{year}-{month}-{day}: ")
    assert items[0]["id"] == f"{cells['MRN']}-{cells['Visit']}"
    assert items[0]["label"] == {"yes": "admit", "no": "discharge"}[cells["Admit?"]]
    assert f"`{repairs['number written as its cell shows it']['first']}`" in PAGE["visits"]
    assert repairs["number written as its cell shows it"]["count"] == 3 * len(items)
    assert repairs["date or time written in ISO form"]["count"] == len(items)


def test_a_stored_number_can_be_compared(folder):
    columns, template = re.search(r"`(as: \{.*?\})` under `source`, then\s+`(\{\{.*?\}\})`", PAGE["visits"]).groups()
    task = yaml.safe_load((folder / "config/tasks/admit.yaml").read_text())
    task["source"] |= yaml.safe_load(columns)
    task["columns"]["note"] = template
    (folder / "config/tasks/admit.yaml").write_text(yaml.safe_dump(task))
    items, _ = items_of(study_of("visits", folder), "admit")
    saturations = [row[4].value for row in workbook()["Visits"].iter_rows(min_row=2)]
    assert [item["prompt"][0]["content"].startswith("Hypoxic") for item in items] == [n < 0.92 for n in saturations]


# Rules that play the raters.
def test_the_rules_give_a_whole_instruction_the_best_grade():
    for row in orders():
        assert anna(f"Order: {row['Order']}", row["Instruction"]) == 5
        assert ben(f"Order: {row['Order']}", row["Instruction"]) == 5


ORDER = "Order: codeine 30 mg 2 tab po bid pc x 7 d; drowsy; f/u 1 mo\n\nWrite this order for the patient."
WHOLE = (
    "Take 2 tablets of codeine (30 mg) twice a day after meals for 7 days. Do not drive, it makes you sleepy. "
    "Come back in 1 month."
)


@pytest.mark.parametrize(
    ("old", "new", "missing", "grade"),
    [
        ("", "", set(), 5),
        (" Come back in 1 month.", "", {"review"}, 4),
        ("after meals for 7 days", "", {"meal", "duration"}, 3),
        ("30 mg", "15 mg", {"dose"}, 2),
        ("twice a day", "every day", {"frequency"}, 2),
        (WHOLE, "Take your medicine.", {"dose", "frequency", "meal", "duration", "warning", "review"}, 1),
    ],
)
def test_a_missing_point_costs_grades(old, new, missing, grade):
    answer = WHOLE.replace(old, new, 1)
    assert {point for point, present in points(ORDER, answer).items() if not present} == missing
    assert anna(ORDER, answer) == grade == ben(ORDER, answer)


def test_ben_is_stricter_about_abbreviations_and_length():
    for answer in (f"{WHOLE} Take it po.", f"{WHOLE} {'It is a medicine. ' * 10}"):
        assert (anna(ORDER, answer), ben(ORDER, answer)) == (5, 4)


def test_grades_go_to_the_folder_of_the_sheets_model(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match=r"no sheets\. Run the commands"):
        rate()
    folder = tmp_path / "results/orders/instructions/some-model/grading"
    for rater in ("anna", "ben"):
        line = {"item_id": "i1", "question": ORDER, "answer": f"{WHOLE} Take it po.", "text_sha256": "5" * 64}
        write_sheet(folder / f"likert.{rater}", [line], "likert", "likert", rater)
    rate()
    returned = {
        rater: read_ratings(tmp_path / f"ratings/orders/instructions/some-model/likert.{rater}.csv")
        for rater in ("anna", "ben")
    }
    assert [(rater, row["item_id"], row["rating"]) for rater, lines in returned.items() for row in lines] == [
        ("anna", "i1", "5"),
        ("ben", "i1", "4"),
    ]


# Results on a page.
MARKED = "Before\n<!-- summary -->\n```text\nold\n```\nafter\n<!-- awaited -->\n```text\nother\n```\n"


def test_the_lines_after_a_mark_are_replaced():
    assert with_printed(MARKED, "summary", "\nnew \\1  \n\n") == MARKED.replace("old", "new \\1")
    assert with_printed(MARKED, "awaited", "anna") == MARKED.replace("other", "anna")
    with pytest.raises(ValueError, match="0 blocks"):
        with_printed("no mark", "summary", "new")


@pytest.fixture
def reports(tmp_path):
    """The report of a finished run of the example `visits`, and a page that has no results yet."""
    for name, content in (
        ("figures/figure2a.png", "a panel"),
        ("summary.html", "<h1>page"),
        ("summary.txt", "F1 .5\n"),
    ):
        path = tmp_path / "reports/visits" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    (tmp_path / "out/visits").mkdir(parents=True)
    (tmp_path / "out/visits/README.md").write_text(MARKED, encoding="utf-8")
    return tmp_path / "reports"


def test_the_page_gets_figure_picture_and_summary(browser, reports, tmp_path):
    """A process of its own, because Playwright runs once in a process."""
    options = ["--reports", str(reports), "--out", str(tmp_path / "out")]
    subprocess.run([sys.executable, "-m", "examples.results", "visits", *options], cwd=ROOT, check=True)
    out = tmp_path / "out/visits"
    assert (out / "figure2.png").read_bytes() == b"a panel"
    assert Image.open(out / "page.png").size == (WIDTH, HEIGHT)
    page = (out / "README.md").read_text(encoding="utf-8")
    before, after = MARKED.split("old\n")
    assert page.startswith(f"{before}F1 .5\n\nNext:\n  open reports/visits/summary.html in a browser\n")
    assert "--configfile examples/visits/config.yaml" in page and page.endswith(after)


def test_a_run_that_waits_for_ratings_changes_the_lines_about_them_alone(reports, tmp_path):
    (reports / "visits/summary.txt").write_text("F1 .5\n\nStill awaited:\n  anna: 40 of 40 items\n", encoding="utf-8")
    main(["visits", "--reports", str(reports), "--out", str(tmp_path / "out")])
    page = (tmp_path / "out/visits/README.md").read_text(encoding="utf-8")
    before, after = MARKED.split("other\n")
    assert page.startswith(f"{before}Still awaited:\n  anna: 40 of 40 items\n\nNext:\n") and page.endswith(after)
    assert not (tmp_path / "out/visits/figure2.png").exists()


def test_the_results_need_a_finished_run(tmp_path):
    with pytest.raises(SystemExit, match=r"figure2a\.png, .*summary\.txt: missing\. Run the commands of .*README\.md"):
        main(["visits", "--reports", str(tmp_path)])


# Commands.
@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return Project.copy(tmp_path_factory.mktemp("project"), "")


def shell(project, command):
    """Run a command as a reader types it and return its output."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        command,
        shell=True,
        cwd=project.folder,
        capture_output=True,
        text=True,
        env=os.environ | {"PATH": path, "HF_HUB_OFFLINE": "1"},
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    return done.stdout + done.stderr


@pytest.mark.parametrize(("name", "trainings"), [("visits", 3), ("orders", 2), ("pubmedqa", 2)])
def test_the_first_commands_copy_the_task_and_plan_its_training(project, name, trainings):
    commands = COMMANDS[name]
    dry = next(number for number, command in enumerate(commands) if " -n " in command)
    for command in commands[:dry]:
        shell(project, command)
    planned = shell(project, commands[dry])
    assert re.search(rf"^train +{trainings}$", planned, re.MULTILINE)
    if name != "pubmedqa":  # the papers do not have these tasks
        assert not re.search("compare_published|check_paper_consistency", planned)


@pytest.mark.slow
def test_labels_from_a_spreadsheet(project, smollm2):
    printed = run_page(project, "visits", smollm2)
    assert words((project.folder / "reports/visits/summary.txt").read_text()) in words(printed[-1])
    patients = {split: patients_in(project, split) for split in ("train", "eval", "dev", "test")}
    assert sum(len(groups) for groups in patients.values()) == len(set().union(*patients.values()))
    accuracy = {row["variant"]: float(row["estimate"]) for row in metric(project, "visits", "accuracy")}
    assert accuracy["sft"] > accuracy["base"] + 0.2  # the base model hardly answers with a label
    errors = errors_of_plan(project, "visits")
    assert {kind: jobs for kind, (jobs, _) in errors.items()} == {"SFT": 2, "answers": 5}  # others have one job
    assert all(error <= 0.25 for jobs, error in errors.values() if jobs >= 5)


def errors_of_plan(project, name):
    """Kind of job -> number of finished jobs and error of the plan, as the plan shows them after a run."""
    shell(project, f"snakemake --cores 1 plan --configfile examples/{name}/config.yaml")
    run = read_yaml(EXAMPLES / name / "config.yaml")["run_name"]
    plan = (project.folder / f"reports/{run}/plan.txt").read_text()
    shown = re.findall(r"^(SFT|DPO|reference|answers) +(\d+) .* (\d+)%$", plan, re.MULTILINE)
    return {kind: (int(jobs), int(error) / 100) for kind, jobs, error in shown}


def words(text):
    """A text without its line breaks."""
    return " ".join(text.split())


def patients_in(project, split):
    return {row["group"] for row in rows(project.folder / f"results/visits/admit/data/{split}.jsonl")}


@pytest.mark.slow
def test_texts_that_two_colleagues_grade(project, smollm2):
    """The page shows what the first run says about the sheets."""
    printed = run_page(project, "orders", smollm2)
    paths = set(re.findall(r"(?:results|ratings)/\S*/likert\.\w+\.\w+", PAGE["orders"]))
    assert len(paths) >= 2 and all(path in printed[2] for path in paths)
    assert "Still awaited" not in printed[-1] and not re.search(r"^train ", printed[-1], re.MULTILINE)
    grades = {row["variant"]: float(row["estimate"]) for row in metric(project, "orders", "mean_likert")}
    assert grades["sft"] > grades["base"]
    agreement = rows(project.folder / "results/orders/instructions/agreement.csv")
    assert {row["metric"] for row in agreement} >= {"quadratic_kappa", "icc_2_1"}
    assert {row["status"] for row in agreement} == {"complete"}


@pytest.mark.slow
def test_pubmedqa_on_a_small_real_model(project, smollm2):
    """Real rows, from the publisher's file in place of the hub."""
    task = project.folder / "config/tasks/pubmedqa_labels.yaml"
    path = real_data("pubmedqa", "ori_pqal.json")
    source = {"kind": "file", "path": str(path), "reader": "pubmedqa"}
    settings = yaml.safe_load(task.read_text()) | {"source": source, "when_missing": "error"}
    task.write_text(yaml.safe_dump(settings))
    run_page(project, "pubmedqa", smollm2)


def run_page(project, name, smollm2):
    """Run the commands of a page with the model of a folder in place of the hub, and check the files that it names.

    Returns:
        What each command printed.
    """
    read_model_from(smollm2[0], project.folder)
    printed = [shell(project, command) for command in COMMANDS[name]]
    for path in re.findall(r"^\| `((?:results|reports|ratings)/.*?)` \|", PAGE[name], re.MULTILINE):
        assert (project.folder / path).exists(), path
    stats = rows(table(project, name, "stats"))
    assert {row["comparison"] for row in stats} == {"sft_vs_base", "dpo_vs_base", "dpo_vs_sft"}
    assert {row["status"] for row in stats} == {"complete"}
    return printed


def table(project, name, file):
    run = read_yaml(EXAMPLES / name / "config.yaml")["run_name"]
    return project.folder / f"results/{run}/{TASKS[name]}/{file}.csv"


def metric(project, name, measure):
    return [row for row in rows(table(project, name, "metrics")) if row["metric"] == measure]
