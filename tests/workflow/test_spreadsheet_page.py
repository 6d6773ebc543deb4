"""docs/spreadsheet.md: its task files are valid and read a workbook as its cells show it."""

import datetime
import re

import pytest
import yaml

from clinical_dpo.config.loading import load_study
from clinical_dpo.data.rows import task_rows
from clinical_dpo.data.sources.retrieve import retrieve
from clinical_dpo.data.tally import Tally
from tests.conftest import ROOT
from tests.helpers.configs import PUBLISHED

TEXT = (ROOT / "docs/spreadsheet.md").read_text(encoding="utf-8")
TASKS = {task["name"]: task for task in map(yaml.safe_load, re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL))}
FORMATS = {"A": "000000", "C": "dd/mm/yyyy", "E": "0%", "F": '0.0 "°C"'}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A project's folder with the task files and the workbook of the page."""
    from openpyxl import Workbook

    book = Workbook()
    book.create_sheet("Key")
    sheet = book.active
    sheet.title = "Visits"
    header, shown = (
        [cell.strip() for cell in line.strip("| ").split("|")]
        for line in re.findall(r"^\| (?:MRN|004711).*$", TEXT, re.MULTILINE)
    )
    sheet.append(header)
    for visit in range(1, 41):
        day = datetime.date(2026, 5, 3) + datetime.timedelta(days=visit - 1)
        note = shown[3] if visit == 1 else f"Cough of kind {visit}."
        admitted = ("yes", "no")[(visit - 1) % 2]
        sheet.append(
            [
                4711 + (visit - 1) // 4,
                visit,
                day,
                note,
                0.95 - visit // 20 / 10,
                38.5,
                admitted,
                f"{shown[7]} ({visit})",
            ]
        )
    for column, number_format in FORMATS.items():
        for cell in sheet[column][1:]:
            cell.number_format = number_format
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    book.save(tmp_path / "data/visits.xlsx")
    (tmp_path / "config/tasks").mkdir(parents=True)
    (tmp_path / "config/models").symlink_to(ROOT / "config/models")
    for name, task in TASKS.items():
        (tmp_path / f"config/tasks/{name}.yaml").write_text(yaml.safe_dump(task), encoding="utf-8")
    return tmp_path


def items(study, task):
    """The task's rows, and what was told about its cells."""
    records, provenance = retrieve(study.source(task), seed=1, n=1)
    repairs = Tally()
    return task_rows(records, study.tasks[task], provenance, repairs), provenance["repairs"]


@pytest.fixture
def study(folder):
    return load_study(PUBLISHED | {"tasks": list(TASKS), "figure2": {}, "run_name": "visits"}, folder)


def test_the_tasks_read_the_workbook_as_the_page_says(study):
    block = TEXT.split("becomes these prompts:")[1].split("```\n")[1]
    shown = [items(study, task)[0][0] for task in ("admit", "plan")]
    assert [row["prompt"][0]["content"] for row in shown] == block.splitlines()
    assert [row["id"] for row in shown] == ["004711-1", "004711-1"]
    assert shown[0]["label"] == "admit"
    assert len({row["group"] for row in items(study, "admit")[0]}) == 10  # patients


def test_every_changed_form_is_told(study):
    _, repairs = items(study, "admit")
    assert repairs["date or time written in ISO form"]["count"] == 40
    assert repairs["number written as its cell shows it"]["count"] == 3 * 40
    assert f"`{repairs['number written as its cell shows it']['first']}`" in TEXT


def test_a_number_can_be_compared(study):
    rows, _ = items(study, "plan")
    assert {"Hypoxic" in row["prompt"][0]["content"] for row in rows} == {True, False}
