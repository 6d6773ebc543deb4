"""The data of the examples are generated, and their files valid."""

import csv
import re
import shutil

import pytest
import yaml
from openpyxl import load_workbook

from clinical_dpo.config.loading import load_study
from clinical_dpo.config.study import merge
from clinical_dpo.data.rows import task_rows
from clinical_dpo.data.sources.retrieve import retrieve
from clinical_dpo.data.tally import Tally
from clinical_dpo.yaml_files import read_yaml
from examples.data import orders, workbook
from tests.conftest import ROOT
from tests.helpers.configs import PUBLISHED
from tests.helpers.examples import EXAMPLES, PAGE, TASKS


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
