"""docs/new_task.md shows the files of docs/example, commands that run, and mappings and choices that are valid."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from clinical_dpo.config.metrics import METRICS
from clinical_dpo.config.task_rules import VALID_VALUES
from clinical_dpo.data.columns import map_row
from clinical_dpo.data.rows import task_rows
from clinical_dpo.data.sources import retrieve as sources
from clinical_dpo.yaml_files import read_yaml
from tests.conftest import ROOT
from tests.helpers.workflow import Project, rows

TEXT = (ROOT / "docs/new_task.md").read_text(encoding="utf-8")
COMMANDS = [line for block in re.findall(r"```bash\n(.*?)```", TEXT, re.DOTALL) for line in block.splitlines()]
RESULTS = "results/example/call_today"


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return Project.copy(tmp_path_factory.mktemp("project"), "docs/example/run.yaml")


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


def test_the_page_shows_the_files():
    shown = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    assert shown == [(ROOT / f"docs/example/{name}.yaml").read_text() for name in ("call_today", "run")]
    lines = (ROOT / "docs/example/call_today.csv").read_text().splitlines()
    assert "\n".join(lines[:2]) in TEXT and f"{len(lines) - 1} messages" in TEXT


def test_the_example_data_become_task_rows():
    task = read_yaml(ROOT / "docs/example/call_today.yaml")
    path = ROOT / task["source"]["path"]
    records, provenance = sources.retrieve(task["source"] | {"path": str(path)}, seed=1, n=1)
    items = task_rows(records, task, provenance)
    messages = [tuple(row.values()) for row in rows(path)]
    assert [(item["prompt"][0]["content"].split(" Is this")[0], item["label"]) for item in items] == [
        (message, {"yes": "urgent", "no": "nonurgent"}[today]) for message, today in messages
    ]
    assert len({item["id"] for item in items}) == len(items) == sum(task["splits"].values())


def test_every_mapping_shown_works():
    row = {
        "Message": "m",
        "distractors": ["x", "y"],
        "context": {"contexts": ["a", "b"]},
        **{"history": "h", "findings": "f", "Chief complaint": "c", "uti": "1", "mrn": 17, "visit": 2},
        **{"wrong_1": "v", "wrong_2": "w", "choices": {"A": "right", "B": "x"}, "answer": "right"},
    }
    shown = re.findall(r"^\| .*? \| `(\w+: .*)` \|$", TEXT, re.MULTILINE)
    columns = [yaml.safe_load(mapping.replace("\\|", "|")) for mapping in shown]
    assert [map_row(row, each) | row for each in columns] == [
        row | expected
        for expected in (
            {"message": "m"},
            {"options": ["x", "y"]},
            {"context": ["a", "b"]} | row,
            {"note": "h\nf"},
            {"note": "c"},
            {"label": "UTI"},
            {"id": "17-2"},
            {"options": ["v", "w"]},
            {"options": ["x"]},
        )
    ]


def test_the_table_of_choices_equals_the_configs_rules():
    table = {
        row.split("`")[1]: row.split(" | ") for row in TEXT.splitlines() if re.match(r"\| `(label|answer|text)`", row)
    }
    for answer_type, (_, _, rejected, selection, graders) in table.items():
        assert set(re.findall(r"`(\w+)`", rejected)) - {"options"} == set(VALID_VALUES["rejected_source"][answer_type])
        assert set(re.findall(r"`(\w+)`", selection)) == set(VALID_VALUES["selection_metric"][answer_type])
        pairs = {
            (grader, metric)
            for part in graders.split(";")
            for part_graders, part_metrics in [part.split(":")]
            for grader in re.findall(r"`(\w+)`", part_graders)
            for metric in re.findall(r"`(\w+)`", part_metrics)
        }
        assert pairs == {
            (grader, name)
            for name, metric in METRICS.items()
            for grader in metric.graders
            if grader in VALID_VALUES["grader"][answer_type] and (name != "rubric" or answer_type == "text")
        }
    assert set(table) == set(VALID_VALUES["grader"])


def test_the_first_commands_copy_the_example_and_plan_its_training(project):
    copy, dry, *_ = COMMANDS
    shell(project, copy)
    planned = shell(project, dry)
    assert re.search(r"^train +4$", planned, re.MULTILINE) and re.search("^plot_sweep +1$", planned, re.MULTILINE)
    assert not re.search("compare_published|check_paper_consistency", planned)  # the papers do not have this task


@pytest.mark.slow
def test_all_commands_make_the_statistics_and_the_files_that_the_page_names(project):
    for command in COMMANDS:
        shell(project, command)
    stats = rows(project.folder / RESULTS / "stats.csv")
    assert {row["comparison"] for row in stats} == {"sft_vs_base", "dpo_vs_base", "dpo_vs_sft"}
    for path in re.findall(r"^\| `((?:results|reports)/.*?)` \|", TEXT, re.MULTILINE):
        assert (project.folder / path).exists(), path
